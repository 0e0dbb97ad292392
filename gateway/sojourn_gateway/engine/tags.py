"""The tags that a span bears, read out of its attributes by the engine itself.

They come as an array of texts, as JSON of one, or as a list with commas. Most spans have none, so the attributes that
may hold them are taken out first, and only what is left is read.
"""

from __future__ import annotations

from typing import Final

from sojourn_gateway.engine import dialects

__all__ = ["MOST_OF_A_TRACE", "TAGS_OF_A_SPAN"]

MOST_OF_A_TRACE: Final = 1000
"""More tags than these, in order of their letters, a trace or session does not show."""
_MOST_OF_A_SPAN: Final = 20
_LONGEST: Final = 100
_BYTES: Final = 4 * _LONGEST
"""The most that the longest tag takes in UTF-8."""
_LOOKED_THROUGH: Final = 64
"""Items of an array: of those behind them, none could still be among the first twenty but for blank ones."""
_READ_OF_AN_ARRAY: Final = 65_536
_BLANK: Final = r" \t\r\n"
_NAMES: Final = "(" + ", ".join(f"'{name}'" for name in dialects.TAGS) + ")"


def _named(column: str) -> str:
    """The values of a map that may be tags."""
    return f"arrayFilter((v, k) -> k in {_NAMES}, mapValues({column}), mapKeys({column}))"


def _byte(text: str, place: int) -> str:
    return f"ascii(substring({text}, {place}, 1))"


def _items(array: str) -> str:
    """The texts of an array, which lies as protobuf behind the letter of its type (see `mapping`).

    An item is a byte, the length of a value, and the value: for a text a byte again, its length, and the text. A length
    takes a byte for each seven bits. What is cut off, or no text, counts as blank. The accumulator is what of the array
    is still to be read, and what was found: one item is taken off the beginning of the rest at a time.
    """
    low, middle, high = (_byte("acc.1", place) for place in (2, 3, 4))
    item = (
        f"multiIf({low} < 128, 2 + {low}, {middle} < 128, 3 + {low} - 128 + {middle} * 128, "
        f"4 + {low} - 128 + ({middle} - 128) * 128 + {high} * 16384)"
    )
    value = f"substring(acc.1, multiIf({low} < 128, 3, {middle} < 128, 4, 5), {_BYTES + 4})"
    kind, short, long = (_byte(value, place) for place in (1, 2, 3))
    text = (
        f"multiIf({kind} != 10 or {item} > length(acc.1), '', {short} < 128, substring({value}, 3, {short}), "
        f"{long} < 4, substring({value}, 4, {short} - 128 + {long} * 128), '')"
    )
    # Each item holds the byte 10 at least once.
    steps = f"range(least(countSubstrings({array}, '\\n'), {_LOOKED_THROUGH}))"
    begin = f"(substring({array}, 2, {_READ_OF_AN_ARRAY}), cast([], 'Array(String)'))"
    return f"arrayFold((acc, _) -> (substring(acc.1, {item} + 1), arrayPushBack(acc.2, {text})), {steps}, {begin}).2"


def _told() -> str:
    listed = "if(startsWith(trimBoth(v), '['), JSONExtract(v, 'Array(String)'), splitByChar(',', v))"
    texts = f"arrayMap(v -> {listed}, {_named('a_s')})"
    arrays = f"arrayMap(v -> {_items('v')}, arrayFilter(v -> startsWith(v, 'a'), {_named('a_x')}))"
    trimmed = f"arrayMap(t -> trimBoth(t, '{_BLANK}'), arrayFlatten(arrayConcat({texts}, {arrays})))"
    kept = f"arrayFilter(t -> t != '' and lengthUTF8(t) <= {_LONGEST}, {trimmed})"
    return f"arraySlice(arrayDistinct({kept}), 1, {_MOST_OF_A_SPAN})"


TAGS_OF_A_SPAN: Final = _told()
"""The tags of a row of `spans`, each once, in the order in which they came."""
