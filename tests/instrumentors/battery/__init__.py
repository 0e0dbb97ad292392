"""The battery: what every instrumentor owes its host, stated once and tried on every library of the catalogue."""
