"""Facts: what one call of a model was and gave back, said once by a recorded body and once by a span."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

__all__ = ["CELLS", "Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The cells of the table. None: not said."""

    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    streamed: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    messages: int | None = None
    """How many messages were sent."""
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    tools: tuple[str, ...] | None = None
    """The names of the tools that were called, in order."""
    text: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    dimensions: int | None = None
    error: str | None = None
    """The name of the client's exception."""


CELLS: Final = tuple(field.name for field in fields(Facts))
