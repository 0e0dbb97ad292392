"""Questions about requests, the conversations that they are turns of, and the evaluations of them."""

from __future__ import annotations

import math
import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine import conversations
from sojourn_gateway.engine.request_lists import list_requests
from sojourn_gateway.engine.request_logs import logs_of_trace
from sojourn_gateway.engine.request_reads import read_facts, read_requests
from sojourn_gateway.engine.requests import evaluation_rows, gather, last_gathered, read_told, traces_of_spans
from sojourn_gateway.engine.values import parsed_list, parsed_object, parsed_value, text
from sojourn_gateway.model.containment import contains
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.request import Agent, Conversation, Evaluation, Request
from sojourn_gateway.query.logs import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.request import ConversationsAsk, RequestsAsk
    from sojourn_gateway.model.span import Json

    Told = Mapping[str, Mapping[str, Json] | None]

__all__ = ["Requests"]

_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_AT_ONCE: Final = 1000
_FEW_MORE: Final = 10
_IDS_AT_ONCE: Final = 100_000
_SETTLE_S: Final = 3.0
_PATIENCE_S: Final = 10.0
_MOST_EVALUATIONS: Final = 10_000


class Requests:
    """Questions about one store; any thread may ask. Ids of another project answer as unknown.

    `own` is the id of the project itself: what says of no request whose it is, is its.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._gathering = Lock()
        self._gathered: int | None = None

    def page(self, project: str, own: str, ask: RequestsAsk) -> list[Request]:
        """A page of requests; equal keys are in order of id."""
        self._catch_up()

        lie: dict[str, Sequence[bytes]] = {}

        def read(limit: int, offset: int) -> list[str]:
            rows = list_requests(self._engine, project, own, ask, limit=limit, offset=offset)
            lie.update((trace_id.hex(), sessions) for trace_id, sessions in rows)
            return [trace_id.hex() for trace_id, _ in rows]

        def told(ids: Sequence[str]) -> Told:
            known = read_facts(self._engine, project, ids)
            return {trace_id.hex(): _object(said["metadata"]) for trace_id, said in known.items()}

        ids = _page(read, told, ask.metadata, ask.limit, ask.offset)
        sessions = sorted({session for one in ids for session in lie[one]})
        found = {one.trace_id: one for one in self._read(project, own, ids, sessions)}
        return [found[trace_id] for trace_id in ids if trace_id in found]

    def find(self, project: str, own: str, trace_id: str) -> Request | None:
        """A request; None when the project has no trace of that id (32 hexadecimal digits)."""
        self._catch_up()
        return next(iter(self._read(project, own, [trace_id])), None)

    def told(self, project: str, trace_id: bytes, span_id: bytes) -> str | None:
        """What the span of a request or of an evaluation that is told by hand says of its begin, as it was sent.

        None when there is no such span, or it says nothing of that. An exporter can have sent it as well.

        Sees whatever was acknowledged before. Raises `GatewayFault` when that takes too long.
        """
        self._see_all()
        texts = read_told(self._engine, project, trace_id, span_id)
        if texts is None:
            return None
        told = {text(key): text(value) for key, value in texts.items()}
        return next((told[name] for name in (semconv.REQUEST_BEGUN, semconv.EVALUATION_BEGUN) if name in told), None)

    def traces_of_run(self, project: str, run_id: str) -> list[str]:
        """The traces of the requests that this run of an evaluation is told of; sees and raises as `told`."""
        self._see_all()
        return list(dict.fromkeys(one.trace_id for one in self.evaluations(project, run_id=run_id)))

    def traces_of_spans(self, project: str, span_ids: Sequence[str]) -> dict[str, str]:
        """The trace of each span that there is, by the ids of spans alone; what is no id is no span's."""
        ids = [one for one in dict.fromkeys(span_ids) if _SPAN.fullmatch(one)]
        return {span_id.hex(): trace_id.hex() for span_id, trace_id in traces_of_spans(self._engine, project, ids)}

    def conversations(self, project: str, own: str, ask: ConversationsAsk) -> list[Conversation]:
        """A page of sessions; equal keys are in order of id."""
        self._catch_up()

        def read(limit: int, offset: int) -> list[str]:
            rows = conversations.list_conversations(self._engine, project, own, ask, limit=limit, offset=offset)
            return [text(session_id) for (session_id,) in rows]

        def told(ids: Sequence[str]) -> Told:
            return self._metadata(project, ids)

        ids = _page(read, told, ask.metadata, ask.limit, ask.offset)
        found = {one.id: one for one in self._conversations(project, own, ids)}
        return [found[session_id] for session_id in ids if session_id in found]

    def conversation(self, project: str, own: str, session_id: str) -> Conversation | None:
        """A session; None when the project has none of that id, or it was put away."""
        self._catch_up()
        return next(iter(self._conversations(project, own, [session_id])), None)

    def put_away(self, project: str, session_id: str, who: str) -> None:
        """Take a session off these lists, until it goes on. What is in it stays."""
        conversations.put_away(self._engine, project, session_id, who)

    def logs(self, project: str, trace_id: str, most: int) -> Sequence[LogLine]:
        """What was logged while a request was served: the newest lines, oldest first."""
        self._engine.settle(_SETTLE_S, patient=False)
        return [line_of(row) for row in logs_of_trace(self._engine, project, trace_id, most)]

    def evaluations(self, project: str, *, trace_id: str | None = None, run_id: str | None = None) -> list[Evaluation]:
        """Runs of evaluations, newest first, at most some thousand: all, those of a request, or the one of that id."""
        self._catch_up()
        condition, values = "true", dict[str, str]()
        if trace_id is not None:
            condition, values = "trace_id = toFixedString(unhex({trace:String}), 16)", {"trace": trace_id}
        if run_id is not None:
            condition, values = "own_id = {run:String}", {"run": run_id}
        return _evaluations(evaluation_rows(self._engine, project, condition, values, _MOST_EVALUATIONS))

    def _read(self, project: str, own: str, ids: Sequence[str], sessions: Sequence[bytes] = ()) -> Iterable[Request]:
        return map(_request, read_requests(self._engine, project, own, ids, sessions))

    def _conversations(self, project: str, own: str, ids: Sequence[str]) -> Iterable[Conversation]:
        rows = conversations.read_conversations(self._engine, project, own, ids)
        told = self._metadata(project, [text(row[0]) for row in rows])
        for session_id, begun, heard, org, app in rows:
            found = text(session_id)
            yield Conversation(found, begun, heard, org, app, told.get(found))

    def _metadata(self, project: str, ids: Sequence[str]) -> dict[str, Mapping[str, Json]]:
        """What was told of sessions; of what came twice, the last."""
        found: dict[str, dict[str, Json]] = {}
        for session_id, metadata in conversations.read_metadata(self._engine, project, ids):
            told = {text(key): _value(text(value)) for key, value in metadata.items()}
            found.setdefault(text(session_id), {}).update(told)
        return dict(found)

    def _see_all(self) -> None:
        if not self._engine.settle(_PATIENCE_S):
            raise GatewayFault("the gateway is behind with what it took: try again")

    def _catch_up(self) -> None:
        self._engine.settle(_SETTLE_S, patient=False)
        if self._gathered is not None and self._gathered >= self._engine.rolled_up:
            return
        with self._gathering:
            after = last_gathered(self._engine) if self._gathered is None else self._gathered
            if after < self._engine.rolled_up:
                self._gathered = gather(self._engine, after)


def _page(
    read: Callable[[int, int], list[str]],
    told: Callable[[Sequence[str]], Told],
    metadata: Mapping[str, Json],
    limit: int,
    offset: int,
) -> list[str]:
    """Ids from `offset`, at most `limit`, of those whose metadata contains what is asked for.

    Ids are read many at a time, since each time the whole list is looked through; metadata, which may be long, of few.
    """
    if not limit:
        return []
    if not metadata:
        return read(limit, offset)
    found: list[str] = []
    seen = 0
    while True:
        ids = read(_IDS_AT_ONCE, seen)
        first = 0
        while first < len(ids):
            # What was guessed is mostly right: few more than the page needs, then many at a time.
            some = ids[first : first + (_AT_ONCE if first else min(offset + limit + _FEW_MORE, _AT_ONCE))]
            first += len(some)
            known = told(some)
            found += [one for one in some if contains(known.get(one), metadata)]
            if len(found) >= offset + limit:
                return found[offset : offset + limit]
        seen += len(ids)
        if len(ids) < _IDS_AT_ONCE:
            return found[offset:]


def _request(told: Mapping[str, Any]) -> Request:
    agents: dict[str, Agent] = {}
    for identifier, name in zip(told["identifiers"], told["names"], strict=True):
        agents.setdefault(identifier, Agent(identifier, name))
    agent_ids = tuple(dict.fromkeys(told["agent_ids"]))
    for identifier in agent_ids:
        # What a runtime only counts up has no name here.
        if identifier.startswith("agent_"):
            agents.setdefault(identifier, Agent(identifier, identifier))
    dollars = told["dollars"]
    return Request(
        trace_id=told["trace_id"].hex(),
        own_id=told["own_id"],
        start_ns=told["begun"],
        end_ns=None if told["pending"] else told["over"],
        heard_ns=told["heard"],
        pending=told["pending"],
        success=told["success"],
        error=told["error"],
        recorded=told["recorded"],
        org=told["org"],
        project=told["app"],
        deployment=told["deployment"],
        env=told["env"],
        devmode=told["devmode"],
        trigger=told["trigger"],
        method=told["method"],
        url=told["url"],
        origin=told["origin"],
        route=told["route"],
        metadata=_object(told["metadata"]),
        user_data=told["user_data"],
        agents=tuple(agents.values()),
        agent_ids=agent_ids,
        conversation=told["conversation"] or None,
        input_tokens=told["tokens_in"],
        output_tokens=told["tokens_out"],
        cost=dollars if dollars is not None and math.isfinite(dollars) else None,
    )


def _evaluations(rows: Sequence[Row]) -> list[Evaluation]:
    """One for each run: what was told by hand beats what its span says, which fills what was not told."""
    runs: dict[str, list[Row]] = {}
    for row in rows:
        runs.setdefault(text(row[3]) or row[1].hex(), []).append(row)
    return [_evaluation(run_id, sorted(same, key=lambda row: row[2] != b"evaluated")) for run_id, same in runs.items()]


def _evaluation(run_id: str, rows: Sequence[Row]) -> Evaluation:
    trace_id, _, _, _, start_ns, end_ns, failed, error, *_, result = rows[0]

    def said(column: int) -> str:
        return next((found for row in rows if (found := text(row[column]))), "")

    agents = [text(one) for row in rows for one in row[12]]
    return Evaluation(
        id=run_id,
        trace_id=trace_id.hex(),
        session_id=said(17),
        start_ns=start_ns,
        end_ns=end_ns or None,
        eval_id=said(13),
        eval_identifier=said(14),
        eval_name=said(15),
        about=said(16),
        agent=agents[0] if agents else "",
        org=said(8),
        project=said(9),
        deployment=said(10),
        devmode=rows[0][11] == 1,
        success=bool(end_ns) and not failed,
        error=text(error),
        result=next(iter(parsed_list(text(result))), None),
    )


def _object(told: str) -> Mapping[str, Json] | None:
    return parsed_object(told) if told else None


def _value(told: str) -> Json:
    """Metadata of sessions is kept as text: an object or a list is what it says, all else is a text."""
    found = parsed_value(told) if told[:1] in ("{", "[") else None
    return told if found is None else found
