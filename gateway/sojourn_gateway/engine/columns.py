"""What each field of a filter is in the tables: for traces, spans, sessions and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.steps import INPUT, OUTPUT, SEMANTIC_KIND, first_attribute, metadata, steps
from sojourn_gateway.engine.tables import DATABASE, WORDS
from sojourn_gateway.engine.where import Linked, Number, Real, Status, Text, Texts, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.engine.bound import Bindings
    from sojourn_gateway.engine.resources import Resource
    from sojourn_gateway.engine.where import Columns

__all__ = ["PLACED", "PRICED", "SCORES", "SESSIONS", "SESSION_STATE", "SPANS", "TRACES", "spans_with", "traces_with"]

SESSION_STATE: Final = "multiIf(state != '', state, heard_ns < {silent:UInt64}, 'Indeterminate', 'open')"
"""A session that nobody ended counts as open until it has been silent for long."""

_LASTS: Final = "toInt64(end_ns) - toInt64(start_ns)"
_KNOWN_COST: Final = "if(priced = 0 and unpriced > 0, null, cost)"
_SCORES: Final = f"{DATABASE}.scores final where project = {{project:String}}"


def _spelled(name: str, *ours: str) -> str:
    promoted = (f"{prefix}{name}" for prefix in semconv.PROMOTED_PREFIXES)
    return first_attribute(*ours, *promoted)


_OF_A_STEP: Final[Mapping[str, Text | Words]] = {
    "prompt_name": Text(_spelled("prompt_name", semconv.PROMPT_NAME), indexed="attributes"),
    "input": Text(INPUT, written=True, indexed="content"),
    "output": Text(OUTPUT, written=True, indexed="content"),
    "props": Text(_spelled("props"), written=True),
    "semantic_kind": Text(SEMANTIC_KIND),
    "dataset_run_id": Text(_spelled("dataset_run_id", f"{semconv.DATASET_PREFIX}run_id"), indexed="attributes"),
    "search": Words(WORDS),
}


def _metadata(resources: Sequence[Resource]) -> Callable[[Bindings, str], Text]:
    def column(bindings: Bindings, key: str) -> Text:
        of_resource: dict[str, tuple[str, str]] = {}
        for prefix in semconv.METADATA_PREFIXES:
            said = [(told.hex(), found[prefix + key]) for told, found in resources if prefix + key in found]
            if said:
                resources_told = bindings.bind("Array(String)", [one for one, _ in said])
                values = bindings.bind("Array(String)", [value for _, value in said])
                of_resource[prefix] = (f"arrayMap(one -> unhex(one), {resources_told})", values)
        told = metadata(bindings.bind("String", key), of_resource)
        return Text(told) if of_resource else Text(told, indexed="attributes")

    return column


def _of_traces_spans(condition: str) -> str:
    return f"trace_id in (select trace_id from ({steps()}) where {condition})"


def _of_sessions_spans(condition: str) -> str:
    return f"session_id in (select session from ({steps(condition, placed=True)}))"


def _scored(kind: str, condition: str) -> str:
    return f"select resource_id from {_SCORES} and kind = '{kind}' and {condition}"


def _spans_scored(condition: str) -> str:
    # A sender may call anything a span: what is no id of one would not fit eight bytes, and fail the whole query.
    found = _scored("span", f"length(resource_id) = 16 and {condition}")
    return f"select toFixedString(unhex(resource_id), 8) from ({found})"


def _trace_scored(condition: str) -> str:
    return f"""(lower(hex(trace_id)) in ({_scored("trace", condition)}) or trace_id in (
        select trace_id from {DATABASE}.spans
        where project = {{project:String}} and span_id in ({_spans_scored(condition)})))"""


def _session_scored(condition: str) -> str:
    return f"""(session_id in ({_scored("session", condition)}) or session_id in (
        select session_id from {DATABASE}.traces final
        where project = {{project:String}} and {_trace_scored(condition)}))"""


def _score(link: Callable[[str], str]) -> Callable[[Bindings, str], Linked]:
    def column(bindings: Bindings, key: str) -> Linked:
        name = bindings.bind("String", key)
        return Linked(Real("score"), lambda condition: link(f"(name = {name} and {condition})"))

    return column


def _tagged(condition: str) -> str:
    """The sessions of which such tags were told: all in them has these, beside its own."""
    return f"""select session_id from (
        select session_id, told_tags as tags from {DATABASE}.sessions final where project = {{project:String}}
    ) where {condition}"""


def _told(bindings: Bindings, name: str) -> Linked:
    """What was told of a session; the last word holds."""
    key = bindings.bind("String", name)
    return Linked(
        Text("told"),
        lambda condition: (
            f"""session_id in (
            select session_id from (
                select session_id, argMax(metadata[{key}], (time_ns, uid)) as told
                from {DATABASE}.session_events final
                where project = {{project:String}} and mapContains(metadata, {key}) group by session_id
            ) where {condition})"""
        ),
    )


def _linked(column: Callable[[Bindings, str], Text]) -> Callable[[Bindings, str], Linked]:
    return lambda bindings, key: Linked(column(bindings, key), _of_traces_spans)


SPANS: Final[Columns] = {
    **_OF_A_STEP,
    "model": Text("toString(model)"),
    "user_id": Text("owner"),
    "session_id": Text("session"),
    "trace_id": Text("lower(hex(trace_id))"),
    "latency_ms": Number(f"if(end_ns = 0, null, {_LASTS})", 6),
    "cost": Number("amount"),
    "prompt_tokens": Number("input_tokens"),
    "completion_tokens": Number("output_tokens"),
    "status": Status("status"),
    "tags": Linked(Texts("tags"), lambda condition: f"({condition} or session in ({_tagged(condition)}))"),
    "metadata": _metadata(()),
    "score": _score(lambda condition: f"span_id in ({_spans_scored(condition)})"),
}
"""Over `steps`, placed and priced."""

PLACED: Final = frozenset({"user_id", "session_id", "tags"})
PRICED: Final = frozenset({"cost"})

TRACES: Final[Columns] = {
    **{name: Linked(column, _of_traces_spans) for name, column in _OF_A_STEP.items()},
    "model": Texts("models"),
    "user_id": Text("user_id"),
    "session_id": Texts("session_ids"),
    "trace_id": Text("lower(hex(trace_id))"),
    "latency_ms": Number(_LASTS, 6),
    "cost": Number(_KNOWN_COST),
    "prompt_tokens": Number("input_tokens"),
    "completion_tokens": Number("output_tokens"),
    "status": Status("status"),
    "tags": Linked(
        Texts("tags"),
        lambda condition: (
            # As a set: of two arrays each item of one would be compared with each of the other.
            f"({condition} or arrayExists(one -> one in ({_tagged(condition)}), session_ids))"
        ),
    ),
    "metadata": _linked(_metadata(())),
    "score": _score(_trace_scored),
}
"""Over rows of whole traces. What spans bear fits when one of the trace's spans does."""


def spans_with(resources: Sequence[Resource]) -> Columns:
    """`SPANS`, whose metadata these resources say too."""
    return {**SPANS, "metadata": _metadata(resources)} if resources else SPANS


def traces_with(resources: Sequence[Resource]) -> Columns:
    """`TRACES`, likewise."""
    return {**TRACES, "metadata": _linked(_metadata(resources))} if resources else TRACES


SESSIONS: Final[Columns] = {
    "session_id": Text("session_id"),
    "name": Text("name"),
    "user_id": Text("user_id"),
    "state": Text(SESSION_STATE),
    "model": Texts("models"),
    "input": Linked(Text(INPUT, written=True, indexed="content"), _of_sessions_spans),
    "output": Linked(Text(OUTPUT, written=True, indexed="content"), _of_sessions_spans),
    "search": Linked(Words(WORDS), _of_sessions_spans),
    "last_error": Text("last_error"),
    "latency_ms": Number(_LASTS, 6),
    "cost": Number(_KNOWN_COST),
    "prompt_tokens": Number("input_tokens"),
    "completion_tokens": Number("output_tokens"),
    "trace_count": Number("trace_count"),
    "model_calls": Number("model_calls"),
    "errors": Number("errors"),
    "tokens": Number("input_tokens + output_tokens"),
    "span_count": Number("span_count"),
    "tool_calls": Number("tool_calls"),
    "failed_traces": Number("failed_traces"),
    "turn_p50_ms": Real("turn_p50"),
    "turn_p95_ms": Real("turn_p95"),
    "tags": Texts("tags"),
    "metadata": _told,
    "score": _score(_session_scored),
}

SCORES: Final[Columns] = {
    "name": Text("name"),
    "source": Text("source"),
    "user_id": Text("user_id"),
    "resource_id": Text("resource_id"),
    "label": Text("label"),
    "score": Real("score"),
    "created_at": Number("created_ns"),
}
