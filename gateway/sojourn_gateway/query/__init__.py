"""The only reader of the engine."""

from sojourn_gateway.query.queries import Queries

__all__ = ["Queries"]
