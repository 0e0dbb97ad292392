"""Parameters of a request in Kore's manner: what is wrong with one is said at once, what is unknown is left alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from sojourn_gateway.apis.agentmark.described import note
from sojourn_gateway.apis.kore.faults import bad_parameter

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

__all__ = ["LIMIT", "MOST", "Parameters"]

T = TypeVar("T")

LIMIT: Final = 50
MOST: Final = 200
_WHOLE: Final = re.compile(r"\d{1,15}", re.ASCII)
_LONGEST: Final = 512
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2262, 1, 1, tzinfo=UTC)


class Parameters:
    """Reads them one by one. Each may raise a 400 that names it."""

    def __init__(self, given: QueryParams) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        """A text; an empty one is none."""
        note(self._given, name, {"type": "string"})
        return self._given.get(name) or None

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """Several, given again and again or with commas between them; each once."""
        note(self._given, name, {"type": "array", "items": {"type": "string"}})
        told = [one for given in self._given.getlist(name) for one in given.split(",")]
        found = tuple(dict.fromkeys(one.strip() for one in told if one.strip()))
        if len(found) > most:
            raise bad_parameter(name, f"may name {most:,} at most, not {len(found):,}")
        return found

    def words(self, name: str, known: tuple[T, ...]) -> tuple[T, ...]:
        """Some of the words that are known, each once."""
        told = self.texts(name, len(known))
        note(self._given, name, {"type": "array", "items": {"type": "string", "enum": list(known)}})
        by_word = {str(one): one for one in known}
        if unknown := next((one for one in told if one not in by_word), None):
            raise bad_parameter(name, f"must be of {', '.join(by_word)}, not {unknown[:80]}")
        return tuple(by_word[one] for one in told)

    def limit(self, usual: int = LIMIT, most: int = MOST) -> int:
        """How many; more than `most` is `most`."""
        return min(self.number("limit", usual, 1), most)

    def offset(self) -> int:
        """How many are passed over."""
        return self.number("offset", 0, 0)

    def number(self, name: str, usual: int, least: int) -> int:
        """A whole number."""
        note(self._given, name, {"type": "integer", "minimum": least})
        told = self._given.get(name)
        if told is None or told == "":
            return usual
        if _WHOLE.fullmatch(told.strip()) is None or int(told) < least:
            raise bad_parameter(name, f"must be a whole number from {least}")
        return int(told)

    def choice(self, name: str, known: tuple[T, ...]) -> T | None:
        """One of some words; None when it is not given."""
        note(self._given, name, {"type": "string", "enum": list(known)})
        told = self._given.get(name) or None
        if told is None:
            return None
        for one in known:
            if one == told:
                return one
        raise bad_parameter(name, f"must be one of {', '.join(map(str, known))}")

    def flag(self, name: str) -> bool | None:
        """`true` or `false`; None when it is not given."""
        note(self._given, name, {"type": "boolean"})
        told = self._given.get(name)
        if told is None or told == "":
            return None
        if told.lower() not in ("true", "false"):
            raise bad_parameter(name, "must be true or false")
        return told.lower() == "true"

    def moment(self, name: str) -> int | None:
        """A time in ISO 8601, as nanoseconds since 1970; without an offset it is in UTC."""
        note(self._given, name, {"type": "string", "format": "date-time"})
        told = self._given.get(name)
        if told is None or told == "":
            return None
        # A plus sign that nobody escaped came as a blank.
        spelled = re.sub(r" (\d\d:?\d\d)$", r"+\1", told.strip())
        try:
            moment = datetime.fromisoformat(spelled) if len(spelled) <= _LONGEST else None
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if moment is None or not _EARLIEST <= moment <= _LATEST:
            raise bad_parameter(name, "must be a time in ISO 8601 such as 2026-01-31T08:00:00Z")
        since = moment - _EARLIEST
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000

    def dimensions(self, name: str) -> dict[str, str]:
        """The parameters `name[key]`, by key."""
        found = re.compile(rf"{name}\[(.{{1,{_LONGEST}}})\]", re.DOTALL)
        pairs = ((found.fullmatch(key), value) for key, value in self._given.multi_items())
        return {match[1]: value for match, value in pairs if match is not None}

    def has(self, name: str) -> bool:
        """Whether it is given at all."""
        return name in self._given
