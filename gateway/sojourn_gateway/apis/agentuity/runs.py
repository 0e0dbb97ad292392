"""Runs of evaluations: those that a runtime told of, and the scores that anybody gave, which are runs as well."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sojourn_gateway.apis.agentuity.faults import missing
from sojourn_gateway.ingest.agentuity_runs import trace_id_of
from sojourn_gateway.model.request import Evaluation
from sojourn_gateway.model.score import ScoresAsk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.trace import Trace

__all__ = ["RunsAsk", "all_runs", "evals_of", "find_run", "runs_of"]

_MOST_SCORES: Final = 1000
_SCORE: Final = "evalrun_"
_OURS: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLAIN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RunsAsk:
    """Which runs; None asks for nothing."""

    org: str | None = None
    project: str | None = None
    agent: str | None = None
    eval_id: str | None = None
    session: str | None = None

    def takes(self, run: Evaluation) -> bool:
        """Whether a run is one of these."""
        pairs = (
            (self.org, run.org),
            (self.project, run.project),
            (self.agent, run.agent),
            (self.eval_id, run.eval_id),
        )
        # By the trace, since a request may have an id of its own.
        of_session = self.session is None or trace_id_of(self.session) == trace_id_of(run.session_id)
        return of_session and all(wanted is None or wanted == found for wanted, found in pairs)


def runs_of(serving: Services, trace: Trace, session_id: str) -> list[Evaluation]:
    """The runs of one session, oldest first."""
    own = serving.access.project_id(serving.project)
    told = serving.queries.requests.evaluations(serving.project, trace_id=trace.summary.id)
    found = [_of_evaluation(one, session_id, own) for one in told]
    found += [_of_score(score, session_id, own) for score in serving.queries.trace_scores(serving.project, trace)]
    return sorted(found, key=lambda run: (run.start_ns, run.id))


def all_runs(serving: Services, ask: RunsAsk) -> list[Evaluation]:
    """The newest runs, newest first; those of one session are looked for by it, however old they are."""
    own = serving.access.project_id(serving.project)
    trace_id = None if ask.session is None else trace_id_of(ask.session).hex()
    told = serving.queries.requests.evaluations(serving.project, trace_id=trace_id)
    found = [_of_evaluation(one, "", own) for one in told]
    graded = _newest_scores(serving) if trace_id is None else _scores_of(serving, trace_id)
    found += [_of_score(score, f"sess_{of_trace}", own) for of_trace, score in graded]
    return sorted((run for run in found if ask.takes(run)), key=lambda run: (-run.start_ns, run.id))


def find_run(serving: Services, run_id: str) -> Evaluation:
    """One run. Raises `HttpFault` when there is none of that id."""
    own = serving.access.project_id(serving.project)
    for one in serving.queries.requests.evaluations(serving.project, run_id=run_id):
        return _of_evaluation(one, "", own)
    asked = (serving.queries.score(serving.project, score_id) for score_id in _score_ids(run_id))
    for of_trace, found in _with_traces(serving, [score for score in asked if score is not None]):
        return _of_score(found, f"sess_{of_trace}", own)
    raise missing("Eval run")


def evals_of(runs: Sequence[Evaluation]) -> list[list[Evaluation]]:
    """The runs of each evaluation."""
    by_id: dict[str, list[Evaluation]] = {}
    for run in runs:
        by_id.setdefault(run.eval_id, []).append(run)
    return list(by_id.values())


def _newest_scores(serving: Services) -> list[tuple[str, Score]]:
    pages = [
        serving.queries.scores(serving.project, ScoresAsk(limit=_MOST_SCORES, kind=kind)) for kind in ("trace", "span")
    ]
    return _with_traces(serving, [score for page in pages for score in page.items])


def _scores_of(serving: Services, trace_id: str) -> list[tuple[str, Score]]:
    trace = serving.queries.trace(serving.project, trace_id)
    return [] if trace is None else [(trace_id, one) for one in serving.queries.trace_scores(serving.project, trace)]


def _with_traces(serving: Services, scores: Sequence[Score]) -> list[tuple[str, Score]]:
    """Each score with the trace that it, or the span that it, is about. That of a session is no request's."""
    spans = [score.resource_id for score in scores if score.kind == "span"]
    traces = serving.queries.requests.traces_of_spans(serving.project, spans)
    traces |= {score.resource_id: score.resource_id for score in scores if score.kind == "trace"}
    return [(traces[score.resource_id], score) for score in scores if score.resource_id in traces]


def _of_evaluation(told: Evaluation, session_id: str, own: str) -> Evaluation:
    return replace(
        told, session_id=session_id or told.session_id or f"sess_{told.trace_id}", project=told.project or own
    )


def _run_id(score_id: str) -> str:
    """Our own ids without their dashes, as a runtime's ids are; those of scores that were brought in, as they came."""
    return f"{_SCORE}{score_id.replace('-', '') if _OURS.fullmatch(score_id) else score_id}"


def _score_ids(run_id: str) -> list[str]:
    told = run_id.removeprefix(_SCORE)
    return [str(UUID(told)), told] if _PLAIN.fullmatch(told) else [told]


def _of_score(score: Score, session_id: str, own: str) -> Evaluation:
    return Evaluation(
        id=_run_id(score.id),
        trace_id=trace_id_of(session_id).hex(),
        session_id=session_id,
        start_ns=score.created_ns,
        end_ns=score.created_ns,
        eval_id=f"evalid_{sha256(score.name.encode()).hexdigest()[:32]}",
        eval_identifier=score.name,
        eval_name=score.name,
        about="",
        agent="",
        org="",
        project=own,
        deployment="",
        devmode=False,
        success=True,
        error="",
        result={"score": score.score, "label": score.label, "reason": score.reason, "source": score.source},
    )
