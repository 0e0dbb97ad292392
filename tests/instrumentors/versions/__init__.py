"""The instrumentors with the releases of their libraries that are not in the main environment."""
