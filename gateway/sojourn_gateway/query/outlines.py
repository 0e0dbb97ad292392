"""Questions about sessions in outline: which there are, what happened in them, and some steps in full."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from sojourn import semconv
from sojourn_gateway.engine import outlines as reading
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.calls import list_calls
from sojourn_gateway.engine.places import Node, Place, place
from sojourn_gateway.engine.values import attributes_of, key_values_in, text
from sojourn_gateway.model.outline import AGENT_NAMES, NAMED, Outline, SessionOutline, Turn
from sojourn_gateway.query.beside import Beside
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.calls_ask import CallsAsk
    from sojourn_gateway.model.span import Json, Span

__all__ = ["Outlines", "environment_of"]

_CALLS: Final = ("model", "embedding")
_SILENCE_NS: Final = 30 * 60 * 1_000_000_000
"""As the list of sessions has it."""
_CHANNELS: Final = ("channel", "disposition", "environment")
"""The metadata that a step may tell of its session."""
_NONE: Final = bytes(8)
_NAMED: Final = frozenset(NAMED)
_NOTHING: Final[Mapping[str, Json]] = MappingProxyType({})


class Outlines:
    """Questions about one store; any thread may ask."""

    def __init__(
        self, engine: Engine, *, now_ns: Callable[[], int] = time.time_ns, beside: Beside | None = None
    ) -> None:
        self._engine = engine
        self._beside = beside or Beside()
        self._now_ns = now_ns

    @property
    def now_ns(self) -> int:
        """The time by which sessions are called idle."""
        return self._now_ns()

    def of(self, project: str, sessions: Sequence[str]) -> dict[str, SessionOutline]:
        """The outlines of some sessions, by id; of one that is not there, an empty one."""
        if not sessions:
            return {}
        turns: dict[str, list[Turn]] = {session_id: [] for session_id in sessions}

        def read_steps() -> Sequence[Row]:
            traces: dict[str, None] = {}
            for row in reading.read_turns(self._engine, project, sessions):
                turn = _turn(row)
                turns[text(row[0])].append(turn)
                traces[turn.trace_id] = None
            return reading.read_outlines(self._engine, project, list(traces))

        rows, facts = self._beside.ask(read_steps, lambda: reading.read_facts(self._engine, project, sessions))
        return _outlined(rows, facts, turns)

    def of_traces(self, project: str, traces: Sequence[str]) -> dict[str, SessionOutline]:
        """What some traces, by their ids, have in the sessions that they lie in: outlines without turns."""
        rows = reading.read_outlines(self._engine, project, traces)
        sessions = self.sessions_of(project, traces) if rows else []
        facts = reading.read_facts(self._engine, project, sessions)
        return _outlined(rows, facts, {session_id: [] for session_id in sessions})

    def spans(self, project: str, steps: Iterable[Outline], *, lean: bool = False) -> dict[tuple[str, str], Span]:
        """Some steps with their content, by trace and span; `lean` leaves out what may be large."""
        keys = [(step.trace_id, step.span_id, step.start_ns) for step in steps]
        rows = reading.read_spans_by_key(self._engine, project, keys, lean=reading.BARE if lean else None)
        return {(span.trace_id, span.span_id): span for span in spans_of(rows, self._engine.price)}

    def running(self, project: str, quiet_ns: int) -> list[str]:
        """The open sessions in which something is pending, or ended within the last `quiet_ns`."""
        now_ns = self._now_ns()
        return reading.running_sessions(self._engine, project, max(now_ns - _SILENCE_NS, 0), now_ns - quiet_ns)

    def calls(self, project: str, ask: CallsAsk) -> tuple[list[tuple[str, str]], int]:
        """Trace and span of each call of a page, and how many there are in all."""
        keys, total = list_calls(self._engine, project, ask)
        return [(trace_id.hex(), span_id.hex()) for trace_id, span_id in keys], total

    def sessions_of(self, project: str, traces: Sequence[str]) -> list[str]:
        """The sessions that have steps in some traces."""
        return [text(one) for one in reading.sessions_of(self._engine, project, traces)]

    def turns_after(
        self,
        project: str,
        since_ns: int,
        until_ns: int,
        after: tuple[int, str, str] | None,
        *,
        descending: bool,
        limit: int,
        sessions: Sequence[str] = (),
        trace_id: str | None = None,
    ) -> list[tuple[int, str, str]]:
        """Start, trace and session of the turns of some time behind `after`, which is one of these.

        Those of all sessions, or of some; of all traces, or of one.
        """
        rows = reading.turns_after(
            self._engine,
            project,
            since_ns,
            until_ns,
            after,
            descending=descending,
            limit=limit,
            sessions=sessions,
            trace_id=trace_id,
        )
        return [(start_ns, trace_id.hex(), text(session_id)) for start_ns, trace_id, session_id in rows]

    def resources_in(self, project: str, environment: str) -> list[str]:
        """What runs in an environment, in hexadecimal, as a filter of sessions asks for it."""
        told = reading.distinct_resources(self._engine, project, semconv.OLD_ENVIRONMENT)
        return [one.hex() for one in told if environment_of(one) == environment]


def _outlined(
    rows: Sequence[Row], facts: Sequence[Row], turns: Mapping[str, Sequence[Turn]]
) -> dict[str, SessionOutline]:
    """The outlines of the sessions of these turns, which may be none of theirs."""
    metadata, agents = _facts(facts, list(turns))
    named_rows = [dict[str, Any](zip(reading.OUTLINE_COLUMNS, row, strict=True)) for row in rows]
    found = _Found(named_rows, agents)
    steps: dict[str, list[Outline]] = {session_id: [] for session_id in turns}
    environments: dict[str, str] = {}
    for index, named in enumerate(named_rows):
        session_id = found.session(named)
        if session_id not in steps:
            continue
        steps[session_id].append(found.outline(index))
        for name, value in found.metadata(index).items():
            metadata[session_id].setdefault(name, value)
        if session_id not in environments and (environment := found.environment(named)):
            environments[session_id] = environment
    return {
        session_id: SessionOutline(
            session_id=session_id,
            turns=tuple(own),
            steps=tuple(steps[session_id]),
            metadata=metadata[session_id],
            environment=environments.get(session_id, ""),
        )
        for session_id, own in turns.items()
    }


class _Found:
    """The rows of some traces, and what each inherits from those above it."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], agents: Mapping[tuple[str, str], str]) -> None:
        self._agents = agents
        self._attributes = [_attributes(row) for row in rows]
        self._by_key = {(row["trace_id"], row["span_id"]): index for index, row in enumerate(rows)}
        self._rows = rows
        self._named: dict[int, str | None] = {}
        self._environments: dict[bytes, str] = {}
        by_trace: dict[bytes, list[Node]] = {}
        for row in rows:
            calls = row["step"].decode() in _CALLS
            node = Node(
                span_id=row["span_id"],
                parent_id=row["parent_id"],
                session_id=text(row["session_id"]),
                start_ns=row["start_ns"],
                calls=calls,
                usage=bool(row["usage"]),
            )
            by_trace.setdefault(row["trace_id"], []).append(node)
        self._places = {trace_id: _place(nodes) for trace_id, nodes in by_trace.items()}

    def session(self, row: Mapping[str, Any]) -> str:
        return self._places[row["trace_id"]][row["span_id"]].session_id or row["trace_id"].hex()

    def metadata(self, index: int) -> dict[str, str]:
        told = self._attributes[index]
        found: dict[str, str] = {}
        if not told or told.keys() <= _NAMED:
            return found
        for prefix in semconv.METADATA_PREFIXES:
            for name in _CHANNELS:
                # Of texts alone, as filters on sessions find them.
                if isinstance(said := told.get(prefix + name), str) and said:
                    found.setdefault(name, said)
        return found

    def environment(self, row: Mapping[str, Any]) -> str:
        resource: bytes = row["resource"]
        if resource not in self._environments:
            self._environments[resource] = environment_of(resource)
        return self._environments[resource]

    def outline(self, index: int) -> Outline:
        row = self._rows[index]
        where = self._places[row["trace_id"]][row["span_id"]]
        told = self._attributes[index]
        return Outline(
            trace_id=row["trace_id"].hex(),
            span_id=row["span_id"].hex(),
            parent_id=row["parent_id"].hex() if row["parent_id"] != _NONE else None,
            name=text(row["name"]),
            step=row["step"].decode(),
            start_ns=row["start_ns"],
            end_ns=row["end_ns"] or None,
            is_error=row["status"] == 2,
            error_type=text(row["error_type"]),
            counts_call=where.counts_call,
            counts_usage=where.counts_usage,
            agent=self._agent(index),
            own_agent=self._own_agent(index),
            told={name: value for name, value in told.items() if name in _NAMED} if told else _NOTHING,
        )

    def _agent(self, index: int) -> str | None:
        """The name of the nearest agent; a ring of parents names none."""
        path: dict[int, None] = {}
        at: int | None = index
        name: str | None = None
        while at is not None and at not in path:
            if at in self._named:
                name = self._named[at]
                break
            path[at] = None
            name = self._own_agent(at)
            if name is not None:
                break
            row = self._rows[at]
            at = self._by_key.get((row["trace_id"], row["parent_id"]))
        for one in path:
            self._named[one] = name
        return name

    def _own_agent(self, index: int) -> str | None:
        told, row = self._attributes[index], self._rows[index]
        if told:
            for name in AGENT_NAMES:
                if isinstance(said := told.get(name), str) and said:
                    return said
            declared = self._agents.get((self.session(row), str(told.get(semconv.AGENT_ID, ""))))
            if declared:
                return declared
        if row["step"] == b"agent":
            return text(row["name"]).removeprefix(f"{semconv.INVOKE_AGENT} ") or None
        return None


def _place(nodes: Sequence[Node]) -> dict[bytes, Place]:
    """As `place`, without looking up and down the tree where all steps are of one session and no call is in another."""
    sessions = {node.session_id for node in nodes if node.session_id}
    calls = {node.span_id for node in nodes if node.calls or node.usage}
    above = {node.parent_id for node in nodes}
    # Below a call there is nothing that is a call, or that has steps below itself, which may be.
    if len(sessions) > 1 or any(
        node.parent_id in calls and (node.span_id in calls or node.span_id in above) for node in nodes
    ):
        return place(nodes)
    session = next(iter(sessions), "")
    return {node.span_id: Place(session, node.calls, node.usage) for node in nodes}


def _attributes(row: Mapping[str, Any]) -> dict[str, Json]:
    maps = (row["a_s"], row["a_i"], row["a_d"], row["a_b"], row["a_x"])
    return attributes_of(*maps) if any(maps) else {}


def _turn(row: Row) -> Turn:
    _, trace_id, start_ns, end_ns, asked, answered = row
    return Turn(
        trace_id=trace_id.hex(),
        start_ns=start_ns,
        end_ns=end_ns,
        asked=text(asked),
        answered=text(answered),
    )


def _facts(
    rows: Iterable[Row], sessions: Sequence[str]
) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str], str]]:
    """The metadata of each session, of what came twice the last; the names of declared agents, by session and id."""
    metadata: dict[str, dict[str, str]] = {session_id: {} for session_id in sessions}
    agents: dict[tuple[str, str], str] = {}
    for session_id, told, agent in rows:
        metadata[text(session_id)].update((text(key), text(value)) for key, value in told.items())
        declared = text(agent["id"])
        if declared:
            agents[text(session_id), declared] = text(agent["name"])
    return metadata, agents


def environment_of(resource: bytes) -> str:
    """Where a program ran, as its resource says; empty when it does not."""
    try:
        told = key_values_in(wire.field(wire.SHALLOW_ATTRIBUTES.FromString(resource), "attributes"))
    except DecodeError:
        return ""
    said = (told.get(name) for name in (semconv.ENVIRONMENT, semconv.OLD_ENVIRONMENT))
    return next((one for one in said if isinstance(one, str) and one), "")
