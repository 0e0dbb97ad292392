"""Where the engine runs: the border between our SQL and ClickHouse, inside this process or on a server.

The statements are the same on both sides of it.
"""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from sojourn_gateway.model.faults import GatewayFault, Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "UNDECODABLE",
    "Backend",
    "Handle",
    "Readers",
    "Role",
    "Row",
    "Signal",
    "Unread",
    "Unwritten",
    "out_of_memory",
    "refused",
]

Row = tuple[Any, ...]
"""A row as the engine answers it: texts are bytes, the rest plain values."""

Role = Literal["writer", "reader"]
Signal = Literal["traces", "logs"]

UNDECODABLE: Final = frozenset({27, 32, 33, 117, 131, 431, 432, 434, 436, 441, 444})
"""The codes for a body that the engine cannot decode, as opposed to an engine that cannot work."""


_MEMORY_LIMIT: Final = 241
_TIME_LIMIT: Final = 159


class Unread(GatewayFault):
    """The engine could not answer a query, for a reason that is not a fault of ours."""


class Unwritten(GatewayFault):
    """The engine could not write, for a reason that is not the body's."""


def refused(code: int | None, told: str) -> GatewayFault | None:
    """Why the engine refused a staged file, when that is the file's fault."""
    if code in UNDECODABLE:
        return Malformed("the body is no OTLP request that can be decoded")
    # What all statements together may use can be used up by others, and is there again in a moment.
    if code == _MEMORY_LIMIT and "(total)" not in told:
        return TooLarge("the request holds more than can be written at once: send it in parts")
    return None


def out_of_memory(fault: BaseException) -> bool:
    """Whether a statement, or all of them together, asked for more memory than there may be."""
    return _refused_with(_MEMORY_LIMIT, fault)


def _refused_with(code: int, fault: BaseException) -> bool:
    # A server's own fault stands behind the words that are made of it.
    return any(getattr(one, "code", None) == code for one in (fault, fault.__cause__))


class Handle(Protocol):
    """One conversation with the engine; calls on it happen one after the other."""

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """Run a statement without an answer. Raises `Unwritten` when the engine cannot."""
        ...

    def load(
        self, signal: Signal, path: Path, statement: Callable[[str], str], values: Mapping[str, Any] | None = None
    ) -> None:
        """Run the statement that turns a staged file into rows: all of them or none.

        `statement` is given the table expression that stands for the file. Raises `Malformed` when the file cannot be
        decoded, `TooLarge` when it needs too much memory, else `Unwritten`.
        """
        ...

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """The rows of a query."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows."""
        ...

    def close(self) -> None:
        """End the conversation."""
        ...


class Backend(Protocol):
    """Opens handles."""

    def handle(self, role: Role) -> Handle:
        """A new handle."""
        ...


def _unanswered(fault: Exception) -> Unread | None:
    if out_of_memory(fault):
        return Unread("this needs more memory than there is for one question: ask for a shorter time or a smaller page")
    if _refused_with(_TIME_LIMIT, fault):
        return Unread("this takes longer than one question may: ask for a shorter time or a smaller page")
    return None


class Readers:
    """A few handles that threads share, one query at a time each."""

    def __init__(self, backend: Backend, count: int = 3) -> None:
        self._handles = [backend.handle("reader") for _ in range(count)]
        self._free: SimpleQueue[Handle] = SimpleQueue()
        for handle in self._handles:
            self._free.put(handle)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """The rows of a query, as soon as a handle is free. Raises `Unread` when it would take too much."""
        handle = self._free.get()
        try:
            return handle.rows(sql, values)
        except Exception as fault:
            if (why := _unanswered(fault)) is not None:
                raise why from fault
            raise
        finally:
            self._free.put(handle)

    def close(self) -> None:
        """Wait for the queries under way, then close."""
        for _ in self._handles:
            self._free.get().close()
