"""Objects that fail in whatever they are asked, and strategies that put them anywhere."""

from __future__ import annotations

import itertools
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import MagicMock

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable


def _fail(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("hostile")


class Silent:
    """Has no text."""

    __str__ = __repr__ = _fail


class Unequal:
    """Cannot be compared."""

    __eq__ = __ne__ = __lt__ = _fail  # pyright: ignore[reportAssignmentType]  # the point
    __hash__ = object.__hash__


class Unhashable:
    """Cannot be hashed, and has no truth."""

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # the point
    __bool__ = _fail  # pyright: ignore[reportAssignmentType]  # the point


class Proxy:
    """Fails when it is asked for anything, its class included, as an unbound proxy of a web framework does."""

    __getattr__ = _fail
    __class__ = property(_fail)  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]  # the point


class Model:
    """Looks like a model, and cannot be dumped."""

    model_dump = _fail

    @property
    def screenshot(self) -> str:
        """Costs what nobody may be made to wait for."""
        threading.Event().wait(3600)
        return ""


class Again:
    """Dumps itself as itself."""

    def model_dump(self, **_: object) -> object:
        """No end."""
        return self


class LongerList(list[Any]):
    """Lies about its length."""

    def __len__(self) -> int:
        return 10**9


class ShorterDict(dict[Any, Any]):
    """Lies about its length, and has no items when it is asked."""

    __len__ = lambda self: 0  # noqa: E731
    items = values = keys = _fail  # pyright: ignore[reportAssignmentType]  # the point


class Text(str):
    """Text that will not be one."""

    __str__ = __repr__ = encode = isascii = strip = _fail  # pyright: ignore[reportAssignmentType]  # the point
    __len__ = lambda self: -1  # noqa: E731


class Number(int):
    """A number that will not be one."""

    __int__ = __index__ = __str__ = __repr__ = __float__ = _fail  # pyright: ignore[reportAssignmentType]  # the point


class Colour(Enum):
    """A plain enum."""

    RED = object()


class Failure(Exception):
    """An error that cannot say what it is."""

    __str__ = __repr__ = _fail


@dataclass
class Record:
    """A plain record of something hostile."""

    inner: Any


def cycle() -> list[Any]:
    """A list that holds itself, through a dict."""
    made: list[Any] = []
    made.append({"again": made})
    return made


def deep(levels: int = 5_000) -> list[Any]:
    """Deeper than Python can go."""
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


HOSTILE: dict[str, Callable[[], Any]] = {
    "silent": Silent,
    "unequal": Unequal,
    "unhashable": Unhashable,
    "proxy": Proxy,
    "model": Model,
    "again": Again,
    "longer list": lambda: LongerList([1, Silent()]),
    "shorter dict": lambda: ShorterDict({"a": Silent()}),
    "text": lambda: Text("text"),
    "number": lambda: Number(7),
    "enum": lambda: Colour.RED,
    "failure": Failure,
    "record": lambda: Record(Silent()),
    "class": lambda: Silent,
    "function": lambda: _fail,
    "mock": MagicMock,
    "lock": threading.Lock,
    "endless generator": itertools.count,
    "generator": lambda: (n for n in itertools.count()),
    "cycle": cycle,
    "deep": deep,
    "huge text": lambda: "x" * 3_000_000,
    "surrogate": lambda: "a\ud800b",
    "surrogate as key": lambda: {"\udfff": "\ud83d"},
    "bytes": lambda: bytes(range(256)),
    "bytearray": lambda: bytearray(b"ab"),
    "memoryview": lambda: memoryview(b"ab"),
    "not a number": lambda: math.nan,
    "infinite": lambda: -math.inf,
    "enormous": lambda: 10**5_000,
    "beyond 64 bits": lambda: -(2**63) - 1,
    "odd keys": lambda: {(1, 2): 1, None: 2, 3.5: 3, Silent(): 4, Unequal(): 5},
    "list as type": lambda: {"type": ["string", "null"], "x": Silent()},
    "set": lambda: {Silent(), "a", 3},
    "ordered": lambda: OrderedDict[str, int](a=1),
    "decimal": lambda: Decimal("NaN"),
    "time": lambda: datetime.now(UTC),
    "complex": lambda: 1j,
    "None": lambda: None,
}

_leaves = st.one_of(
    # Hypothesis itself asks a value for its class, so the proxy cannot be among these.
    st.sampled_from(sorted(set(HOSTILE) - {"deep", "huge text", "proxy"})).map(lambda name: HOSTILE[name]()),
    st.text(st.characters(), max_size=5),
    st.integers(),
    st.floats(),
    st.binary(max_size=5),
    st.none(),
    st.booleans(),
)
_keys = st.one_of(
    st.text(max_size=3),
    st.sampled_from(["role", "type", "content", "\ud800"]),
    st.builds(Unequal),
    st.builds(Silent),
    st.tuples(st.integers()),
)

anything: st.SearchStrategy[Any] = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_keys, inner, max_size=3),
        st.lists(inner, max_size=3).map(LongerList),
        inner.map(Record),
    ),
    max_leaves=8,
)
