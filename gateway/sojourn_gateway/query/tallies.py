"""Questions about sessions of which only counts are told: a page of a list costs no row for each of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.outlines import read_facts
from sojourn_gateway.engine.tallies import (
    SAYINGS,
    SESSION_COLUMNS,
    count_sessions,
    deciding_steps,
    failed_outermost,
    find_words,
)
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.tally import Tally
from sojourn_gateway.query.outlines import environment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["read_tallies"]

_STEPS_AT_ONCE: Final = 200_000
_COUNTED: Final = ("guardrail_eval", "state_change", "handoff", "delegate", "decision", "response")


def read_tallies(engine: Engine, project: str, summaries: Iterable[SessionSummary]) -> dict[str, Tally]:
    """By id. What an error is, a call of a model and of a tool, their sums say already."""
    found: dict[str, Tally] = {}
    for batch in _batches(summaries):
        found.update(_read(engine, project, batch))
    return found


def _batches(summaries: Iterable[SessionSummary]) -> Iterator[list[SessionSummary]]:
    """Some thousand steps, or one session, at a time."""
    batch: list[SessionSummary] = []
    steps = 0
    for one in summaries:
        if batch and steps + one.span_count > _STEPS_AT_ONCE:
            yield batch
            batch, steps = [], 0
        batch.append(one)
        steps += one.span_count
    if batch:
        yield batch


def _read(engine: Engine, project: str, summaries: Sequence[SessionSummary]) -> Iterator[tuple[str, Tally]]:
    ids = [one.id for one in summaries]
    metadata: dict[str, dict[str, str]] = {session_id: {} for session_id in ids}
    agents: dict[tuple[str, str], str] = {}
    for session, more, agent in read_facts(engine, project, ids):
        metadata[text(session)].update((text(key), text(value)) for key, value in more.items())
        if declared := text(agent["id"]):
            agents[text(session), declared] = text(agent["name"])
    rows = count_sessions(engine, project, ids, find_words(engine, project, ids), agents)
    named = {text(row[0]): dict[str, Any](zip(SESSION_COLUMNS, row, strict=True)) for row in rows}
    decided = _implied(engine, project, ids, named)
    answered = _answered(engine, project, ids, named)
    for summary in summaries:
        own = named.get(summary.id)
        more = metadata[summary.id]
        if own is None:
            yield summary.id, Tally(_without_none({"error": summary.errors}), metadata=more)
            continue
        counts = {name: int(own[name]) for name in _COUNTED}
        counts["decision"] += decided.get(summary.id, 0)
        counts["response"] += answered.get(summary.id, 0)
        counts |= {
            "llm_call": summary.model_calls,
            "tool_call": summary.tool_calls,
            "tool_result": summary.tool_calls - own["open_tools"],
            "error": summary.errors,
        }
        resources: list[bytes] = own["resources"]
        for name in SAYINGS:
            if told := text(own[name]):
                more.setdefault(name, told)
        yield (
            summary.id,
            Tally(
                counts=_without_none(counts),
                asked=own["asked"],
                last_ns=own["last_ns"],
                busy_ns=own["busy_ns"],
                runs=own["open"] > 0,
                agent=text(own["agent"]),
                metadata=more,
                environment=next((told for one in resources if (told := environment_of(one))), ""),
            ),
        )


def _without_none(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _implied(
    engine: Engine, project: str, ids: Sequence[str], named: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """The decisions that steps show by what they did, in traces of which other steps tell decisions."""
    mixed = sorted({trace_id for own in named.values() for trace_id in own["mixed"]})
    wanted = {(session_id, trace_id) for session_id, own in named.items() for trace_id in own["mixed"]}
    found: dict[str, int] = {}
    for rows in deciding_steps(engine, project, ids, mixed) if mixed else ():
        by_trace: dict[tuple[str, bytes], list[Row]] = {}
        for row in rows:
            if (key := (text(row[0]), row[1])) in wanted:
                by_trace.setdefault(key, []).append(row[2:])
        for (session_id, _), steps in by_trace.items():
            found[session_id] = found.get(session_id, 0) + _implied_by(steps)
    return found


def _implied_by(steps: Sequence[Row]) -> int:
    """As `apis/kore/plan.py` has it."""
    under = {parent_id for _, parent_id, decides, *_ in steps if decides}
    targets = {target for _, _, _, target, *_ in steps if target is not None}
    return sum(
        (hands and taker not in targets) or (routes and span_id not in under and parent_id not in under)
        for span_id, parent_id, _, _, hands, taker, routes in steps
    )


def _answered(
    engine: Engine, project: str, ids: Sequence[str], named: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """The turns that came to an end, of those of which that is not plain."""
    unsure = sorted({trace_id for own in named.values() for trace_id in own["unsure"]})
    failed = {
        (text(session), trace_id)
        for rows in (failed_outermost(engine, project, ids, unsure) if unsure else ())
        for session, trace_id in rows
    }
    return {
        session_id: sum((session_id, trace_id) not in failed for trace_id in own["unsure"])
        for session_id, own in named.items()
    }
