"""ClickHouse, embedded: all SQL of the gateway is here."""

from sojourn_gateway.engine.engine import Engine

__all__ = ["Engine"]
