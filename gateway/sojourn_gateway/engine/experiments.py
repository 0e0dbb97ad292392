"""Experiments: runs of a dataset, which spans name by `dataset_run_id`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.paging import read_page
from sojourn_gateway.engine.steps import first_attribute, steps
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.experiment import ExperimentsAsk

__all__ = ["Marked", "find_marked", "list_runs"]


def _said(name: str, *ours: str) -> str:
    told = (f"{prefix}{name}" for prefix in semconv.PROMOTED_PREFIXES)
    return first_attribute(*ours, f"{semconv.DATASET_PREFIX}{name.removeprefix('dataset_')}", *told)


_NAMES: Final = (
    f"{semconv.DATASET_PREFIX}run_id",
    *(f"{prefix}dataset_run_id" for prefix in semconv.PROMOTED_PREFIXES),
)
# The names alone: by `mapKeys`, the values would be read with them.
_NAMED: Final = f"hasAny(a_s.keys, {list(_NAMES)})"
_MANY: Final = 20_000
_THESE: Final = """(minute, trace_id) in (select arrayJoin(arrayZip(
    {minutes:Array(UInt32)}, arrayMap(id -> toFixedString(unhex(id), 16), {traces:Array(String)}))))"""


@dataclass(frozen=True, slots=True)
class Marked:
    """Where spans of a project name a run, up to a commit: hardly any do, and all others need not be read."""

    traces: frozenset[tuple[int, bytes]] | None = frozenset()
    """Minutes and traces; None when these are many."""
    commit: int = 0


def find_marked(engine: Engine, project: str, known: Marked) -> Marked:
    """What is `known`, and where spans name runs that were committed since."""
    # Of a later one, some rows may not be there yet: it is looked through again.
    whole = engine.rolled_up
    since = f"from {DATABASE}.spans where project = {{project:String}} and commit > {{after:UInt64}}"
    values = {"project": project, "after": known.commit}
    commit = engine.rows(f"select max(commit) {since}", values)[0][0]
    if not commit:
        return known
    found = engine.rows(f"select distinct minute, trace_id {since} and {_NAMED} limit {_MANY + 1}", values)
    traces = None if known.traces is None else known.traces.union((minute, trace_id) for minute, trace_id in found)
    return Marked(
        traces=None if traces is None or len(traces) > _MANY else traces,
        commit=max(known.commit, min(commit, whole)),
    )


def _runs(within: str) -> str:
    return f"""
    select
        run, anyIf(run_name, run_name != '') as name, anyIf(path, path != '') as dataset_path,
        anyIf(prompt, prompt != '') as prompt_name, anyIf(commit, commit != '') as commit_sha,
        anyIf(keyed, keyed != '') as experiment_key, anyIf(tree, tree != '') as tree_hash,
        min(start_ns) as first_ns, max(if(end_ns = 0, start_ns, end_ns)) as last_ns, max(end_ns = 0) as pending,
        groupUniqArray(lower(hex(trace_id))) as traces
    from (
        select trace_id, start_ns, end_ns,
            {first_attribute(*_NAMES)} as run,
            {_said("dataset_run_name")} as run_name,
            {_said("dataset_path")} as path,
            {_said("prompt_name", semconv.PROMPT_NAME)} as prompt,
            {_said("commit_sha")} as commit,
            {_said("experiment_key")} as keyed,
            {_said("source_tree_hash")} as tree
        from ({steps(f"{within} and {_NAMED}")})
    )
    where run != '' group by run"""


_TOLD: Final = "run, name, dataset_path, prompt_name, commit_sha, experiment_key, tree_hash"


def list_runs(engine: Engine, project: str, ask: ExperimentsAsk, marked: Marked) -> tuple[Sequence[Row], int]:
    """A page of runs, newest first, and how many there are; `marked` is where spans name any.

    Each row: id, name, dataset's path, prompt, commit, experiment's key, hash of its sources, first start, last end,
    whether something is pending, ids of its traces.
    """
    chosen, within = Conditions(project=project), "true"
    if marked.traces is not None:
        if not marked.traces:
            return [], 0
        within = _THESE
        chosen.values["minutes"] = [minute for minute, _ in marked.traces]
        chosen.values["traces"] = [trace_id.hex() for _, trace_id in marked.traces]
    for name, condition, kind, value in (
        ("run_id", "run =", "String", ask.run_id),
        ("since", "first_ns >=", "UInt64", ask.since_ns),
        ("until", "first_ns <=", "UInt64", ask.until_ns),
        ("prompt", "prompt_name =", "String", ask.prompt_name),
        ("path", "dataset_path =", "String", ask.dataset_path),
        ("keyed_by", "experiment_key =", "String", ask.experiment_key),
        ("tree_of", "tree_hash =", "String", ask.tree_hash),
    ):
        if value is not None:
            chosen.add(f"{condition} {{{name}:{kind}}}", **{name: value})
    columns = f"{_TOLD}, first_ns, last_ns, pending, traces"
    source = f"from ({_runs(within)}) where {chosen}"
    return read_page(engine, columns, source, "first_ns desc, run", chosen.values, limit=ask.limit, offset=ask.offset)
