"""Experiments, put together from runs, traces and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sojourn_gateway.engine.experiments import Marked, find_marked, list_runs
from sojourn_gateway.engine.reading import read_spans
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.experiment import Experiment, ExperimentItem, ExperimentsAsk, Run
from sojourn_gateway.model.page import Page
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.model.trace import Trace, TracesAsk
from sojourn_gateway.model.where import Among, Field
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.trace import TraceSummary

__all__ = ["Experiments"]

_MOST: Final = 1000
_TRACES_AT_ONCE: Final = 100


class Told(Protocol):
    """The questions that experiments are put together from."""

    def traces(self, project: str, ask: TracesAsk) -> Page[TraceSummary]:
        """A page of traces."""
        ...

    def scores(self, project: str, ask: ScoresAsk) -> Page[Score]:
        """A page of scores."""
        ...


class Experiments:
    """Questions about runs; any thread may ask."""

    def __init__(self, engine: Engine, queries: Told) -> None:
        self._engine = engine
        self._queries = queries
        self._marked: dict[str, Marked] = {}

    def runs(self, project: str, ask: ExperimentsAsk) -> Page[Run]:
        """A page of runs, newest first, without their traces."""
        marked = self._marked[project] = find_marked(self._engine, project, self._marked.get(project, Marked()))
        rows, total = list_runs(self._engine, project, ask, marked)
        return Page(tuple(map(_run, rows)), total, ask.limit, ask.offset)

    def page(self, project: str, ask: ExperimentsAsk) -> Page[Experiment]:
        """A page of experiments, newest first."""
        found = self.runs(project, ask)
        ids = sorted({trace_id for run in found.items for trace_id in run.trace_ids})
        graded, traces = self._scores(project, ids), self._traces(project, ids)
        items = tuple(
            Experiment(
                run,
                tuple(trace for trace in traces if trace.id in of_run),
                tuple(score for score in graded if score.resource_id in of_run),
            )
            for run in found.items
            for of_run in (frozenset(run.trace_ids),)
        )
        return Page(items, found.total, ask.limit, ask.offset)

    def find(self, project: str, run_id: str) -> tuple[Experiment, tuple[ExperimentItem, ...]] | None:
        """An experiment with its items in order of start; None when the project has no such run."""
        found = self.page(project, ExperimentsAsk(limit=1, run_id=run_id))
        if not found.items:
            return None
        (experiment,) = found.items
        spans: dict[str, list[Span]] = {trace.id: [] for trace in experiment.traces}
        ids = [bytes.fromhex(trace_id) for trace_id in spans]
        for first in range(0, len(ids), _TRACES_AT_ONCE):
            rows = read_spans(self._engine, project, ids[first : first + _TRACES_AT_ONCE])
            for span in spans_of(rows, self._engine.price):
                spans[span.trace_id].append(span)
        return experiment, tuple(
            ExperimentItem(
                Trace(summary, tuple(spans[summary.id])),
                tuple(score for score in experiment.scores if score.resource_id == summary.id),
            )
            for summary in experiment.traces
        )

    def _traces(self, project: str, trace_ids: Sequence[str]) -> list[TraceSummary]:
        """In order of start."""
        found: list[TraceSummary] = []
        for first in range(0, len(trace_ids), _MOST):
            where = Among(Field("trace_id", "string"), tuple(trace_ids[first : first + _MOST]))
            ask = TracesAsk(limit=_MOST, sort_by="start_time", descending=False, where=where)
            found += self._queries.traces(project, ask).items
        return sorted(found, key=lambda trace: (trace.start_ns, trace.id))

    def _scores(self, project: str, trace_ids: Sequence[str]) -> list[Score]:
        found: list[Score] = []
        for first in range(0, len(trace_ids), _MOST):
            where = Among(Field("resource_id", "string"), tuple(trace_ids[first : first + _MOST]))
            # A trace may have any number.
            page, offset = self._queries.scores(project, ScoresAsk(limit=_MOST, where=where)), 0
            found += page.items
            while len(page.items) == _MOST:
                offset += _MOST
                page = self._queries.scores(project, ScoresAsk(limit=_MOST, offset=offset, where=where))
                found += page.items
        return found


def _run(row: Row) -> Run:
    run, name, path, prompt, commit, keyed, tree, first_ns, last_ns, pending, traces = row
    return Run(
        id=text(run),
        name=text(name),
        dataset_path=text(path),
        prompt_name=text(prompt),
        commit_sha=text(commit),
        experiment_key=text(keyed),
        tree_hash=text(tree),
        start_ns=first_ns,
        end_ns=last_ns,
        pending=bool(pending),
        trace_ids=tuple(sorted(map(text, traces))),
    )
