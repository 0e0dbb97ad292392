"""Parameters of a request, read one by one; what is wrong with them is gathered, not told one fault at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from sojourn_gateway.apis.agentmark.described import note
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.query.filters import BadFilter, parse_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.where import Resource, Where

__all__ = ["YEAR_2200", "Fields", "bad_body", "bad_filter", "bad_query"]

T = TypeVar("T")

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9})\d*)?Z", re.ASCII)
_SECOND_NS: Final = 1_000_000_000
# What the store's 64-bit counts of nanoseconds can hold.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2262, 1, 1, tzinfo=UTC)
YEAR_2200: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""The last day of which the contract takes spans and scores."""


def bad_query(faults: Mapping[str, str]) -> HttpFault:
    """A 400 that names every parameter in fault."""
    return HttpFault(400, "invalid_query_params", "Invalid query parameters", details=dict(faults))


def bad_body(faults: Mapping[str, str]) -> HttpFault:
    """A 400 that names every field of the body in fault; `_` is the body as a whole."""
    return HttpFault(400, "invalid_request_body", "Invalid request body", details=dict(faults))


def bad_filter(fault: BadFilter) -> HttpFault:
    """A 400 that says where in the filter, and what was expected there."""
    return HttpFault(400, "invalid_filter", str(fault), position=fault.place)


@dataclass
class Fields:
    """Reads the parameters of one request."""

    given: Mapping[str, str]
    latest: datetime = _LATEST
    """The last moment, or day, that can be asked for."""
    faults: dict[str, str] = field(default_factory=dict[str, str])
    _known: list[str] = field(default_factory=list[str])

    def finish(self) -> None:
        """Raise a 400 when something was wrong. What nobody asked for is wrong too: it would narrow the answer."""
        for name in self.given:
            if name not in self._known:
                self.faults[name[:100]] = f"unknown; known: {', '.join(dict.fromkeys(self._known))}"
        if self.faults:
            raise bad_query(self.faults)

    def know(self, *names: str) -> None:
        """These are read elsewhere."""
        self._known.extend(names)
        for name in names:
            note(self.given, name, {"type": "string"})

    def told(self, name: str) -> str | None:
        """The parameter as it is."""
        self._known.append(name)
        note(self.given, name, {"type": "string"})
        return self.given.get(name)

    def text(self, name: str) -> str | None:
        """A text; an empty one is none."""
        return self.told(name) or None

    def filter(self, resource: Resource, name: str = "filter") -> Where | None:
        """A filter in either notation. Raises a 400 of its own kind."""
        said = self.text(name)
        try:
            return None if said is None else parse_filter(resource, said)
        except BadFilter as fault:
            raise bad_filter(fault) from None

    def flag(self, name: str) -> bool:
        """`true` or `false`, which is the default."""
        return self.choice(name, ("true", "false"), "false") == "true"

    def number(self, name: str, default: int, least: int, most: int = 2**31 - 1) -> int:
        """A whole number."""
        text = self.told(name)
        note(self.given, name, {"type": "integer", "minimum": least, "maximum": most})
        if text is None:
            return default
        number = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII) else None
        if number is None:
            self.faults[name] = "must be a whole number"
        elif not least <= number <= most:
            self.faults[name] = f"must be from {least} to {most}"
        else:
            return number
        return default

    def count(self, *names: str) -> int | None:
        """A whole number from 0, under any of its names; None when there is none."""
        found = [self.number(name, -1, 0) for name in names]
        return next((number for number in found if number >= 0), None)

    def decimal(self, name: str) -> Decimal | None:
        """A decimal number."""
        text = self.told(name)
        if text is None:
            return None
        if re.fullmatch(r"[+-]?\d{1,18}(?:\.\d{0,18})?", text.strip(), re.ASCII) is None:
            self.faults[name] = "must be a decimal number"
            return None
        return Decimal(text.strip())

    def choice(self, name: str, known: tuple[T, ...], default: T) -> T:
        """One of some words."""
        text = self.told(name)
        note(self.given, name, {"type": "string", "enum": [str(value) for value in known if value is not None]})
        if text is None:
            return default
        for value in known:
            if value == text:
                return value
        self.faults[name] = f"must be one of {', '.join(str(value) for value in known if value is not None)}"
        return default

    def day(self, name: str, *, last: bool = False) -> int | None:
        """The first, or last, nanosecond of a day in UTC."""
        text = self.told(name)
        note(self.given, name, {"type": "string", "format": "date"})
        if text is None:
            return None
        moment = self._parsed(text, "%Y-%m-%d") if _DATE.fullmatch(text) else None
        if moment is None:
            self.faults[name] = "must be a date, YYYY-MM-DD"
            return None
        return _nanoseconds(moment + timedelta(days=1)) - 1 if last else _nanoseconds(moment)

    def moment(self, name: str, *, last: bool = False) -> int | None:
        """A moment; as an upper bound, the last nanosecond of the precision that answers show (a millisecond)."""
        text = self.told(name)
        note(self.given, name, {"type": "string", "format": "date-time"})
        if text is None:
            return None
        found = _MOMENT.fullmatch(text)
        parsed: datetime | None = None
        if found is not None:
            parsed = self._parsed(found[1], "%Y-%m-%dT%H:%M:%S" if found[1].count(":") == 2 else "%Y-%m-%dT%H:%M")
        if found is None or parsed is None:
            self.faults[name] = "must be a date and time in UTC such as 2026-01-31T08:00:00Z"
            return None
        fraction = found[2] or ""
        nanoseconds = _nanoseconds(parsed) + int(fraction.ljust(9, "0") or 0)
        return nanoseconds + (999_999 if last and len(fraction) <= 3 else 0)

    def _parsed(self, text: str, pattern: str) -> datetime | None:
        try:
            moment = datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            return None
        return moment if _EARLIEST <= moment <= self.latest else None


def _nanoseconds(moment: datetime) -> int:
    return int((moment - _EARLIEST) / timedelta(seconds=1)) * _SECOND_NS
