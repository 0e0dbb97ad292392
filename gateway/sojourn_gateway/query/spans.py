"""Rows of spans become spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import DecodeError

from sojourn.prices import Rates, Usage
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.places import Node, place
from sojourn_gateway.engine.reading import SPAN_COLUMNS
from sojourn_gateway.engine.values import attributes_of, key_values_in, text
from sojourn_gateway.model.span import Span, SpanEvent, SpanLink
from sojourn_gateway.model.usage import Tokens
from sojourn_gateway.query.dialects import read_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.span import CostSource, Json, Status, Step

__all__ = ["Price", "spans_of"]

Price = Callable[[str, str, str, int], Rates | None]
"""The rates of a call, by provider, the model asked for, the model that answered, and its start."""

_STATUS: tuple[Status, ...] = ("unset", "ok", "error")


def spans_of(rows: Sequence[Row], price: Price, session_id: str | None = None) -> list[Span]:
    """The spans of whole traces, each told its session and its cost. Order is kept.

    With `session_id`, that of all of them, they may be some of their traces.
    """
    named = [dict[str, Any](zip(SPAN_COLUMNS, row, strict=True)) for row in rows]
    sessions = _sessions(named) if session_id is None else [session_id] * len(named)
    resources: dict[bytes, Mapping[str, Json]] = {}
    return [_span(row, session or None, resources, price) for row, session in zip(named, sessions, strict=True)]


def _sessions(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The session of each span: its own, where all name one, else by its place; empty where its trace has none."""
    own = [text(row["session_id"]) for row in rows]
    if all(own):
        return own
    by_trace: dict[bytes, list[Node]] = {}
    for row, session in zip(rows, own, strict=True):
        node = Node(row["span_id"], row["parent_id"], session, row["start_ns"], calls=False, usage=False)
        by_trace.setdefault(row["trace_id"], []).append(node)
    places = {trace_id: place(nodes) for trace_id, nodes in by_trace.items()}
    return [places[row["trace_id"]][row["span_id"]].session_id for row in rows]


def _span(
    row: Mapping[str, Any], session_id: str | None, resources: dict[bytes, Mapping[str, Json]], price: Price
) -> Span:
    attributes = attributes_of(row["a_s"], row["a_i"], row["a_d"], row["a_b"], row["a_x"])
    attributes.update((text(key), text(value)) for key, value in row["content"].items())
    resource = row["resource"]
    if resource not in resources:
        resources[resource] = _resource(resource)
    cost, source = _cost(row, price)
    name, step = text(row["name"]), cast("Step", text(row["step"]))
    events = tuple(_events(row["events"]))
    said = read_said(name, step, attributes, events)
    return Span(
        trace_id=row["trace_id"].hex(),
        span_id=row["span_id"].hex(),
        parent_id=row["parent_id"].hex() if any(row["parent_id"]) else None,
        session_id=session_id,
        name=name,
        kind=row["kind"],
        step=step,
        operation=text(row["operation"]),
        start_ns=row["start_ns"],
        end_ns=row["end_ns"] or None,
        status=_STATUS[int(row["status"])],
        status_message=text(row["status_message"]),
        provider=text(row["provider"]),
        request_model=text(row["request_model"]),
        response_model=text(row["response_model"]),
        tokens=Tokens(
            input=row["input_tokens"],
            output=row["output_tokens"],
            cache_read=row["cache_read"],
            cache_write=row["cache_write"],
            reasoning=row["reasoning"],
        ),
        cost=cost,
        cost_source=source,
        user_id=text(row["user_id"]),
        service=text(row["service"]),
        finish_reasons=said.finish_reasons or (),
        tool_name=text(row["tool_name"]) or said.tool_name or "",
        tool_call_id=text(row["tool_call_id"]),
        input=said.input,
        output=said.output,
        system=said.system,
        attributes=attributes,
        resource=resources[resource],
        scope=text(row["scope"]),
        events=events,
        links=tuple(_links(row["links"])),
        error_type=text(row["error_type"]),
    )


def _cost(row: Mapping[str, Any], price: Price) -> tuple[Decimal | None, CostSource]:
    if row["reported"] is not None:
        return row["reported"].normalize(), "reported"
    if not row["usage"]:
        return None, "none"
    found = price(text(row["provider"]), text(row["request_model"]), text(row["response_model"]), row["start_ns"])
    if found is None:
        return None, "unpriced"
    usage = Usage(
        input=row["input_tokens"],
        output=row["output_tokens"],
        cache_read=row["cache_read"],
        cache_write=row["cache_write"],
        reasoning=row["reasoning"],
        audio_input=row["audio_input"],
        audio_output=row["audio_output"],
    )
    return found.cost(usage), "partial" if found.is_partial(usage) else "priced"


def _resource(data: bytes) -> Mapping[str, Json]:
    try:
        return key_values_in(wire.field(wire.SHALLOW_ATTRIBUTES.FromString(data), "attributes"))
    except DecodeError:
        return {}


def _events(events: Iterable[bytes]) -> Iterable[SpanEvent]:
    for data in events:
        try:
            event = wire.SHALLOW_EVENT.FromString(data)
        except DecodeError:
            continue
        yield SpanEvent(
            name=text(wire.field(event, "name")),
            time_ns=wire.field(event, "time"),
            attributes=key_values_in(wire.field(event, "attributes")),
        )


def _links(links: Iterable[bytes]) -> Iterable[SpanLink]:
    for data in links:
        try:
            link = wire.SHALLOW_LINK.FromString(data)
        except DecodeError:
            continue
        yield SpanLink(
            trace_id=wire.field(link, "trace_id").hex(),
            span_id=wire.field(link, "span_id").hex(),
            attributes=key_values_in(wire.field(link, "attributes")),
        )
