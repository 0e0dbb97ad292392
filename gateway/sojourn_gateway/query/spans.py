"""Rows of spans become spans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.message import DecodeError

from sojourn import semconv
from sojourn.prices import Usage
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.places import Node, place
from sojourn_gateway.engine.rates import known_rates
from sojourn_gateway.engine.reading import SPAN_COLUMNS
from sojourn_gateway.engine.values import as_json, attributes_of, key_values, listed, parsed_list, text
from sojourn_gateway.model.span import Span, SpanEvent
from sojourn_gateway.model.usage import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.span import CostSource, Json, Status, Step

__all__ = ["spans_of"]

_STATUS: tuple[Status, ...] = ("unset", "ok", "error")
_INPUTS: Final = (semconv.INPUT_MESSAGES, semconv.TOOL_CALL_ARGUMENTS, semconv.RETRIEVAL_QUERY, semconv.INPUT)
_OUTPUTS: Final = (semconv.OUTPUT_MESSAGES, semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL_DOCUMENTS, semconv.OUTPUT)


def spans_of(rows: Sequence[Row]) -> list[Span]:
    """The spans of whole traces, each told its session. Order is kept."""
    named = [dict[str, Any](zip(SPAN_COLUMNS, row, strict=True)) for row in rows]
    by_trace: dict[bytes, list[Node]] = {}
    for row in named:
        node = Node(
            span_id=row["span_id"],
            parent_id=row["parent_id"],
            session_id=text(row["session_id"]),
            start_ns=row["start_ns"],
            calls=False,
            usage=False,
        )
        by_trace.setdefault(row["trace_id"], []).append(node)
    places = {trace_id: place(nodes) for trace_id, nodes in by_trace.items()}
    resources: dict[bytes, Mapping[str, Json]] = {}
    return [
        replace(
            _span(row, resources),
            session_id=places[row["trace_id"]][row["span_id"]].session_id or None,
        )
        for row in named
    ]


def _span(row: Mapping[str, Any], resources: dict[bytes, Mapping[str, Json]]) -> Span:
    attributes = attributes_of(row["a_s"], row["a_i"], row["a_d"], row["a_b"], row["a_x"])
    attributes.update((text(key), text(value)) for key, value in row["content"].items())
    resource = row["resource"]
    if resource not in resources:
        resources[resource] = _resource(resource)
    cost, source = _cost(row)
    return Span(
        trace_id=row["trace_id"].hex(),
        span_id=row["span_id"].hex(),
        parent_id=row["parent_id"].hex() if any(row["parent_id"]) else None,
        session_id=None,
        name=text(row["name"]),
        kind=row["kind"],
        step=cast("Step", text(row["step"])),
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
        finish_reasons=_finish_reasons(attributes.get(semconv.RESPONSE_FINISH_REASONS)),
        tool_name=text(row["tool_name"]),
        tool_call_id=text(row["tool_call_id"]),
        input=_content(attributes, _INPUTS),
        output=_content(attributes, _OUTPUTS),
        system=_content(attributes, (semconv.SYSTEM_INSTRUCTIONS,)),
        attributes=attributes,
        resource=resources[resource],
        scope=text(row["scope"]),
        events=tuple(_events(row["events"])),
        error_type=text(row["error_type"]),
    )


def _cost(row: Mapping[str, Any]) -> tuple[Decimal | None, CostSource]:
    if row["reported"] is not None:
        return row["reported"].normalize(), "reported"
    if not row["usage"]:
        return None, "none"
    found = known_rates(text(row["provider"]), text(row["request_model"]), text(row["response_model"]), row["start_ns"])
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
        return key_values(wire.field(wire.RESOURCE.FromString(data), "attributes"))
    except DecodeError:
        return {}


def _events(events: Iterable[bytes]) -> Iterable[SpanEvent]:
    for data in events:
        try:
            event = wire.EVENT.FromString(data)
        except DecodeError:
            continue
        yield SpanEvent(
            name=text(wire.field(event, "name")),
            time_ns=wire.field(event, "time_unix_nano"),
            attributes=key_values(wire.field(event, "attributes")),
        )


def _finish_reasons(told: Json) -> tuple[str, ...]:
    """A list, or one text: plain, or JSON of a list."""
    if isinstance(told, str):
        told = parsed_list(told) or [told]
    return tuple(as_json(one) for one in listed(told))


def _content(attributes: Mapping[str, Json], keys: Iterable[str]) -> str | None:
    return next((as_json(attributes[key]) for key in keys if key in attributes), None)
