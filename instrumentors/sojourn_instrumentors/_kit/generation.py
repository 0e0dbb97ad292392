"""Generations: what a call of a model asked for and gave back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit.attributes import facts
from sojourn_instrumentors._kit.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.util.types import AttributeValue

    from sojourn_instrumentors._kit.messages import Message, Part

__all__ = ["Generation"]

_REQUEST = (
    ("operation", semconv.OPERATION),
    ("provider", semconv.PROVIDER),
    ("model", semconv.REQUEST_MODEL),
    ("api_type", semconv.OPENAI_API_TYPE),
    ("server_address", semconv.SERVER_ADDRESS),
    ("server_port", semconv.SERVER_PORT),
    ("stream", semconv.REQUEST_STREAM),
    ("temperature", semconv.REQUEST_TEMPERATURE),
    ("top_p", semconv.REQUEST_TOP_P),
    ("top_k", semconv.REQUEST_TOP_K),
    ("frequency_penalty", semconv.REQUEST_FREQUENCY_PENALTY),
    ("presence_penalty", semconv.REQUEST_PRESENCE_PENALTY),
    ("max_tokens", semconv.REQUEST_MAX_TOKENS),
    ("seed", semconv.REQUEST_SEED),
    ("choice_count", semconv.REQUEST_CHOICE_COUNT),
    ("stop_sequences", semconv.REQUEST_STOP_SEQUENCES),
    ("reasoning_level", semconv.REQUEST_REASONING_LEVEL),
    ("output_type", semconv.OUTPUT_TYPE),
    ("service_tier", semconv.OPENAI_REQUEST_SERVICE_TIER),
)
_RESPONSE = (
    # Some libraries say only with the first piece that an answer is streamed.
    ("stream", semconv.REQUEST_STREAM),
    ("response_model", semconv.RESPONSE_MODEL),
    ("response_id", semconv.RESPONSE_ID),
    ("finish_reasons", semconv.RESPONSE_FINISH_REASONS),
    ("time_to_first_chunk", semconv.RESPONSE_TIME_TO_FIRST_CHUNK),
    ("input_tokens", semconv.USAGE_INPUT_TOKENS),
    ("output_tokens", semconv.USAGE_OUTPUT_TOKENS),
    ("cache_read_tokens", semconv.USAGE_CACHE_READ_TOKENS),
    ("cache_write_tokens", semconv.USAGE_CACHE_WRITE_TOKENS),
    ("reasoning_tokens", semconv.USAGE_REASONING_TOKENS),
    ("audio_input_tokens", semconv.USAGE_AUDIO_INPUT_TOKENS),
    ("audio_output_tokens", semconv.USAGE_AUDIO_OUTPUT_TOKENS),
    ("response_service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER),
    ("fingerprint", semconv.OPENAI_SYSTEM_FINGERPRINT),
)
_USAGE = tuple(name for name, _ in _RESPONSE if name.endswith("_tokens"))


@dataclass(slots=True)
class Generation:
    """The record of one call of a model. What stays None was not said, and is not recorded.

    Request parameters are set only as the caller gave them. Input tokens count cached ones, output tokens count
    those of reasoning. Content fields are filled only while `wants_content`.
    """

    operation: str = semconv.CHAT
    wants_content: bool = True

    provider: str | None = None
    model: str | None = None
    api_type: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    choice_count: int | None = None
    stop_sequences: list[str] | None = None
    reasoning_level: str | None = None
    output_type: str | None = None
    service_tier: str | None = None

    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] | None = None
    time_to_first_chunk: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    response_service_tier: str | None = None
    fingerprint: str | None = None

    # Content.
    inputs: list[Message] | None = None
    outputs: list[Message] | None = None
    system_instructions: list[Part] | None = None
    tools: list[dict[str, Any]] | None = None

    drafts: dict[int, Draft] = field(default_factory=dict[int, Draft])

    @property
    def span_name(self) -> str:
        return f"{self.operation} {self.model}" if self.model else self.operation

    def draft(self, index: int) -> Draft:
        """The choice that a chunk belongs to."""
        found = self.drafts.get(index)
        if found is None:
            found = self.drafts[index] = Draft()
        return found

    def request_facts(self) -> dict[str, AttributeValue]:
        return facts(self, _REQUEST)

    def response_facts(self) -> dict[str, AttributeValue]:
        self._settle_drafts()
        return facts(self, _RESPONSE)

    def request_content(self) -> Iterator[tuple[str, Any]]:
        if self.system_instructions:
            yield semconv.SYSTEM_INSTRUCTIONS, self.system_instructions
        if self.inputs:
            yield semconv.INPUT_MESSAGES, self.inputs
        if self.tools:
            yield semconv.TOOL_DEFINITIONS, self.tools

    def response_content(self) -> Iterator[tuple[str, Any]]:
        if self.outputs:
            yield semconv.OUTPUT_MESSAGES, self.outputs

    def absorb(self, inner: Generation) -> None:
        """Take the facts of the provider's call that did the work of this one: the provider knows best."""
        inner._settle_drafts()
        for name, _ in (*_REQUEST[1:], *_RESPONSE):
            value = getattr(inner, name)
            if value is not None:
                setattr(self, name, value)

    @property
    def has_usage(self) -> bool:
        return self.input_tokens is not None or self.output_tokens is not None

    def drop_usage(self) -> None:
        """Forget the tokens: another span bears them."""
        for name in _USAGE:
            setattr(self, name, None)

    def _settle_drafts(self) -> None:
        if not self.drafts:
            return
        drafts = [self.drafts[index] for index in sorted(self.drafts)]
        self.drafts = {}
        self.finish_reasons = [draft.finish_reason for draft in drafts if draft.finish_reason] or None
        if self.wants_content:
            self.outputs = [draft.message() for draft in drafts]
