"""The steps of one session, however many there are, some in memory at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine import reading, session_steps
from sojourn_gateway.engine.places import Node, place
from sojourn_gateway.query.logs import line_of
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.session import SessionSummary, StepKind
    from sojourn_gateway.model.span import Span, Step

__all__ = ["SessionSteps", "WholeSession"]

_FEW: Final = 50
"""As many steps, with all that they say, are held to be told as a page of a large session is at first."""
_CALLS: Final = ("model", "embedding")
_KINDS: Final[Mapping[Step, StepKind]] = {"tool": "tools", "action": "actions", "task": "actions"}


class SessionSteps:
    """Reads a session as a stream."""

    def __init__(self, engine: Engine, settle: Callable[[], None]) -> None:
        """Read from `engine`. `settle` waits a little for what was just acknowledged."""
        self._engine = engine
        self._settle = settle

    def of(
        self, project: str, session_id: str, kind: StepKind, ids: Sequence[str] | None = None
    ) -> Iterator[list[Span]]:
        """The steps of one kind, oldest first; of those that start together, the longest first.

        With `ids` those alone that their program, or their sender, knows by one of these.
        """
        self._settle()
        for rows in session_steps.step_pages(self._engine, project, session_id, kind, ids):
            # Who their ancestors are, which may stand on another page, was asked before they were chosen.
            yield spans_of(rows, self._engine.price, session_id)

    def whole(self, project: str, session: SessionSummary) -> WholeSession:
        """All steps of a session, kind by kind."""
        return WholeSession(self, project, session)

    def few(self, project: str, session_id: str) -> list[Span] | None:
        """All spans of the traces that have any in a session, as `of` orders them; None when there are many."""
        self._settle()
        rows = reading.read_few_spans(
            self._engine, project, trace_id=None, session_id=session_id, most=2 * _FEW, content=True
        )
        return None if rows is None else spans_of(rows, self._engine.price)

    def of_trace(self, project: str, trace_id: str) -> Iterator[list[Span]]:
        """The steps of a trace, by its hexadecimal id, likewise.

        What stands on another page is not looked at: which session a step inherits is not told.
        """
        for rows in session_steps.trace_pages(self._engine, project, trace_id):
            yield spans_of(rows, self._engine.price)

    def errors_by_hand(self, project: str, session_id: str) -> Iterator[LogLine]:
        """The exceptions that a program recorded and that no failed step tells as well, oldest first."""
        self._settle()
        for rows in session_steps.exception_pages(self._engine, project, session_id):
            for line in map(line_of, rows):
                if line.attributes.get(semconv.ERROR_OWN, line.span_id is None) is True:
                    yield line


class WholeSession:
    """A session that is read kind by kind of step: a small one at once, when the first of them are taken."""

    def __init__(self, steps: SessionSteps, project: str, session: SessionSummary) -> None:
        """Read by `steps`; how large it is stands in its summary."""
        self._steps = steps
        self._project = project
        self._session = session
        self._may_be_few = session.span_count <= _FEW
        self._few: Mapping[StepKind, list[Span]] | None = None

    def of(self, kind: StepKind) -> Iterator[list[Span]]:
        """The steps of one kind, as `SessionSteps.of` tells them."""
        if self._may_be_few and self._few is None:
            spans = self._steps.few(self._project, self._session.id)
            self._may_be_few = spans is not None
            self._few = None if spans is None else _by_kind(spans, self._session.id)
        if self._few is not None:
            yield self._few.get(kind, [])
        else:
            yield from self._steps.of(self._project, self._session.id, kind)


def _by_kind(spans: Sequence[Span], session_id: str) -> dict[StepKind, list[Span]]:
    """Those of the spans of whole traces that belong to a session, as the engine chooses them where they are many."""
    once = _calls_once(spans)
    here = [replace(span, session_id=session_id) for span in spans if (span.session_id or span.trace_id) == session_id]
    found: dict[StepKind, list[Span]] = {}
    for span in here:
        kind: StepKind = "calls" if (span.trace_id, span.span_id) in once else _KINDS.get(span.step, "others")
        found.setdefault(kind, []).append(span)
    failed = [span for span in here if span.status == "error"]
    passed_on = {(span.trace_id, span.parent_id, span.error_type) for span in failed}
    found["failed"] = [span for span in failed if (span.trace_id, span.span_id, span.error_type) not in passed_on]
    return found


def _calls_once(spans: Sequence[Span]) -> set[tuple[str, str]]:
    """The calls of models that have no other one inside them."""
    by_trace: dict[str, list[Node]] = {}
    for span in spans:
        parent = bytes.fromhex(span.parent_id or "00" * 8)
        node = Node(bytes.fromhex(span.span_id), parent, "", span.start_ns, calls=span.step in _CALLS, usage=False)
        by_trace.setdefault(span.trace_id, []).append(node)
    return {
        (trace_id, span_id.hex())
        for trace_id, nodes in by_trace.items()
        for span_id, one in place(nodes).items()
        if one.counts_call
    }
