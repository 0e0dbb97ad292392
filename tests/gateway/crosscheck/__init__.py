"""One story told through every door of the gateway, and read back through every other."""
