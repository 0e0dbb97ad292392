"""Subjects: what the battery has to know of a library in order to try its instrumentor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from sojourn_instrumentors._kit import Instrumentor
    from tests.instrumentors.battery.wire import Answer

__all__ = ["DUTIES", "PROMPT", "Arguments", "Duty", "Oddity", "Shape", "Subject", "Way", "both_ways"]

Arguments = dict[str, Any]
Oddity: TypeAlias = "Callable[[], Arguments]"
Shape = Literal["value", "stream", "manager", "raw", "raw stream", "streaming raw"]
"""What a call returns: the answer; something to iterate; something to enter first; a raw response to `parse`, whole or
streamed; something to enter that gives the response unread."""

Duty = Literal["async", "stream", "manager", "raw", "streaming raw", "parse", "positional", "never started", "oddities"]
DUTIES: tuple[Duty, ...] = (
    "async",
    "stream",
    "manager",
    "raw",
    "streaming raw",
    "parse",
    "positional",
    "never started",
    "oddities",
)
"""What not every library has. A subject either has it or says in `lacks` why not."""

PROMPT = "Name a river."


class Start(Protocol):
    def __call__(self, client: Any, arguments: Arguments) -> Awaitable[Any]:
        """Make the call, and return what the library returns, unread."""
        ...


@dataclass(frozen=True)
class Way:
    """One way in which a program can make the same call."""

    name: str
    start: Start
    shape: Shape = "value"
    asynchronous: bool = False
    parses: bool = False

    @property
    def streamed(self) -> bool:
        """Whether the provider answers in pieces, so that the program may leave before the end."""
        return self.shape in ("stream", "manager", "raw stream")

    def __str__(self) -> str:
        return self.name


def both_ways(name: str, call: Any, **facts: Any) -> tuple[Way, Way]:
    """The same call of a sync client and of its async twin, for libraries that spell both alike."""

    async def start(client: Any, arguments: Arguments) -> Any:
        return call(client, arguments)

    async def start_async(client: Any, arguments: Arguments) -> Any:
        value = call(client, arguments)
        # Managers are entered, not awaited.
        return await value if hasattr(value, "__await__") else value

    return Way(name, start, **facts), Way(f"async {name}", start_async, asynchronous=True, **facts)


@dataclass(frozen=True)
class Subject:
    """One library under the battery.

    All ways answer the same text, JSON of one object with a `name`, so that parse helpers do too. `asked` gives the
    arguments of the usual call for a prompt; everything in them that is content must hold the prompt's text (tools,
    system instructions), since a canary is looked for. `oddities` makes arguments that a program may well pass though
    nobody expects it to; they are made anew for each call. `looks` tells what stands at the places that the
    instrumentor takes hold of, to be compared by identity; None: the targets of its patches.
    """

    name: str
    instrumentor: Instrumentor
    client: Callable[[str, bool], Any]
    """Opens a client for a base URL (without path), synchronous or asynchronous, that retries nothing."""
    close: Callable[[Any], Awaitable[None]]
    ways: tuple[Way, ...]
    asked: Callable[[str], Arguments]
    answer: Callable[[str], Answer]
    pieces: Callable[[Sequence[Any]], Answer]
    """The same answer in pieces; the marks of the wire among them stand for themselves."""
    refusal: Callable[[str], Answer]
    refused: type[BaseException]
    """What the library raises for it."""
    span: str
    """The name of the span of the usual call."""
    oddities: Mapping[str, Oddity] = field(default_factory=dict[str, "Oddity"])
    positional: Callable[[Any, Arguments], Any] | None = None
    """The usual call, synchronous and whole, with as many positional arguments as the library takes."""
    plain: Callable[[Any], Any] | None = None
    """An answer without what the library makes up anew each time, to compare two of them."""
    looks: Callable[[], Sequence[object]] | None = None
    lacks: Mapping[Duty, str] = field(default_factory=dict["Duty", str])

    def __str__(self) -> str:
        return self.name

    def has(self, duty: Duty) -> bool:
        match duty:
            case "async":
                return any(way.asynchronous for way in self.ways)
            case "parse":
                return any(way.parses for way in self.ways)
            case "positional":
                return self.positional is not None
            case "never started":
                return any(way.streamed for way in self.ways)
            case "oddities":
                return bool(self.oddities)
            case "raw":
                return any(way.shape == "raw" for way in self.ways)
            case "stream" | "manager" | "streaming raw":
                return any(way.shape == duty for way in self.ways)

    def each(self) -> Iterator[tuple[Subject, Way]]:
        return ((self, way) for way in self.ways)
