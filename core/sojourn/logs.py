"""The program's own log lines, as part of the session in which they were written.

Not a handler on the root logger: with one there, `logging.basicConfig` would do nothing, warnings would no longer reach
the terminal by the handler of last resort, and `dictConfig` would throw it out. Instead the step is watched in which a
logger has accepted a record and looks for its handlers; levels, filters and handlers stay as they are.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import trace

from sojourn import faults, semconv
from sojourn.clock import now_ns
from sojourn.content import is_redacting
from sojourn.otlp import SessionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.content import ContentPolicy

__all__ = ["LogCapture", "severity_of"]

# Our own warnings are about recording; recorded, they would be written about again.
_OURS: Final = "sojourn"
_QUIET: Final = ("sojourn-recorder", "sojourn-sender", "sojourn-prices", "sojourn-host")

# A checker does not want a method to be assigned; see the docstring above for why it is.
_LOGGER: Any = logging.Logger

_emitting: ContextVar[bool] = ContextVar("sojourn_emitting", default=False)


class Taker(Protocol):
    """What takes the lines."""

    def emit(self, event: SessionEvent) -> None:
        """Hand an event to the journal."""
        ...

    def holds(self, span_id: int) -> bool:
        """Whether a span is one of ours that is still open."""
        ...


class Owner(Protocol):
    """What knows the sessions."""

    def current_session_id(self) -> str | None:
        """The session that the calling code belongs to."""
        ...

    def sampled(self, session_id: str) -> bool:
        """Whether the session is recorded."""
        ...


class LogCapture:
    """Records what any logger accepts from `level` on, until it leaves."""

    def __init__(self, taker: Taker, owner: Owner, policy: ContentPolicy, level: int) -> None:
        self._taker = taker
        self._owner = owner
        self._policy = policy
        self.level = level
        self._left = False
        self._before = before = logging.Logger.callHandlers
        self._ours = self._watch(before)
        _LOGGER.callHandlers = self._ours

    def leave(self) -> None:
        """Record nothing more, and put back what was there if nobody has put something of his own over it."""
        self._left = True
        if logging.Logger.callHandlers is self._ours:
            _LOGGER.callHandlers = self._before

    def _watch(
        self, before: Callable[[logging.Logger, logging.LogRecord], None]
    ) -> Callable[[logging.Logger, logging.LogRecord], None]:
        def callHandlers(logger: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
            # First ours: handlers of the program may change the record, or raise.
            if record.levelno >= self.level and not self._left:
                with faults.contained("logs"):
                    self._take(record)
            before(logger, record)

        return callHandlers

    def _take(self, record: logging.LogRecord) -> None:
        # `logging.makeLogRecord` makes records without a name, and with whatever a program gives it.
        if str(record.name).partition(".")[0] == _OURS or record.threadName in _QUIET:
            return
        # A redactor that logs, or an object that does so in its `__str__`, comes by here again.
        if _emitting.get() or is_redacting():
            return
        before = _emitting.set(True)
        try:
            session_id = self._owner.current_session_id()
            if session_id is not None and self._owner.sampled(session_id):
                self._taker.emit(self._event(record, session_id))
        finally:
            _emitting.reset(before)

    def _event(self, record: logging.LogRecord, session_id: str) -> SessionEvent:
        facts: dict[str, Any] = {
            semconv.CODE_FILE_PATH: record.pathname,
            semconv.CODE_LINE_NUMBER: record.lineno,
            semconv.CODE_FUNCTION_NAME: record.funcName or "",
            semconv.THREAD_NAME: record.threadName or "",
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            facts[semconv.EXCEPTION_TYPE] = type(error).__qualname__
            said, stack = self._policy.message(error), self._policy.stack(error)
            if said is not None:
                facts[semconv.EXCEPTION_MESSAGE] = said
            if stack is not None:
                facts[semconv.EXCEPTION_STACKTRACE] = stack
        within = trace.get_current_span().get_span_context()
        ours = within.is_valid and self._taker.holds(within.span_id)
        return SessionEvent(
            name="",
            session_id=session_id,
            time_ns=_time_of(record),
            attributes=facts,
            severity=severity_of(record.levelno),
            trace_id=within.trace_id if ours else 0,
            span_id=within.span_id if ours else 0,
            severity_text=str(record.levelname),
            body=self._policy.render_text(_message(record)),
            scope=str(record.name or ""),
            observed_ns=now_ns(),
        )


def severity_of(level: int) -> int:
    """A level of `logging` as OpenTelemetry counts: TRACE from 1, DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21."""
    if level < logging.DEBUG:
        return 1
    step = min(level // 10, 5)
    # Levels of a program's own making lie between: 25 is a bit more than INFO.
    return 1 + 4 * step + (min(3, (level % 10) * 4 // 10) if level < logging.CRITICAL else 0)


def _time_of(record: logging.LogRecord) -> int:
    told = int(record.created * 1_000_000) * 1000
    # A record from elsewhere may count milliseconds, or from another year.
    return told if 0 <= told < 2**63 else now_ns()


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that do not fit the format: logging says so to the program itself
        return str(record.msg)
