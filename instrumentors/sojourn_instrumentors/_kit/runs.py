"""Runs: the observations of a library that reports its work by callbacks, found again by its own run ids."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from sojourn import limits
from sojourn_instrumentors._kit import claim, parent
from sojourn_instrumentors._kit.generation import Generation
from sojourn_instrumentors._kit.observation import Observation, suppressed
from sojourn_instrumentors._kit.patch import MissingTarget
from sojourn_instrumentors._kit.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from sojourn_instrumentors._kit.observation import Tracing
    from sojourn_instrumentors._kit.step import Step

__all__ = ["Bridge", "Runs"]

MAX_OPEN = 10_000
"""Runs kept open at once. A library that forgets to report an end must not make the program grow without bound."""
MAX_ENDED = 1000
"""Runs remembered after their end."""


class Runs:
    """Open runs by id. Parents come from the library's ids; nothing is attached to OpenTelemetry's context."""

    def __init__(self, tracing: Tracing, limit: int = MAX_OPEN) -> None:
        self.policy = tracing.policy
        self._tracing = tracing
        self._limit = limit
        self._open: dict[Hashable, Observation] = {}
        # A hidden run has no span; its children belong to the parent that it has.
        self._hidden: dict[Hashable, Observation] = {}
        # Where runs that ended had their spans: a task that outlives the run that began it still belongs there.
        self._ended: OrderedDict[Hashable, SpanContext] = OrderedDict()
        self._tasks = Tasks(self._cancelled)

    def __len__(self) -> int:
        return len(self._open) + len(self._hidden)

    def start(
        self, id: Hashable, parent_id: Hashable | None, record: Step, taken: Callable[[], Any] | None = None
    ) -> Observation | None:
        """Begin a step, unless the program asked that nothing be recorded; `taken` reads what it was given."""
        here = otel_context.get_current()  # once for all, since each asking is two calls
        if suppressed(here):
            return None
        above = self._open.get(parent_id) or self._hidden.get(parent_id)
        context = self._outlived(parent_id) if above is None else above.child_context(here)
        observation = Observation(self._tracing, record, SpanKind.INTERNAL, here, context)
        observation.above = above
        self._keep(id, observation)
        if record.wants_content and taken is not None:
            record.taken = taken()
            observation.requested()
        return observation

    def admit(self, batch: object = None) -> None:
        """Ask the program's own limits about a call of a model that is about to start.

        Raises what they say, into the program: never inside a guard. What was begun of the same batch is ended then,
        since nobody will work it off.
        """
        if limits.ask is None or suppressed():
            return
        try:
            limits.ask()
        except BaseException as refusal:
            begun = [run for run, one in self._open.copy().items() if batch is not None and one.group is batch]
            for run in begun:
                self._open.pop(run).end(refusal)
            raise

    def start_call(
        self,
        id: Hashable,
        parent_id: Hashable | None,
        record: Generation,
        content: Callable[[Generation], None],
        *,
        batch: object = None,
    ) -> Observation | None:
        """Begin a call of a model: the provider's call beneath it will fold into it.

        `content` reads what the model is sent, when that will be recorded.
        `batch` is the same object for all members of a batch that is worked off by one call of the library.
        """
        here = otel_context.get_current()
        if suppressed(here):
            return None
        around = claim.holder(batch)
        above = self._open.get(parent_id) or self._hidden.get(parent_id)
        nearest = around or above
        context = self._outlived(parent_id) if nearest is None else nearest.child_context(here)
        observation = Observation(self._tracing, record, SpanKind.CLIENT, here, context)
        observation.above = above
        observation.within = around
        claim.lay(observation, batch)
        self._keep(id, observation)
        if record.wants_content:
            content(record)
            observation.requested()
        return observation

    def streamed(self, id: Hashable) -> None:
        """A piece of a model's answer goes to the program: what it does from now on is not the model's doing."""
        observation = self._open.get(id)
        if observation is not None and not observation.yielded:
            observation.yielded = True
            if isinstance(observation.record, Generation):
                observation.record.stream = True
            observation.first_chunk()

    def hide(self, id: Hashable, parent_id: Hashable | None) -> None:
        """Make no span of a run; what it calls belongs to its parent."""
        above = self.get(parent_id)
        if above is not None:
            self._hidden[id] = above
            _bound(self._hidden, self._limit)

    def get(self, id: Hashable | None) -> Observation | None:
        """The open observation of a run, or of the nearest ancestor of a hidden one."""
        return self._open.get(id) or self._hidden.get(id)

    def around(self, find: Callable[[], Hashable | None]) -> Observation | None:
        """The observation of the run whose id `find` tells; while none is open nobody is asked."""
        return self.get(find()) if self._open or self._hidden else None

    def end(self, id: Hashable, read: Callable[[Any], None], error: BaseException | None = None) -> None:
        """End a run, whose result `read` writes on its record; one that is hidden or unknown is only forgotten."""
        self._hidden.pop(id, None)
        observation = self._open.pop(id, None)
        if observation is None:
            return
        if id in self._tasks.of:
            self._tasks.forget(id)
        self._ended[id] = observation.place
        if len(self._ended) > MAX_ENDED:
            self._ended.pop(next(iter(self._ended)), None)
        try:
            if observation.recording:
                read(observation.record)
        finally:
            observation.end(error)

    def note(self, record: Step, id: Hashable | None) -> None:
        """A step without length below a run, which may just be ending: something that was decided there."""
        here = otel_context.get_current()
        if suppressed(here):
            return
        above = self.get(id)
        context = self._outlived(id) if above is None else above.child_context(here)
        Observation(self._tracing, record, SpanKind.INTERNAL, here, context).end()

    def _outlived(self, parent_id: Hashable | None) -> Context | None:
        """The context of a parent that has ended already; None for a run without one."""
        place = None if parent_id is None else self._ended.get(parent_id)
        return None if place is None else trace.set_span_in_context(trace.NonRecordingSpan(place))

    def _keep(self, id: Hashable, observation: Observation) -> None:
        self._open[id] = observation
        self._tasks.begin(id)
        if len(self._open) > self._limit:
            for forgotten in _bound(self._open, self._limit):
                forgotten.end(abandoned=True)

    def _cancelled(self, id: Hashable) -> None:
        """End a run whose task was cancelled, and whose library said nothing."""
        self.end(id, lambda _: None, asyncio.CancelledError())


@dataclass
class Bridge:
    """Listen to a library that reports by callbacks.

    `listen` registers with the library (imported there, late) and returns what undoes it; `find` tells the id of
    the run that the library works in at the moment, so that calls of other libraries find their parent.
    """

    target: str
    listen: Callable[[Runs], Callable[[], None]]
    find: Callable[[], Hashable | None]

    _undo: Callable[[], None] | None = field(default=None, init=False, repr=False)

    def attach(self, tracing: Tracing) -> None:
        if self._undo is not None:
            return
        runs = Runs(tracing)
        try:
            unlisten = self.listen(runs)
        except (ImportError, AttributeError) as fault:
            raise MissingTarget(str(fault)) from fault

        find = functools.partial(runs.around, self.find)
        parent.register(find)

        def undo() -> None:
            parent.forget(find)
            unlisten()

        self._undo = undo

    def detach(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


def _bound(kept: dict[Hashable, Observation], limit: int) -> list[Observation]:
    dropped: list[Observation] = []
    while len(kept) > limit:
        oldest = next(iter(kept), None)
        found = kept.pop(oldest, None)
        if found is not None:
            dropped.append(found)
    return dropped
