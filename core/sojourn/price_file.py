"""Prices that the user writes down: for local models, for contracts of one's own. They beat the price table.

A TOML or JSON file with a list `price`. Each entry names a `model`, which may hold `*`, and dollars per million tokens.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from sojourn.prices import ALWAYS_NS, Rates, Tier, rates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["BadPrices", "PriceList", "find_rates"]

_KINDS: Final = ("input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output")
_KNOWN: Final = frozenset({"model", "provider", "since", "per_request", *_KINDS})
_SECOND: Final = 1_000_000_000
MAX_BYTES: Final = 10_000_000
"""Of a file: room for some hundred thousand entries."""


class BadPrices(ValueError):
    """The file cannot be understood; the message says where, and what would be right."""


@dataclass(frozen=True, slots=True)
class _Entry:
    provider: str
    model: str
    pattern: str
    """For what knows more than `*`: names of models hold brackets, too."""
    since_ns: int
    tier: Tier
    per_request: Decimal
    audio: bool

    def fits(self, provider: str, model: str) -> bool:
        return self.provider in ("", provider) and fnmatchcase(model, self.pattern)

    @property
    def closeness(self) -> tuple[bool, bool, int]:
        """A whole name is closer than one with `*`, one with a provider than one without, a long one than a short."""
        return "*" not in self.model, bool(self.provider), len(self.model)


@dataclass(frozen=True, slots=True)
class PriceList:
    """The entries of a file."""

    entries: tuple[_Entry, ...] = ()
    fingerprint: str = ""
    """Differs when the file says something else; empty for no file."""

    @classmethod
    def read(cls, path: Path) -> PriceList:
        """Read a file; one that is named `.json` is JSON, any other TOML. Raises `BadPrices`."""
        try:
            # Of what is no file (a pipe, a device) nobody knows whether it ever ends.
            if not path.is_file():
                raise BadPrices(f"the price file {path} cannot be read: there is no such file")
            if path.stat().st_size > MAX_BYTES:
                raise BadPrices(f"the price file {path} is larger than {MAX_BYTES:,} bytes")
            content = path.read_bytes()
        except OSError as fault:
            raise BadPrices(f"the price file {path} cannot be read: {fault.strerror}") from fault
        try:
            return cls(_parse(content, is_json=path.suffix.lower() == ".json"), sha256(content).hexdigest()[:16])
        except BadPrices as fault:
            raise BadPrices(f"the price file {path} is wrong: {fault}") from None
        except Exception as fault:  # whatever stands in it, the program goes on
            raise BadPrices(f"the price file {path} is wrong: {type(fault).__name__}") from fault

    def rates(self, provider: str, model: str, at_ns: int) -> Rates | None:
        """The rates of a model at a time; None when the file does not name it. Of several entries the closest holds."""
        begun = [entry for entry in self._of(provider, [model]) if entry.since_ns <= at_ns]
        if not begun:
            return None
        entry = max(begun, key=lambda entry: (entry.closeness, entry.since_ns))
        since_ns, until_ns = self.window(provider, [model], at_ns)
        return Rates((entry.tier,), entry.per_request, entry.audio, partial=False, since_ns=since_ns, until_ns=until_ns)

    def window(self, provider: str, models: Iterable[str], at_ns: int) -> tuple[int, int]:
        """The time around `at_ns` in which nothing that the file says of these models changes."""
        turns = [entry.since_ns for entry in self._of(provider, models)]
        since = max((turn for turn in turns if turn <= at_ns), default=0)
        return since, min((turn for turn in turns if turn > at_ns), default=ALWAYS_NS)

    def _of(self, provider: str, models: Iterable[str]) -> list[_Entry]:
        name = provider.strip().lower()
        lowered = [model.lower() for model in models if model]
        return [entry for entry in self.entries if any(entry.fits(name, model) for model in lowered)]


def find_rates(own: PriceList, provider: str, models: Sequence[str], at_ns: int) -> Rates | None:
    """The rates of a call at a time: what the user says, else the price table; None when neither knows the models.

    `models` are the one that answered, then the one asked for; the first that has a price decides.
    """
    since_ns, until_ns = own.window(provider, models, at_ns)
    found = next((told for model in models if (told := own.rates(provider, model, at_ns))), None)
    if found is None:
        found = next((told for model in models if (told := rates(provider, model, at_ns))), None)
    if found is None:
        return None
    return Rates(
        found.tiers,
        found.per_request,
        found.audio,
        found.partial,
        max(since_ns, found.since_ns),
        min(until_ns, found.until_ns),
    )


def _parse(content: bytes, *, is_json: bool) -> tuple[_Entry, ...]:
    try:
        text = content.decode("utf-8")
        told: Any = json.loads(text, parse_float=Decimal) if is_json else tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as fault:
        raise BadPrices(f"it is no {'JSON' if is_json else 'TOML'}: {fault}") from fault
    listed: Any = cast("dict[str, Any]", told).get("price") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise BadPrices("it has no list `price`; in TOML each entry begins with [[price]]")
    entries: list[Any] = listed  # pyright: ignore[reportUnknownVariableType]  # whatever a file holds
    return tuple(_entry(number, one) for number, one in enumerate(entries, 1))


def _entry(number: int, told: Any) -> _Entry:
    where = f"entry {number}"
    if not isinstance(told, dict):
        raise BadPrices(f"{where} is no table of names and values")
    entry = cast("dict[str, Any]", told)
    if unknown := sorted(entry.keys() - _KNOWN):
        raise BadPrices(f"{where} has {', '.join(unknown)}; known are {', '.join(sorted(_KNOWN))}")
    model, provider = entry.get("model"), entry.get("provider", "")
    if not isinstance(model, str) or not model.strip() or not isinstance(provider, str):
        raise BadPrices(f"{where} needs a `model`, and a `provider` only as text")
    where = f"{where} ({model})"
    missing = [kind for kind in ("input", "output") if kind not in entry]
    if missing:
        raise BadPrices(f"{where} needs `{missing[0]}`, in dollars per million tokens; 0 for one that costs nothing")
    dollars = {kind: _amount(where, kind, entry[kind]) for kind in _KINDS if kind in entry}
    plain, answer = dollars["input"], dollars["output"]
    tier = Tier(
        above=0,
        input=plain,
        output=answer,
        cache_read=dollars.get("cache_read", plain),
        cache_write=dollars.get("cache_write", plain),
        reasoning=dollars.get("reasoning", answer),
        audio_input=dollars.get("audio_input", plain),
        audio_output=dollars.get("audio_output", answer),
    )
    name = model.strip().lower()
    pattern = name.replace("[", "[[]").replace("?", "[?]")
    # Here, and not when a call is priced: what is too long to be looked for is refused with the file.
    fnmatchcase("", pattern)
    return _Entry(
        provider=provider.strip().lower(),
        model=name,
        pattern=pattern,
        since_ns=_moment(where, entry["since"]) if "since" in entry else 0,
        tier=tier,
        per_request=_amount(where, "per_request", entry.get("per_request", 0)),
        audio="audio_input" in entry or "audio_output" in entry,
    )


def _amount(where: str, kind: str, value: Any) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        amount = Decimal(value)
        if amount.is_finite() and 0 <= amount < 10**9:
            return amount
    raise BadPrices(f"{where}: `{kind}` is {value!r}; it must be a number of dollars, 0 or more")


def _moment(where: str, value: Any) -> int:
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        told = None
    # A datetime is a date too: it goes first.
    if isinstance(told, datetime):
        moment = told if told.tzinfo else told.replace(tzinfo=UTC)
    elif isinstance(told, date):
        moment = datetime.combine(told, time(), UTC)
    else:
        raise BadPrices(f"{where}: `since` is {value!r}; it must be a date like 2026-06-01")
    return max(int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()), 0) * _SECOND
