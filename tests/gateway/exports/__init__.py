"""Files as other products write them, made small."""
