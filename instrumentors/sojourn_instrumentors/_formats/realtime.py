"""The realtime formats of OpenAI: events over a connection, many answers to one talk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from sojourn import semconv
from sojourn_instrumentors._formats.responses import (
    read_chunk,
    read_items,
    read_parameters,
    read_response,
    read_sent,
)
from sojourn_instrumentors._kit import Generation, as_dict, as_list, as_plain, as_text, text

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Turns

__all__ = ["asks", "hear_realtime", "hear_responses", "open_connection", "say_realtime", "say_responses"]

_FIRST = ".delta"
"""How the type of an event ends that brings a piece of an answer."""


def asks(event: Any) -> bool:
    """Whether an event of the program asks for an answer."""
    return str(_field(event, "type")) == "response.create"


def open_connection(connection: Any, turns: Turns) -> None:
    """Where a connection leads, and the model that it was opened for."""
    request = getattr(getattr(connection, "_connection", None), "request", None)
    asked = urlsplit(str(getattr(request, "path", "")))
    host, _, port = str(getattr(request, "headers", {}).get("Host", "")).partition(":")
    query = parse_qs(asked.query)
    named = [*query.get("model", ()), *query.get("deployment", ()), None]
    turns.state.update(host=host, port=int(port) if port.isdigit() else 443, model=named[0], items=[], session={})


def say_realtime(event: Any, turns: Turns) -> None:
    """An event that the program sends over a realtime connection."""
    kind = _field(event, "type")
    if kind == "response.create":
        asked = as_dict(as_plain(_field(event, "response")))
        turns.ask(_generation(turns, asked), lambda gen: _content(turns, asked, gen))
    elif kind == "conversation.item.create":
        if turns.wants_content:
            turns.state["items"].append(as_plain(_field(event, "item")))
    elif kind == "session.update":
        _keep_session(as_dict(as_plain(_field(event, "session"))), turns)


def hear_realtime(event: Any, turns: Turns) -> None:
    """An event of the provider over a realtime connection."""
    kind = str(_field(event, "type"))
    if kind == "response.created":
        response = _field(event, "response")
        turns.begin(str(_field(response, "id")), lambda: _generation(turns, {}), lambda gen: _content(turns, {}, gen))
    elif kind == "response.done":
        _end(_field(event, "response"), turns)
    elif kind in ("session.created", "session.updated"):
        _keep_session(as_dict(as_plain(_field(event, "session"))), turns)
    elif kind == "conversation.item.input_audio_transcription.completed":
        # What the program said aloud; the words come when they were understood.
        if turns.wants_content:
            spoken = {"type": "input_audio", "transcript": _field(event, "transcript")}
            turns.state["items"].append({"type": "message", "role": "user", "content": [spoken]})
    elif kind == "error":
        error = _field(event, "error")
        turns.refuse(str(_field(error, "message")), str(_field(error, "code") or _field(error, "type") or "error"))
    elif kind.endswith(_FIRST):
        turns.chunk(str(_field(event, "response_id")))


def say_responses(event: Any, turns: Turns) -> None:
    """An event that the program sends over a connection to the responses endpoint: a request in full."""
    if not asks(event):
        return
    asked = as_dict(as_plain(event))
    gen = _generation(turns, asked, api_type="responses")
    read_parameters(asked, gen)
    turns.ask(gen, lambda one: read_sent(asked, one))


def hear_responses(event: Any, turns: Turns) -> None:
    """An event of the provider over a connection to the responses endpoint: the same as in a stream."""
    kind = str(_field(event, "type"))
    response = _field(event, "response")
    if kind == "response.created":
        begun = turns.state["current"] = str(_field(response, "id"))
        turns.begin(begun, lambda: _generation(turns, {}, api_type="responses"), lambda _: None)
    elif kind == "error":
        error = _field(event, "error") or event
        turns.refuse(str(_field(error, "message")), str(_field(error, "code") or "error"))
        return
    current = str(turns.state.get("current"))
    gen = turns.find(current)
    if gen is not None:
        if kind.endswith(_FIRST):
            turns.chunk(current)
        read_chunk(event, gen)
        if kind in ("response.completed", "response.failed", "response.incomplete"):
            turns.end(current)


def _generation(turns: Turns, asked: dict[str, Any], *, api_type: str = "realtime") -> Generation:
    state = turns.state
    session: dict[str, Any] = state["session"]
    gen = Generation(api_type=api_type, stream=True, model=as_text(asked.get("model")) or state["model"])
    gen.model = gen.model or as_text(session.get("model"))
    gen.provider, gen.server_address, gen.server_port = state.get("provider"), state["host"] or None, state["port"]
    # Taken also when they will not be recorded: a talk may be long.
    gen.scratch["items"], state["items"] = state["items"], []
    said = {**session, **asked}
    gen.temperature = said.get("temperature")
    limit = said.get("max_output_tokens", said.get("max_response_output_tokens"))
    gen.max_tokens = limit if isinstance(limit, int) else None
    if "audio" in as_list(said.get("output_modalities")) or "audio" in as_list(said.get("modalities")):
        gen.output_type = "speech"
    return gen


def _content(turns: Turns, asked: dict[str, Any], gen: Generation) -> None:
    """What was said since the answer before, as far as it was words."""
    said = {**turns.state["session"], **asked}
    if words := as_text(said.get("instructions")):
        gen.system_instructions = [text(words)]
    gen.inputs = read_items(as_list(asked.get("input")) or gen.scratch.pop("items"))
    gen.tools = [
        {"type": "function", "name": as_dict(tool).get("name") or as_dict(tool).get("type")}
        for tool in as_list(said.get("tools"))
    ]


def _keep_session(told: dict[str, Any], turns: Turns) -> None:
    turns.state["session"] = {**turns.state["session"], **told}


def _end(response: Any, turns: Turns) -> None:
    ended = str(_field(response, "id"))
    # One whose beginning was not heard is known by its end alone.
    gen = turns.begin(ended, lambda: _generation(turns, {}), lambda one: _content(turns, {}, one))
    read_response(response, gen)
    gen.response_model = gen.response_model or as_text(turns.state["session"].get("model"))
    if talk := as_text(getattr(response, "conversation_id", None)):
        gen.others[semconv.CONVERSATION_ID] = talk
    details = _field(response, "status_details")
    if reason := as_text(_field(details, "reason")):
        gen.finish_reasons = [reason]
    if _field(response, "status") == "failed":
        error = _field(details, "error")
        gen.failure = str(_field(error, "message") or _field(error, "type") or "failed")
        gen.failure_type = str(_field(error, "code") or _field(error, "type") or "failed")
    turns.end(ended)


def _field(value: Any, name: str) -> Any:
    return as_dict(value).get(name) if isinstance(value, dict) else getattr(value, name, None)
