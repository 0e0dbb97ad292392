"""Prices where SQL can use them: looked up once for each provider, model and time, and kept in a small table."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sojourn import prices
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Handle

__all__ = ["RateBook", "known_rates"]

SLOT_NS: Final = 900_000_000_000
"""Prices by the hour of the day change at no finer grain than this."""

_COLUMNS: Final = (
    "provider",
    "request_model",
    "response_model",
    "since_ns",
    "until_ns",
    "above",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "audio_input",
    "audio_output",
    "per_request",
    "audio",
    "partial",
    "source",
    "version",
)
_MILLION: Final = Decimal(1_000_000)
_SCALE: Final = Decimal(1).scaleb(-15)


def known_rates(provider: str, request_model: str, response_model: str, at_ns: int) -> prices.Rates | None:
    """The rates of the model that answered, else of the one asked for."""
    answered = prices.rates(provider, response_model, at_ns)
    return answered if answered is not None else prices.rates(provider, request_model, at_ns)


class RateBook:
    """The table `rates`, extended as models are met."""

    def __init__(self, writer: Handle) -> None:
        self._writer = writer
        self._source = prices.table_version()
        # Another version of the price table may know other prices: what it says holds from now on.
        source = {"source": self._source}
        if writer.rows(f"select 1 from {DATABASE}.rates where source != {{source:String}} limit 1", source):
            writer.run(f"delete from {DATABASE}.rates where source != {{source:String}}", source)
        self._kept = {
            (text(provider), text(asked), text(answered), since)
            for provider, asked, answered, since in writer.rows(
                f"select provider, request_model, response_model, since_ns from {DATABASE}.rates final"
            )
        }

    def learn(self, after: int, upto: int) -> None:
        """See that the models of these commits have their rates in the table, as far as they have any."""
        met = self._writer.rows(
            f"""select distinct provider, request_model, response_model, intDiv(start_ns, {SLOT_NS})
            from {DATABASE}.spans
            where commit > {{after:UInt64}} and commit <= {{upto:UInt64}} and usage and isNull(reported)""",
            {"after": after, "upto": upto},
        )
        fresh: list[Sequence[object]] = []
        for provider, asked, answered, slot in met:
            names = (text(provider), text(asked), text(answered))
            at_ns = slot * SLOT_NS
            while at_ns < (slot + 1) * SLOT_NS:
                found = known_rates(*names, at_ns)
                if found is None:
                    break
                if (*names, found.since_ns) not in self._kept:
                    self._kept.add((*names, found.since_ns))
                    fresh.append((*names, *_row(found), self._source, time.time_ns()))
                at_ns = found.until_ns
        if fresh:
            self._writer.insert(f"{DATABASE}.rates", _COLUMNS, fresh)


def _row(found: prices.Rates) -> tuple[object, ...]:
    def per_token(kind: str) -> list[Decimal]:
        return [(getattr(tier, kind) / _MILLION).quantize(_SCALE) for tier in found.tiers]

    return (
        found.since_ns,
        found.until_ns,
        [tier.above for tier in found.tiers],
        *(
            per_token(kind)
            for kind in ("input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output")
        ),
        found.per_request.quantize(_SCALE),
        found.audio,
        found.partial,
    )
