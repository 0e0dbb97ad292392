"""One module for each instrumentor, named as that is: how the battery calls its library."""
