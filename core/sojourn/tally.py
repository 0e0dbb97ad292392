"""What one process did in a session, counted from memory as its spans end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn.cost import Cost
from sojourn.prices import Usage, rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Tally", "load_prices"]

_ACTIONS = frozenset({"action", "task", "operation"})
MAX_TOLD: Final = 256
_prices_asked_for = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A model call that awaits its price."""

    provider: str
    models: tuple[str, ...]
    """The one that answered, then the one asked for."""
    usage: Usage
    at_ns: int


class Tally:
    """Counts of one session in this process. Filled by one thread at a time; read from any."""

    def __init__(self) -> None:
        self.model_calls = 0
        self.tool_calls = 0
        self.actions = 0
        self.errors = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.unpriced = 0
        self._known = Decimal(0)
        self._unsettled: list[_Call] = []
        self._settling = Lock()
        self._explained: set[tuple[int, str]] = set()
        self._told_by_spans: deque[tuple[str, str | None]] = deque(maxlen=MAX_TOLD)
        """Type and message of exceptions that spans were counted for, and that may be recorded by hand as well."""

    def count(self, span: ReadableSpan) -> None:
        """Count a finished span."""
        attributes: Mapping[str, Any] = span.attributes or {}
        operation = attributes.get(semconv.OPERATION)
        if operation in semconv.MODEL_OPERATIONS:
            self.model_calls += 1
            self._count_usage(attributes, span.start_time or 0)
        elif operation == semconv.EXECUTE_TOOL:
            self.tool_calls += 1
            # A tool may cost money too, when the program says so.
            self._known += _dollars(attributes.get(semconv.USAGE_COST)) or 0
        elif attributes.get(semconv.KIND) in _ACTIONS:
            self.actions += 1
        if span.status.status_code.name == "ERROR":
            self._count_error(span, str(attributes.get(semconv.ERROR_TYPE, "")))

    def count_error_event(self, error_type: str, message: str | None) -> None:
        """Count an error that was recorded by hand, unless a span was counted for the same exception."""
        try:
            self._told_by_spans.remove((error_type, message))
        except ValueError:
            self.errors += 1

    def cost(self) -> Cost:
        """The cost so far. The first call that has something to price loads the price table (half a second)."""
        with self._settling:
            while self._unsettled:
                call = self._unsettled.pop()
                for model in call.models:
                    found = rates(call.provider, model, call.at_ns)
                    if found is not None:
                        self._known += found.cost(call.usage)
                        break
                else:
                    self.unpriced += 1
            return Cost(self._known, self.unpriced)

    @property
    def awaits_prices(self) -> bool:
        """Whether `cost` would have to look prices up."""
        return bool(self._unsettled)

    def _count_usage(self, attributes: Mapping[str, Any], at_ns: int) -> None:
        def tokens(key: str) -> int:
            value = attributes.get(key, 0)
            return value if isinstance(value, int) else 0

        usage = Usage(
            input=tokens(semconv.USAGE_INPUT_TOKENS),
            output=tokens(semconv.USAGE_OUTPUT_TOKENS),
            cache_read=tokens(semconv.USAGE_CACHE_READ_TOKENS),
            cache_write=tokens(semconv.USAGE_CACHE_WRITE_TOKENS),
            reasoning=tokens(semconv.USAGE_REASONING_TOKENS),
            audio_input=tokens(semconv.USAGE_AUDIO_INPUT_TOKENS),
            audio_output=tokens(semconv.USAGE_AUDIO_OUTPUT_TOKENS),
        )
        self.input_tokens += usage.input
        self.output_tokens += usage.output
        reported = _dollars(attributes.get(semconv.USAGE_COST))
        if reported is not None:
            self._known += reported
        elif usage.input or usage.output:
            names = (attributes.get(semconv.RESPONSE_MODEL), attributes.get(semconv.REQUEST_MODEL))
            models = tuple(dict.fromkeys(str(name) for name in names if name))
            load_prices()
            self._unsettled.append(_Call(str(attributes.get(semconv.PROVIDER, "")), models, usage, at_ns))

    def _count_error(self, span: ReadableSpan, error_type: str) -> None:
        # One exception is one error, though every span that it leaves on its way up says ERROR: children end before
        # their parents, so a parent in ERROR of the same type was already counted by its child.
        context = span.get_span_context()
        own = 0 if context is None else context.span_id
        if (own, error_type) in self._explained:
            self._explained.discard((own, error_type))
        else:
            self.errors += 1
            for event in span.events:
                if event.name == semconv.EXCEPTION_EVENT:
                    told = event.attributes or {}
                    message = told.get(semconv.EXCEPTION_MESSAGE)
                    kind = str(told.get(semconv.EXCEPTION_TYPE, "")).rpartition(".")[2]
                    self._told_by_spans.append((kind, None if message is None else str(message)))
        if span.parent is not None:
            self._explained.add((span.parent.span_id, error_type))


def load_prices() -> None:
    """Load the price table ahead of need, on a thread of its own: its import costs half a second."""
    global _prices_asked_for
    if not _prices_asked_for:
        _prices_asked_for = True
        Thread(target=rates, args=("openai", "gpt-4o", 0), name="sojourn-prices", daemon=True).start()


def _dollars(value: object) -> Decimal | None:
    if not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
