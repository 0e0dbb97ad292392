"""Filters become conditions of a query: columns are named here, values are bound."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never

from sojourn_gateway.engine.bound import Bindings, Sql
from sojourn_gateway.engine.tables import DATABASE, WORDS
from sojourn_gateway.model.where import AllOf, Among, AnyOf, Between, Compare, Exists

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_gateway.model.where import Field, Predicate, Where

__all__ = [
    "Column",
    "Columns",
    "Linked",
    "Number",
    "Real",
    "Status",
    "Text",
    "Texts",
    "Words",
    "compile_where",
    "fields_of",
    "spellings",
]

_SIGNS: Final = {"equals": "=", "notEquals": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_POSITIVE: Final = {"notEquals": "equals", "notContains": "contains"}
_DIGITS: Final = 30
_FEW: Final = 500_000
"""Rows behind an index of which those that fit may be held while the others are read."""
_ROW: Final = "minute, trace_id, span_id, version"
"""What tells a row of spans from older ones of the same span."""
_UNSPACED: Final = 0x0E00
"""From here on Unicode has scripts without blanks between words: Thai, Chinese, Japanese."""
_NO_TEXT: Final = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|inf|nan)|true|false|", re.ASCII | re.IGNORECASE)
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f-\U0010ffff\"\\]+")
_WORD: Final = re.compile(r"[0-9A-Za-z]+")
_INNER_WORD: Final = re.compile(r"(?<=[^0-9A-Za-z])[0-9A-Za-z]+(?=[^0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or null. Of `written` text, which is JSON, what is looked for may stand in it with escapes.

    What is `indexed` is found by an index of all content, by its words, or of the texts among the attributes.
    """

    sql: str
    written: bool = False
    indexed: Literal["content", "attributes"] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """All content of a span, in which words are looked for."""

    sql: str


@dataclass(frozen=True, slots=True)
class Texts:
    """Several texts, of which one has to fit."""

    sql: str


@dataclass(frozen=True, slots=True)
class Number:
    """A whole or decimal number, or null, which no number fits; the column counts in units of 10 to the -`scale`."""

    sql: str
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Real:
    """A float."""

    sql: str


@dataclass(frozen=True, slots=True)
class Status:
    """OpenTelemetry's number of a status; what did not fail is OK."""

    sql: str


@dataclass(frozen=True, slots=True)
class Linked:
    """What rows of another table have: `link` makes a condition of theirs one of ours. One of them has to fit."""

    inner: Text | Texts | Real | Words
    link: Callable[[str], str]


Column = Text | Texts | Number | Real | Status | Linked | Words

Columns: TypeAlias = "Mapping[str, Column | Callable[[Bindings, str], Column]]"
"""The columns of a resource by field; for a family of fields, what makes the column of a name."""


def compile_where(where: Where, columns: Columns) -> Sql:
    """The condition, with its values bound."""
    bindings = Bindings()
    return Sql(_where(where, columns, bindings), bindings.values)


def fields_of(where: Where) -> frozenset[str]:
    """The names of the fields that a filter speaks of."""
    match where:
        case AllOf(parts) | AnyOf(parts):
            return frozenset[str]().union(*map(fields_of, parts))
        case Compare() | Among() | Between() | Exists():
            return frozenset({where.field.name})
        case _:
            assert_never(where)


def _where(where: Where, columns: Columns, bindings: Bindings) -> str:
    match where:
        case AllOf(parts):
            return " and ".join(f"({_where(part, columns, bindings)})" for part in parts) or "true"
        case AnyOf(parts):
            return " or ".join(f"({_where(part, columns, bindings)})" for part in parts) or "false"
        case Compare() | Among() | Between() | Exists():
            return _predicate(where, _column(where.field, columns, bindings), bindings)
        case _:
            assert_never(where)


def _column(field: Field, columns: Columns, bindings: Bindings) -> Column:
    found = columns[field.name]
    return found(bindings, field.key) if callable(found) else found


def _predicate(predicate: Predicate, column: Column, bindings: Bindings) -> str:
    if isinstance(column, Linked):
        inner = column.inner
        if isinstance(inner, Real):
            return column.link(_predicate(predicate, inner, bindings))
        fits = column.link(_fits(predicate, inner, bindings))
        return f"not ({fits})" if _is_negative(predicate) else fits
    match column:
        case Text() | Texts() | Words():
            fits = _fits(predicate, column, bindings)
            return f"not ifNull({fits}, false)" if _is_negative(predicate) else fits
        case Status(sql):
            assert isinstance(predicate, Compare), predicate
            return f"({sql} = 2) = {bindings.bind('Bool', predicate.value == 'ERROR')}"
        case Number() | Real():
            return _counts(predicate, column, bindings)
        case _:
            assert_never(column)


def _is_negative(predicate: Predicate) -> bool:
    match predicate:
        case Compare(_, operator):
            return operator in _POSITIVE
        case Among(_, _, negated) | Exists(_, negated):
            return negated
        case Between():
            return False
        case _:
            assert_never(predicate)


def _fits(predicate: Predicate, column: Text | Texts | Words, bindings: Bindings) -> str:
    """What the predicate says, without its `not`, of texts."""
    if isinstance(column, Words):
        assert isinstance(predicate, Compare), predicate
        return _search(str(predicate.value), column, bindings)
    if isinstance(column, Texts):
        return f"arrayExists(one -> {_says(predicate, Text('one'), bindings)}, {column.sql})"
    return _says(predicate, column, bindings)


def _search(sought: str, column: Words, bindings: Bindings) -> str:
    """All words of `sought` stand in the content, in any order."""
    if not any(letter.isalnum() for letter in sought):
        return "false"
    if any(ord(letter) >= _UNSPACED for letter in sought):
        # Some scripts set no blanks between words, so that a word of theirs has no end that an index could know.
        return f"arrayExists(one -> {_contains(sought, Text('one', written=True), bindings)}, mapValues(content))"
    words = (f"hasAllTokens({column.sql}, lowerUTF8({bindings.bind('String', one)}))" for one in spellings(sought))
    return f"({' or '.join(words)})"


def _says(predicate: Predicate, text: Text, bindings: Bindings) -> str:
    match predicate:
        case Exists():
            return f"isNotNull({text.sql})"
        case Among(_, values):
            told = bindings.bind("Array(String)", [str(value) for value in values])
            return _narrowed(predicate, text, f"has({told}, {text.sql})", bindings)
        case Between():
            raise AssertionError(predicate)
        case Compare(_, operator, value):
            sought = str(value)
            match _POSITIVE.get(operator, operator):
                case "equals":
                    return _narrowed(predicate, text, f"{text.sql} = {bindings.bind('String', sought)}", bindings)
                case "startsWith":
                    return f"startsWith({text.sql}, {bindings.bind('String', sought)})"
                case "endsWith":
                    return f"endsWith({text.sql}, {bindings.bind('String', sought)})"
                case _:
                    return _narrowed(predicate, text, _contains(sought, text, bindings), bindings)
        case _:
            assert_never(predicate)


def _narrowed(predicate: Compare | Among, text: Text, condition: str, bindings: Bindings) -> str:
    """The condition, asked only where an index says that it may hold.

    `final` reads what lies around each place too, where newer rows of the same spans might be. When few places are
    left, the rows that fit are found without it, and `final` reads no more of the others than their keys and versions:
    a row that was replaced fits, but is not the newest.
    """
    hint = _hint(predicate, text, bindings)
    if not hint:
        return f"({condition})"
    found = f"{DATABASE}.spans where project = {{project:String}} and {hint}"
    # The limit is nothing to an estimate: `cluster.py` has the rows counted, as far as that matters.
    read = f"(select sum(rows) from (explain estimate select trace_id from {found} limit {_FEW + 1}))"
    # In one stage, since what the index leaves is read for the condition anyway.
    rows = f"select {_ROW} from {found} and {condition} settings optimize_move_to_prewhere = 0"
    return f"(({read} > {_FEW} and {hint} and {condition}) or ({read} <= {_FEW} and ({_ROW}) in ({rows})))"


def _hint(predicate: Compare | Among, text: Text, bindings: Bindings) -> str:
    """A weaker condition that an index can decide; empty when there is none."""
    match predicate:
        case Among(_, values):
            sought, whole = [str(value) for value in values], True
        case Compare(_, operator, value):
            sought, whole = [str(value)], operator in ("equals", "notEquals")
    match text.indexed:
        case "attributes" if whole and all(_NO_TEXT.fullmatch(one) is None for one in sought):
            # A number or a flag would lie among the attributes of another type.
            return f"hasAny(mapValues(a_s), {bindings.bind('Array(String)', sought)})"
        case "content" if len(sought) == 1 and _PLAIN.fullmatch(sought[0]):
            # The first and the last word of a part may be parts of longer ones.
            words = _WORD.findall(sought[0]) if whole else _INNER_WORD.findall(sought[0])
            if words:
                return f"hasAllTokens({WORDS}, {bindings.bind('String', ' '.join(words).lower())})"
        case _:
            pass
    return ""


def _contains(sought: str, text: Text, bindings: Bindings) -> str:
    ways = spellings(sought) if text.written else [sought]
    tried = (bindings.bind("String", one) for one in ways)
    return "(" + " or ".join(f"positionCaseInsensitiveUTF8({text.sql}, {one}) > 0" for one in tried) + ")"


def spellings(sought: str) -> list[str]:
    """How a text may stand in JSON, which may write a quote, a line's end or any letter beyond ASCII as an escape."""
    return sorted({sought, json.dumps(sought, ensure_ascii=False)[1:-1], json.dumps(sought)[1:-1]})


def _counts(predicate: Predicate, column: Number | Real, bindings: Bindings) -> str:
    def bound(value: str | Decimal) -> str:
        number = Decimal(value)
        if isinstance(column, Real):
            return bindings.bind("Float64", float(number))
        return f"toDecimal256({bindings.bind('String', f'{number.scaleb(column.scale):f}')}, {_DIGITS})"

    told = column.sql if isinstance(column, Real) else f"toDecimal256({column.sql}, {_DIGITS})"
    match predicate:
        case Compare(_, operator, value):
            return f"{told} {_SIGNS[operator]} {bound(value)}"
        case Between(_, low, high):
            return f"{told} >= {bound(low)} and {told} <= {bound(high)}"
        case Among(_, values, negated):
            signs = (" and ", "!=") if negated else (" or ", "=")
            return "(" + signs[0].join(f"{told} {signs[1]} {bound(value)}" for value in values) + ")"
        case Exists():
            raise AssertionError(predicate)
        case _:
            assert_never(predicate)
