"""What one process did in a session, counted from memory as its spans end."""

from __future__ import annotations

from collections import deque
from decimal import Decimal, InvalidOperation
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sojourn import faults, semconv
from sojourn.cost import Cost
from sojourn.exits import loading
from sojourn.forgetting import forget_oldest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import Event
    from opentelemetry.trace import SpanContext, Status

    from sojourn.price_file import PriceList

__all__ = ["Tally", "load_prices", "use_price_file"]

_ACTIONS = frozenset({"action", "task", "operation"})
MAX_TOLD: Final = 256
MAX_EXPLAINED: Final = 4096
"""Failed spans whose parents may still fail by the same exception."""
MAX_UNPRICED: Final = 1000
"""Model calls that wait for somebody to ask what they cost; a session may make millions and never be asked."""
_TOKENS: Final = {
    "input": semconv.USAGE_INPUT_TOKENS,
    "output": semconv.USAGE_OUTPUT_TOKENS,
    "cache_read": semconv.USAGE_CACHE_READ_TOKENS,
    "cache_write": semconv.USAGE_CACHE_WRITE_TOKENS,
    "reasoning": semconv.USAGE_REASONING_TOKENS,
    "audio_input": semconv.USAGE_AUDIO_INPUT_TOKENS,
    "audio_output": semconv.USAGE_AUDIO_OUTPUT_TOKENS,
}
_prices_asked_for = False
_price_file: Path | PriceList | None = None
"""The user's own prices: a path until they are needed."""


class Counted(Protocol):
    """A finished span, as far as it counts."""

    @property
    def attributes(self) -> Mapping[str, Any] | None: ...
    @property
    def start_time(self) -> int | None: ...
    @property
    def status(self) -> Status: ...
    @property
    def events(self) -> Sequence[Event]: ...
    @property
    def parent(self) -> SpanContext | None: ...
    def get_span_context(self) -> SpanContext | None: ...


class _Call(NamedTuple):
    """A model call that awaits its price."""

    provider: str
    models: tuple[str, ...]
    """The one that answered, then the one asked for."""
    used: Mapping[str, int]
    """Tokens, by the fields of `prices.Usage`."""
    at_ns: int


class Tally:
    """Counts of one session in this process. Filled by one thread at a time; read from any."""

    def __init__(self) -> None:
        self.model_calls = 0
        self.tool_calls = 0
        self.actions = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.unpriced = 0
        # What is added to from several threads is kept apart by who adds, so that no addition is lost.
        self._failed_spans = 0
        self._errors_by_hand = 0
        self._reported = Decimal(0)
        self._priced = Decimal(0)
        self._unsettled: list[_Call] = []
        # A signal handler may end the session while this very thread holds them.
        self._settling = RLock()
        self._telling = RLock()
        self._explained: dict[tuple[int, str], None] = {}
        self._told_by_spans: deque[tuple[str, str | None]] = deque(maxlen=MAX_TOLD)
        """Type and message of exceptions that spans were counted for, and that may be recorded by hand as well."""

    @property
    def errors(self) -> int:
        """Exceptions that spans failed by, and errors recorded by hand; each once."""
        return self._failed_spans + self._errors_by_hand

    def count(self, span: Counted) -> None:
        """Count a finished span."""
        attributes: Mapping[str, Any] = span.attributes or {}
        operation = attributes.get(semconv.OPERATION)
        if operation in semconv.MODEL_OPERATIONS:
            self.model_calls += 1
            self._count_usage(attributes, span.start_time or 0)
        elif operation == semconv.EXECUTE_TOOL:
            self.tool_calls += 1
            # A tool may cost money too, when the program says so.
            self._reported += _dollars(attributes.get(semconv.USAGE_COST)) or 0
        elif attributes.get(semconv.KIND) in _ACTIONS:
            self.actions += 1
        if span.status.status_code.name == "ERROR":
            self._count_error(span, str(attributes.get(semconv.ERROR_TYPE, "")))

    def count_error_event(self, error_type: str, message: str | None) -> bool:
        """Count an error that was recorded by hand; False when a span was counted for the same exception."""
        with self._telling:
            try:
                self._told_by_spans.remove((error_type, message))
            except ValueError:
                self._errors_by_hand += 1
                return True
        return False

    def cost(self) -> Cost:
        """The cost so far. The first call that has something to price loads the price table (half a second)."""
        with self._settling:
            if self._unsettled:
                self._settle_calls()
            return Cost(self._reported + self._priced, self.unpriced)

    def _settle_calls(self) -> None:
        # Here, since a program that makes no model call needs no prices.
        from sojourn.price_file import find_rates
        from sojourn.prices import Usage

        own = _own_prices()
        while self._unsettled:
            call = self._unsettled.pop()
            found = find_rates(own, call.provider, call.models, call.at_ns)
            if found is not None:
                self._priced += found.cost(Usage(**call.used))
            else:
                self.unpriced += 1

    def _count_usage(self, attributes: Mapping[str, Any], at_ns: int) -> None:
        used = {field: told for field, key in _TOKENS.items() if isinstance(told := attributes.get(key), int)}
        self.input_tokens += used.get("input", 0)
        self.output_tokens += used.get("output", 0)
        reported = _dollars(attributes.get(semconv.USAGE_COST))
        if reported is not None:
            self._reported += reported
        elif used.get("input") or used.get("output"):
            names = (attributes.get(semconv.RESPONSE_MODEL), attributes.get(semconv.REQUEST_MODEL))
            models = tuple(dict.fromkeys(str(name) for name in names if name))
            load_prices()
            self._unsettled.append(_Call(str(attributes.get(semconv.PROVIDER, "")), models, used, at_ns))
            # Whoever is pricing them just now is not waited for.
            if len(self._unsettled) >= MAX_UNPRICED and self._settling.acquire(blocking=False):
                try:
                    self._settle_calls()
                finally:
                    self._settling.release()

    def _count_error(self, span: Counted, error_type: str) -> None:
        # One exception is one error, though every span that it leaves on its way up says ERROR: children end before
        # their parents, so a parent in ERROR of the same type was already counted by its child.
        context = span.get_span_context()
        own = 0 if context is None else context.span_id
        if (own, error_type) in self._explained:
            del self._explained[own, error_type]
        else:
            self._failed_spans += 1
            for event in span.events:
                if event.name == semconv.EXCEPTION_EVENT:
                    told = event.attributes or {}
                    message = told.get(semconv.EXCEPTION_MESSAGE)
                    kind = str(told.get(semconv.EXCEPTION_TYPE, "")).rpartition(".")[2]
                    with self._telling:
                        self._told_by_spans.append((kind, None if message is None else str(message)))
        if span.parent is not None:
            self._explained[span.parent.span_id, error_type] = None
            forget_oldest(self._explained, MAX_EXPLAINED)


def load_prices() -> None:
    """Load the price table ahead of need, on a thread of its own: its import costs half a second."""
    global _prices_asked_for
    if not _prices_asked_for:
        _prices_asked_for = True
        Thread(target=_look_one_up, name="sojourn-prices", daemon=True).start()


def use_price_file(path: Path | None) -> None:
    """Have this process's calls priced by a file too. It is read when the first call is priced."""
    global _price_file
    _price_file = path


def _look_one_up() -> None:
    with loading():
        from sojourn.price_file import find_rates

        find_rates(_own_prices(), "openai", ["gpt-4o"], 0)


def _own_prices() -> PriceList:
    """What the user's file says. One that cannot be read says nothing, and the user is told once."""
    global _price_file
    from sojourn.price_file import BadPrices, PriceList

    chosen = _price_file
    if chosen is None or isinstance(chosen, PriceList):
        return chosen or PriceList()
    try:
        read = PriceList.read(chosen)
    except BadPrices as fault:
        faults.trouble("prices", f"{fault}; calls are priced without it")
        read = PriceList()
    _price_file = read
    return read


def _dollars(value: object) -> Decimal | None:
    if not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
