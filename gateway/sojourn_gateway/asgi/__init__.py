"""What every HTTP surface of the gateway shares: errors, limits, the guard at the door, the services behind it."""
