"""Prices where SQL can use them: looked up once for each provider, model and time, and kept in a small table."""

from __future__ import annotations

import time
from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sojourn import prices
from sojourn.price_file import find_rates
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sojourn.price_file import PriceList
    from sojourn_gateway.engine.backend import Handle

__all__ = ["ASKED_PRICE", "PRICE", "TIER", "RateBook"]

Names = tuple[str, str, str]
"""Provider, the model that was asked for, the one that answered."""

SLOT_NS: Final = 900_000_000_000
"""Prices by the hour of the day change at no finer grain than this."""

TIER: Final = "length(arrayFilter(floor -> s.input_tokens > floor, r.above)) + (s.input_tokens = 0)"
"""Which tier holds for a span `s` by a row `r` of rates, from 1."""
ASKED_PRICE: Final = (
    "r.input[tier]"
    " * toUInt64(greatest(toInt64(s.input_tokens) - toInt64(s.cache_read + s.cache_write + s.audio_input), 0))"
    " + r.cache_read[tier] * s.cache_read + r.cache_write[tier] * s.cache_write + r.audio_input[tier] * s.audio_input"
)
"""What is billed for what was asked, by that `tier`."""
PRICE: Final = (
    f"{ASKED_PRICE}"
    " + r.output[tier] * toUInt64(greatest(toInt64(s.output_tokens) - toInt64(s.reasoning + s.audio_output), 0))"
    " + r.reasoning[tier] * s.reasoning + r.audio_output[tier] * s.audio_output + r.per_request"
)
"""What the span costs by that `tier`."""

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
_MARK: Final = "prices:"
_MILLION: Final = Decimal(1_000_000)
_SCALE: Final = Decimal(1).scaleb(-15)


class RateBook:
    """The table `rates`, extended as models are met.

    A price table of another version, or another price file, holds for calls that begin from now on: what was summed
    with the old one stays as it was summed, until somebody asks to have it priced anew (`relearn`).
    """

    def __init__(self, writer: Handle, own: PriceList) -> None:
        """`own` are the prices of the user; they beat the table."""
        self._writer = writer
        self._own = own
        self._source = "+".join(filter(None, (prices.table_version(), own.fingerprint)))
        self._floor_ns, changed_ns = self._since()
        rows = writer.rows(f"select {', '.join(_COLUMNS)} from {DATABASE}.rates final")
        self._held: dict[Names, list[prices.Rates]] = {}
        for row in rows:
            self._hold(_names(row), _rates(row))
        self._met_before = {_names(row) for row in rows if row[-1] < changed_ns}

    def find(self, provider: str, asked: str, answered: str, at_ns: int) -> prices.Rates | None:
        """The rates by which sums are made; from any thread. Of models that no roll-up met yet: what will hold."""
        held = self._held.get((provider, asked, answered))
        if held is None:
            return find_rates(self._own, provider, [answered, asked], at_ns)
        at = bisect_right(held, at_ns, key=lambda found: found.since_ns) - 1
        return held[at] if at >= 0 and at_ns < held[at].until_ns else None

    def learn(self, after: int, upto: int) -> None:
        """See that the models of these commits have their rates in the table, as far as they have any."""
        self._learn(
            "commit > {after:UInt64} and commit <= {upto:UInt64}", {"after": after, "upto": upto}, time.time_ns()
        )

    def relearn(self, since_ns: int) -> None:
        """Have the prices of today hold for all calls that began at `since_ns` or later. Repeating it changes nothing.

        Earlier calls keep theirs.
        """
        now = time.time_ns()
        self._remember(since_ns, now)
        self._floor_ns = since_ns
        earlier = {names: [one for one in held if one.since_ns < since_ns] for names, held in self._held.items()}
        self._held = {names: held for names, held in earlier.items() if held}
        self._met_before = set(self._held)
        self._learn("start_ns >= {since:UInt64}", {"since": since_ns}, now)
        # Behind the new rows, so that there is no moment without a price.
        self._writer.run(
            f"""alter table {DATABASE}.rates delete where version < {{now:UInt64}} and since_ns >= {{since:UInt64}}
            settings mutations_sync = 2""",
            {"now": now, "since": since_ns},
        )

    def _learn(self, condition: str, values: Mapping[str, int], now: int) -> None:
        met = self._writer.rows(
            f"""select distinct provider, request_model, response_model, intDiv(start_ns, {SLOT_NS})
            from {DATABASE}.spans where {condition} and usage and isNull(reported)""",
            values,
        )
        fresh: list[Sequence[object]] = []
        for provider, asked, answered, slot in met:
            names = (text(provider), text(asked), text(answered))
            floor_ns = self._floor_ns if names in self._met_before else 0
            for found in self._holding(names, slot * SLOT_NS, (slot + 1) * SLOT_NS):
                since_ns = max(found.since_ns, floor_ns)
                if since_ns < found.until_ns and since_ns not in {one.since_ns for one in self._held.get(names, ())}:
                    row = (*names, since_ns, *_told(found), self._source, now)
                    fresh.append(row)
                    # As the engine has them, to its last digit.
                    self._hold(names, _rates(row))
        if fresh:
            self._writer.insert(f"{DATABASE}.rates", _COLUMNS, fresh)

    def _holding(self, names: Names, at_ns: int, until_ns: int) -> Iterator[prices.Rates]:
        """The rates of a model, one behind the other, that hold in a span of time."""
        provider, asked, answered = names
        while at_ns < until_ns:
            found = find_rates(self._own, provider, [answered, asked], at_ns)
            if found is not None:
                yield found
                at_ns = found.until_ns
            else:
                at_ns = self._own.window(provider, [answered, asked], at_ns)[1]

    def _hold(self, names: Names, found: prices.Rates) -> None:
        # Replaced as a whole, since others read it.
        self._held[names] = sorted([*self._held.get(names, ()), found], key=lambda one: one.since_ns)

    def _since(self) -> tuple[int, int]:
        """From when on these prices hold for models that were met before, and when that was decided."""
        rows = self._writer.rows(
            f"""select name, value, version from {DATABASE}.marks final where startsWith(name, '{_MARK}')
            order by version desc limit 1"""
        )
        if rows and text(rows[0][0]) == _MARK + self._source:
            return rows[0][1], rows[0][2]
        now = time.time_ns()
        others = f"select 1 from {DATABASE}.rates where source != {{source:String}} limit 1"
        if not rows and not self._writer.rows(others, {"source": self._source}):
            return 0, 0
        # A model that had no price yet keeps none for what is stored: a row without an end in time says so.
        self._writer.run(
            f"""insert into {DATABASE}.rates (provider, request_model, response_model, until_ns, version)
            select distinct provider, request_model, response_model, 0, {{now:UInt64}} - 1 from {DATABASE}.spans
            where usage and isNull(reported) and (provider, request_model, response_model)
                not in (select provider, request_model, response_model from {DATABASE}.rates)""",
            {"now": now},
        )
        self._remember(now, now)
        return now, now

    def _remember(self, floor_ns: int, now: int) -> None:
        self._writer.run(
            f"insert into {DATABASE}.marks select {{name:String}}, {{floor:UInt64}}, {{now:UInt64}}",
            {"name": _MARK + self._source, "floor": floor_ns, "now": now},
        )


_KINDS: Final = ("input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output")


def _told(found: prices.Rates) -> tuple[object, ...]:
    """The columns behind `since_ns`, as far as `partial`."""
    return (
        found.until_ns,
        [tier.above for tier in found.tiers],
        *([(getattr(tier, kind) / _MILLION).quantize(_SCALE) for tier in found.tiers] for kind in _KINDS),
        found.per_request.quantize(_SCALE),
        found.audio,
        found.partial,
    )


def _names(row: Sequence[Any]) -> Names:
    return _word(row[0]), _word(row[1]), _word(row[2])


def _rates(row: Sequence[Any]) -> prices.Rates:
    told = dict(zip(_COLUMNS, row, strict=True))
    per_million = [[price * _MILLION for price in told[kind]] for kind in _KINDS]
    return prices.Rates(
        tiers=tuple(prices.Tier(above, *tier) for above, *tier in zip(told["above"], *per_million, strict=True)),
        per_request=told["per_request"],
        audio=bool(told["audio"]),
        partial=bool(told["partial"]),
        since_ns=told["since_ns"],
        until_ns=told["until_ns"],
    )


def _word(told: bytes | str) -> str:
    return told if isinstance(told, str) else text(told)
