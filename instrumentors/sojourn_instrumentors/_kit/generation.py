"""Generations: what a call of a model asked for and gave back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit.attributes import Facts, attribute
from sojourn_instrumentors._kit.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.util.types import AttributeValue

    from sojourn_instrumentors._kit.messages import Message, Part

__all__ = ["Generation"]

_REQUEST = (
    ("operation", semconv.OPERATION),
    ("kind", semconv.KIND),
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
_ASKED, _ANSWERED = Facts(*_REQUEST), Facts(*_RESPONSE)
_USAGE = tuple(name for name, _ in _RESPONSE if name.endswith("_tokens"))


class Generation:
    """The record of one call of a provider. What stays None was not said, and is not recorded.

    Request parameters are set only as the caller gave them. Input tokens count cached ones, output tokens count
    those of reasoning. Content fields are filled only while `wants_content`. What only few calls have stands in
    `others` (facts) and `asides` (content) under its attribute's name.

    An instance holds only what it was told: what was not stands on the class, so that a call pays for the fields that
    it has and not for all there are.
    """

    operation: str | None = semconv.CHAT
    """One of the conventions'; None for a call that they have no word for, and then `name` says what it was."""
    wants_content: bool = True

    name: str | None = None
    """What stands in the span's name in place of the model's."""
    kind: str | None = None

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

    chunk_gaps: list[float] | None = None
    """Seconds from each chunk of an answer to the next; None while nobody measures."""

    # Content.
    inputs: list[Message] | None = None
    outputs: list[Message] | None = None
    system_instructions: list[Part] | None = None
    tools: list[dict[str, Any]] | None = None

    failure: str | None = None
    """What a provider answered of a call that failed without an exception."""
    failure_type: str = "provider_error"
    work: Generation | None = None
    """A model's work that this call reports and did not do itself, such as that of a run; it gets a span below."""

    def __init__(
        self,
        operation: str | None = semconv.CHAT,
        *,
        provider: str | None = None,
        model: str | None = None,
        api_type: str | None = None,
        stream: bool | None = None,
    ) -> None:
        self.operation = operation
        self.provider = provider
        self.model = model
        self.api_type = api_type
        self.stream = stream
        self.others: dict[str, Any] = {}
        self.asides: dict[str, Any] = {}
        self.scratch: dict[str, Any] = {}
        """For the library module, between the pieces of an answer."""
        self.drafts: dict[int, Draft] = {}

    @property
    def span_name(self) -> str:
        named = self.name or self.model
        return f"{self.operation} {named}" if self.operation and named else self.operation or named or "request"

    def draft(self, index: int) -> Draft:
        """The choice that a chunk belongs to."""
        found = self.drafts.get(index)
        if found is None:
            found = self.drafts[index] = Draft()
        return found

    def request_facts(self) -> dict[str, AttributeValue]:
        known = _ASKED.own(self)
        return self._with_others(known) if self.others else known

    def response_facts(self) -> dict[str, AttributeValue]:
        self._settle_drafts()
        known = _ANSWERED.own(self)
        return self._with_others(known) if self.others else known

    def request_content(self) -> Iterator[tuple[str, Any]]:
        if self.system_instructions:
            yield semconv.SYSTEM_INSTRUCTIONS, self.system_instructions
        if self.inputs:
            yield semconv.INPUT_MESSAGES, self.inputs
        if self.tools:
            yield semconv.TOOL_DEFINITIONS, self.tools
        if self.asides:
            yield from self._said_aside()

    def response_content(self) -> Iterator[tuple[str, Any]]:
        if self.outputs:
            yield semconv.OUTPUT_MESSAGES, self.outputs
        if self.asides:
            yield from self._said_aside()

    def forget(self) -> None:
        self.inputs = self.outputs = self.system_instructions = self.tools = None
        self.asides, self.scratch, self.drafts = {}, {}, {}
        self.work = self.failure = None

    def absorb(self, inner: Generation) -> None:
        """Take the facts of the provider's call that did the work of this one: the provider knows best."""
        inner._settle_drafts()
        for name, _ in (*_REQUEST[1:], *_RESPONSE):
            value = getattr(inner, name)
            if value is not None:
                setattr(self, name, value)
        self.others.update(inner.others)
        self.chunk_gaps = inner.chunk_gaps or self.chunk_gaps

    @property
    def has_usage(self) -> bool:
        return self.input_tokens is not None or self.output_tokens is not None

    def apart(self) -> Generation:
        """A call of a model by the same provider, that bears this one's tokens."""
        work = Generation(provider=self.provider, api_type=self.api_type)
        work.server_address, work.server_port = self.server_address, self.server_port
        for name in _USAGE:
            setattr(work, name, getattr(self, name))
        return work

    def drop_usage(self) -> None:
        """Forget the tokens: another span bears them."""
        for name in _USAGE:
            setattr(self, name, None)

    def _with_others(self, known: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        for name, value in self.others.items():
            if value is not None:
                # Nearly all values are fit; for them a call each is saved.
                known[name] = value if value.__class__ is str and value.isascii() else attribute(value)
        return known

    def _said_aside(self) -> Iterator[tuple[str, Any]]:
        said, self.asides = self.asides, {}
        yield from said.items()

    def _settle_drafts(self) -> None:
        if not self.drafts:
            return
        drafts = [self.drafts[index] for index in sorted(self.drafts)]
        self.drafts = {}
        self.finish_reasons = [draft.finish_reason for draft in drafts if draft.finish_reason] or None
        if self.wants_content:
            self.outputs = [*(self.outputs or ()), *[draft.message() for draft in drafts]]
