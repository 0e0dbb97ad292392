"""What the `sojourn` command does when the gateway is installed."""

from sojourn_gateway.command.line import main

__all__ = ["main"]
