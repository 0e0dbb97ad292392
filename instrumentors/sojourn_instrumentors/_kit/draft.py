"""Drafts: an answer that arrives in pieces, put together as it comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit.messages import (
    blob,
    message,
    parse_arguments,
    reasoning,
    refusal,
    text,
    tool_call,
)

if TYPE_CHECKING:
    from sojourn_instrumentors._kit.messages import Message, Part

__all__ = ["Call", "Draft", "Piece"]


@dataclass(slots=True)
class Call:
    """A tool call under way."""

    id: str | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Piece:
    """A part of a message under way, of an answer that comes as a list of parts.

    Its `words` go into `where`, which is the part or something in it, under `name`.
    """

    part: Part
    where: dict[str, Any]
    name: str
    words: list[str] = field(default_factory=list[str])

    def settled(self) -> Part:
        if self.words:
            said = "".join(self.words)
            self.where[self.name] = parse_arguments(said) if self.name == "arguments" else said
        return self.part


@dataclass(slots=True)
class Draft:
    """One choice of a streamed answer; pieces are appended, and joined once at the end."""

    role: str = "assistant"
    texts: list[str] = field(default_factory=list[str])
    reasonings: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    transcripts: list[str] = field(default_factory=list[str])
    calls: dict[int, Call] = field(default_factory=dict[int, Call])
    pieces: dict[int, Piece] = field(default_factory=dict[int, Piece])
    finish_reason: str | None = None

    def message(self) -> Message:
        parts: list[Part] = [piece.settled() for piece in self.pieces.values()]
        if self.reasonings:
            parts.append(reasoning("".join(self.reasonings)))
        if self.texts:
            parts.append(text("".join(self.texts)))
        if self.refusals:
            parts.append(refusal("".join(self.refusals)))
        if self.transcripts:
            parts.append(blob("audio", "", transcript="".join(self.transcripts)))
        parts.extend(
            tool_call(call.name, parse_arguments("".join(call.arguments)), call.id) for call in self.calls.values()
        )
        return message(self.role, parts, finish_reason=self.finish_reason)
