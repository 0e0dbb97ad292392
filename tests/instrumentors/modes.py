"""The four ways in which a chat completion is asked for, as one function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

if TYPE_CHECKING:
    from tests.instrumentors.provider import Provider

Mode = Literal["whole", "stream", "async whole", "async stream"]

MODES: tuple[Mode, ...] = get_args(Mode)
STREAMS: tuple[Mode, ...] = ("stream", "async stream")

HELLO = [{"role": "user", "content": "Hello"}]


async def start(mode: Mode, provider: Provider, **arguments: Any) -> Any:
    """Ask, and return what the client returns: a completion or a stream."""
    asked: dict[str, Any] = {"model": "m-1", "messages": HELLO, **arguments}
    if mode in STREAMS:
        asked.setdefault("stream", True)
    if mode.startswith("async"):
        return cast("Any", await provider.async_client().chat.completions.create(**asked))
    return cast("Any", provider.client().chat.completions.create(**asked))


def opened(provider: Provider, **arguments: Any) -> Any:
    """A stream of the synchronous client, with nothing of it read."""
    asked: dict[str, Any] = {"model": "m-1", "messages": HELLO, "stream": True, **arguments}
    return cast("Any", provider.client().chat.completions.create(**asked))


async def drain(mode: Mode, value: Any) -> list[Any]:
    """Everything that came: the completion alone, or all chunks."""
    if mode == "stream":
        return list(value)
    if mode == "async stream":
        return [part async for part in value]
    return [value]


async def ask(mode: Mode, provider: Provider, **arguments: Any) -> list[Any]:
    return await drain(mode, await start(mode, provider, **arguments))
