"""What makes a predicate of a filter: its field, its operator and its values, checked one by one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.where import (
    DYNAMIC,
    FIELDS,
    MOST_TEXT,
    MOST_VALUES,
    OPERATORS,
    Among,
    Between,
    Compare,
    Exists,
    Field,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.model.where import Operator, Predicate, Resource

__all__ = ["BadFilter", "Place", "build", "find_field", "find_operator"]

MOST_FIELD: Final = 128
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = {"OK": "OK", "ERROR": "ERROR", "SUCCESS": "OK", "FAIL": "ERROR"}

Place = int | str
"""Where in a filter: the character of a text, from 1, or the path in JSON."""


class BadFilter(GatewayFault):
    """A filter that cannot be understood, or asks what is not kept; `place` says where."""

    def __init__(self, place: Place, problem: str) -> None:
        where = f"character {place} of the filter" if isinstance(place, int) else place
        super().__init__(f"{where}: {problem}")
        self.place = place
        self.problem = problem


def find_field(resource: Resource, name: str, place: Place) -> Field:
    """The field of that name. Raises `BadFilter` with the names that are known."""
    if len(name) > MOST_FIELD:
        raise BadFilter(place, f"a field has at most {MOST_FIELD} characters")
    kind = FIELDS[resource].get(name)
    if kind is not None:
        return Field(name, kind)
    for family in DYNAMIC[resource]:
        if name.startswith(family.prefix):
            key = name.removeprefix(family.prefix)
            if re.fullmatch(family.key_pattern, key, re.ASCII) is None:
                raise BadFilter(place, f"behind {family.prefix!r} a name must match {family.key_pattern}")
            return Field(family.prefix.rstrip("._"), family.kind, key)
    known = [*FIELDS[resource], *(f"{family.prefix}<name>" for family in DYNAMIC[resource])]
    raise BadFilter(place, f"{resource} have no field {name!r}; known: {', '.join(known)}")


def find_operator(field: Field, name: str, place: Place) -> Operator:
    """The operator of that name. Raises `BadFilter` with those that the field takes."""
    for operator in OPERATORS[field.kind]:
        if operator == name:
            return operator
    raise BadFilter(
        place, f"{field.name} takes no operator {name[:50]!r}; expected one of {', '.join(OPERATORS[field.kind])}"
    )


def build(field: Field, operator: Operator, values: Sequence[str], places: Sequence[Place]) -> Predicate:
    """The predicate. `places` are those of the values; that of the predicate itself comes last."""
    match operator:
        case "exists" | "doesNotExist":
            if values:
                raise BadFilter(places[0], f"{operator} takes no value")
            return Exists(field, negated=operator == "doesNotExist")
        case "in" | "notIn":
            if not 1 <= len(values) <= MOST_VALUES:
                raise BadFilter(places[-1], f"a list holds from 1 to {MOST_VALUES} values")
            told = tuple(_value(field, value, place) for value, place in zip(values, places, strict=False))
            return Among(field, told, negated=operator == "notIn")
        case "between":
            if len(values) != 2:
                raise BadFilter(places[-1], "between takes exactly two values")
            low, high = (_number(field, value, place) for value, place in zip(values, places, strict=False))
            if low > high:
                raise BadFilter(places[0], "the lower bound is above the upper one")
            return Between(field, low, high)
        case _:
            if len(values) != 1:
                raise BadFilter(places[-1], f"{operator} takes exactly one value")
            return Compare(field, operator, _value(field, values[0], places[0]))


def _value(field: Field, told: str, place: Place) -> str | Decimal:
    match field.kind:
        case "numeric" | "score" | "datetime":
            return _number(field, told, place)
        case "status":
            if told not in _STATUSES:
                raise BadFilter(place, f"expected OK or ERROR, found {told[:50]!r}")
            return _STATUSES[told]
        case "string" | "tags" | "metadata" | "search":
            if field.kind == "search" and not any(letter.isalnum() for letter in told):
                raise BadFilter(place, "expected at least one word to look for")
            if len(told) > MOST_TEXT:
                raise BadFilter(place, f"a text has at most {MOST_TEXT} characters")
            try:
                told.encode()
            except UnicodeEncodeError:
                raise BadFilter(place, "the text holds half a character (an unpaired surrogate)") from None
            return told


def _number(field: Field, told: str, place: Place) -> Decimal:
    if field.kind == "datetime":
        return _moment(told, place)
    if _NUMBER.fullmatch(told) is None:
        raise BadFilter(place, f"expected a decimal number of at most 18 + 18 digits, found {told[:50]!r}")
    return Decimal(told)


def _moment(told: str, place: Place) -> Decimal:
    try:
        moment = datetime.fromisoformat(told) if _MOMENT.fullmatch(told) else None
    except ValueError:
        moment = None
    if moment is None or moment < _EPOCH:
        raise BadFilter(place, f"expected a date and time in UTC such as 2026-01-31T08:00:00Z, found {told[:50]!r}")
    return Decimal((moment - _EPOCH) // timedelta(microseconds=1)) * 1000
