"""Recorded exchanges: what a program asked a model server, and what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["RECORDINGS", "Exchange", "Sums", "load", "parse", "sums"]

RECORDINGS: Final = Path(__file__).with_name("recordings")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    request: Any
    """The request's JSON, parsed; None without a body."""
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def streamed(self) -> bool:
        """Whether the answer came as server-sent events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def events(self) -> tuple[bytes, ...]:
        """The events of a streamed answer, each as it stood on the wire."""
        return tuple(part + b"\n\n" for part in self.body.split(b"\n\n") if part.strip())

    @property
    def chunks(self) -> tuple[Any, ...]:
        """The JSON of a streamed answer's events."""
        told = (event.strip().removeprefix(b"data:").strip() for event in self.events)
        return tuple(json.loads(text) for text in told if text != b"[DONE]")

    @property
    def answer(self) -> Any:
        """The JSON of a whole answer; raises ValueError when it is none."""
        return json.loads(self.body)

    @property
    def usage(self) -> Mapping[str, Any]:
        """The usage that the answer tells, empty when it tells none."""
        told = self.chunks if self.streamed else (self.answer,)
        for part in reversed(told):
            if part.get("usage"):
                return dict(part["usage"])
        return {}

    @property
    def tool_calls(self) -> int:
        """How many tools the model asked for."""
        if not self.streamed:
            return sum(len(choice["message"].get("tool_calls") or ()) for choice in self.answer.get("choices", ()))
        deltas = (choice["delta"] for chunk in self.chunks for choice in chunk["choices"])
        # A call is told in many pieces; only its first bears the id.
        return sum(1 for delta in deltas for call in delta.get("tool_calls") or () if call.get("id"))


@dataclass(frozen=True, slots=True)
class Sums:
    """What exchanges add up to."""

    model_calls: int
    input_tokens: int
    output_tokens: int
    tool_calls: int


def sums(exchanges: Iterable[Exchange]) -> Sums:
    """Add exchanges up."""
    every = tuple(exchanges)
    return Sums(
        model_calls=len(every),
        input_tokens=sum(exchange.usage.get("prompt_tokens", 0) for exchange in every),
        output_tokens=sum(exchange.usage.get("completion_tokens", 0) for exchange in every),
        tool_calls=sum(exchange.tool_calls for exchange in every),
    )


def load(program: str) -> tuple[Exchange, ...]:
    """What one of the demo's programs (`researcher`, `assistant`) exchanged, in the order in which it ended."""
    return parse(json.loads((RECORDINGS / f"{program}.json").read_bytes()))


def parse(cassette: Mapping[str, Any]) -> tuple[Exchange, ...]:
    """The exchanges of a cassette as vcrpy writes it."""
    return tuple(_parse(interaction["request"], interaction["response"]) for interaction in cassette["interactions"])


def _parse(request: Mapping[str, Any], response: Mapping[str, Any]) -> Exchange:
    asked = request["body"]
    return Exchange(
        method=request["method"],
        path=urlsplit(str(request["uri"])).path,
        request=json.loads(asked) if asked else None,
        status=response["status"]["code"],
        headers={name.lower(): values[0] for name, values in response["headers"].items()},
        body=_bytes(response["body"]["string"]),
    )


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
