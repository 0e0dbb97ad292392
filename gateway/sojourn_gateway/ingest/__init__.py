"""The way in: OTLP bodies and orphaned journals become rows of the engine."""

from sojourn_gateway.ingest.ingest import Ingest, Receipt
from sojourn_gateway.ingest.pickup import Pickup, Swept

__all__ = ["Ingest", "Pickup", "Receipt", "Swept"]
