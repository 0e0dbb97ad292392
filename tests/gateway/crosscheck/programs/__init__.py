"""Programs that tell the story with a client of their own."""
