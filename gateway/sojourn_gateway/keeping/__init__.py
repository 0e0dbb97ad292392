"""The life of what is stored: how long it stays, how it goes, how it leaves and comes back, what it costs."""

from sojourn_gateway.keeping.keeper import Keeper, Policy

__all__ = ["Keeper", "Policy"]
