"""What a program of AgentOps' session era says of its session, as facts of the store."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from sojourn import semconv
from sojourn_gateway.apis.agentops.faults import bad_request
from sojourn_gateway.ingest.agentops_events import fact
from sojourn_gateway.ingest.agentops_rows import as_text, items_of, parse_moment, parse_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from sojourn_gateway.ingest.agentops_events import Sender, Value
    from sojourn_gateway.model.span import Json

__all__ = ["agent_declared", "parse_tags", "session_begun", "session_updated", "thread_declared"]

_STATES: Final = {
    "success": "Success",
    "fail": "Fail",
    "failure": "Fail",
    "error": "Fail",
    "indeterminate": "Indeterminate",
}


def session_begun(sender: Sender, told: Mapping[str, Json], now_ns: int) -> list[LogRecord]:
    """The start of a session, or that another process joined it: the contract tells these not apart.

    Of several starts the first one counts, tags unite, and nothing is reset.
    """
    start_ns = parse_moment(told, "init_timestamp") or now_ns
    facts = _host(told) | _video(told)
    records = [fact(sender.session_id, semconv.SESSION_START, f"start {sender.process}", start_ns, facts)]
    if tags := parse_tags(told):
        # By our clock, as all that is said of tags: which of two processes set them last is not for theirs to say.
        added: dict[str, Value] = {semconv.SESSION_TAGS_ADDED: tags}
        records.append(fact(sender.session_id, semconv.SESSION_UPDATE, f"tags {sender.process}", now_ns, added))
    return records


def session_updated(
    sender: Sender, told: Mapping[str, Json], said_before: tuple[str, ...] | None, now_ns: int
) -> list[LogRecord]:
    """What an update says that is new: tags, video, and the end.

    Programs that only ask for analytics send an end time while they run; that is no end. `said_before` are the tags
    that this process sent last, None when nobody remembers: then tags can only be added.
    """
    records: list[LogRecord] = []
    facts = _host(told) if said_before is None else {}
    if told.get("tags") is not None:
        facts |= _tags_changed(parse_tags(told), said_before)
    facts |= _video(told)
    if facts:
        uid = f"update {sender.process} {sha256(repr(sorted(facts.items())).encode()).hexdigest()}"
        records.append(fact(sender.session_id, semconv.SESSION_UPDATE, uid, now_ns, facts))
    ended_ns = parse_moment(told, "end_timestamp")
    state = parse_end_state(told)
    if ended_ns is not None and told.get("is_running") is not True:
        end: dict[str, Value] = {
            semconv.SESSION_END_STATE: state,
            semconv.SESSION_END_REASON: parse_text(told, "end_state_reason"),
            semconv.SESSION_END_EXPLICIT: True,
        }
        records.append(fact(sender.session_id, semconv.SESSION_END, f"end {sender.process}", ended_ns, end))
    return records


def agent_declared(sender: Sender, agent_id: str, name: str, now_ns: int) -> LogRecord:
    """An agent's name."""
    facts: dict[str, Value] = {semconv.AGENT_ID: agent_id, semconv.AGENT_NAME: name}
    return fact(sender.session_id, semconv.SESSION_UPDATE, f"agent {agent_id}", now_ns, facts)


def thread_declared(sender: Sender, thread_id: str, agent_id: str, now_ns: int) -> LogRecord:
    """A conversation, and the agent that has it."""
    facts: dict[str, Value] = {semconv.CONVERSATION_ID: thread_id, semconv.THREAD_AGENT_ID: agent_id}
    return fact(sender.session_id, semconv.SESSION_UPDATE, f"thread {thread_id}", now_ns, facts)


def parse_tags(told: Mapping[str, Json]) -> tuple[str, ...]:
    """The tags of a session, each once; one text is one tag."""
    tags = told.get("tags")
    if tags is None:
        return ()
    items = [tags] if isinstance(tags, str) else items_of(tags)
    if (not isinstance(tags, str | list)) or not all(isinstance(one, str) for one in items):
        raise bad_request("`tags` must be a list of text")
    return tuple(dict.fromkeys(as_text(one) for one in items))


def parse_end_state(told: Mapping[str, Json]) -> str:
    """A state in any spelling that was ever documented. Raises `HttpFault` for any other."""
    said = parse_text(told, "end_state")
    state = _STATES.get(said.lower(), "" if said else "Indeterminate")
    if not state:
        raise bad_request(f"Invalid end_state: {said[:80]!r} is none of Success, Fail, Indeterminate")
    return state


def _tags_changed(tags: tuple[str, ...], said_before: tuple[str, ...] | None) -> dict[str, Value]:
    if tags == said_before:
        return {}
    if said_before is None or set(said_before) <= set(tags):
        return {semconv.SESSION_TAGS_ADDED: tags} if tags else {}
    return {semconv.SESSION_TAGS: tags}


def _host(told: Mapping[str, Json]) -> dict[str, Value]:
    host = told.get("host_env")
    if not isinstance(host, dict) or not host:
        return {}
    return {semconv.SESSION_HOST: as_text(cast("dict[str, Any]", host))}


def _video(told: Mapping[str, Json]) -> dict[str, Value]:
    video = told.get("video")
    return {semconv.SESSION_VIDEO: as_text(video)} if isinstance(video, str) and video else {}
