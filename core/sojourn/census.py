"""What all processes of a session did: as the running gateway has it, else what this machine still knows."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

from sojourn import clock, journal, semconv
from sojourn.cost import Cost
from sojourn.journal import Kind
from sojourn.settings import find_proxy
from sojourn.tally import Tally
from sojourn.target import Target, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from opentelemetry.util.types import AttributeValue

    from sojourn.journal import Frame
    from sojourn.settings import Settings

__all__ = ["Census", "Own", "take"]

_FAILED: Final = 2
"""`STATUS_CODE_ERROR`."""


class Census(NamedTuple):
    """Sums over the processes of a session, and who counted them."""

    model_calls: int
    tool_calls: int
    actions: int
    errors: int
    cost: Cost
    duration_s: float
    processes: int
    counted: str
    """In words: by whom, and what is not in it."""


class Own(NamedTuple):
    """What this process has of the session itself."""

    tally: Tally
    start_ns: int
    end_ns: int | None
    journal: Path | None
    """The file that it writes now."""

    @property
    def chain(self) -> str | None:
        """What the files of its journal have in common."""
        with suppress(OSError, journal.NotAJournal):
            return None if self.journal is None else journal.read(self.journal)[0].chain
        return None


class _Found(NamedTuple):
    at_ns: int
    span: ReadableSpan | None = None
    own_error: str = ""
    """The id of the event, when it is an error that no span tells of."""


def take(settings: Settings, session_id: str, own: Own, *, delivered: bool) -> Census:
    """By the gateway if all that this process recorded is `delivered` to it, else from memory and journals."""
    gateway = settings.home.gateway()
    url = settings.endpoint or (None if gateway is None else gateway.url)
    told = _ask_gateway(settings, url, session_id) if delivered and url is not None and not settings.disabled else None
    return told or _count_journals(settings.home.journals, session_id, own)


def _ask_gateway(settings: Settings, url: str, session_id: str) -> Census | None:
    """What a gateway answers; None when there is none at `url`, or when it does not know the session."""
    proxy = None if is_loopback(urlsplit(url).hostname) else find_proxy(url)
    try:
        target = Target(url, settings.api_key, proxy)
        try:
            if not target.is_ours():
                return None
            answer = target.get(f"/v1/sessions/{quote(session_id, safe='')}?fields=summary")
        finally:
            target.close()
        return _parse(json.loads(answer.text)["data"], url) if answer.taken else None
    except (OSError, ValueError, KeyError, TypeError, InvalidOperation):
        return None


def _parse(told: dict[str, Any], url: str) -> Census:
    return Census(
        model_calls=int(told["model_calls"]),
        tool_calls=int(told["tool_calls"]),
        actions=int(told["actions"]),
        errors=int(told["errors"]),
        cost=Cost(Decimal(told["cost_usd"] or 0), int(told["unpriced"])),
        duration_s=float(told["latency_ms"]) / 1000,
        processes=int(told["process_count"]),
        counted=f"by the gateway at {url}",
    )


def _count_journals(folder: Path, session_id: str, own: Own) -> Census:
    """This process from memory, and what other processes of this machine have in their journals.

    What others delivered and removed is not in it.
    """
    spans: dict[int, ReadableSpan] = {}
    errors: set[str] = set()
    begun: list[int] = [own.start_ns]
    chains: set[str] = set()
    mine = own.chain
    for path in journal.paths(folder):
        with suppress(OSError, journal.NotAJournal):
            header, frames = journal.read(path)
            if header.chain == mine:
                continue
            for frame in frames:
                found = [*_spans(frame, session_id), *_events(frame, session_id)]
                if found:
                    chains.add(header.chain)
                for one in found:
                    begun.append(one.at_ns)
                    if one.span is not None and (context := one.span.get_span_context()) is not None:
                        spans[context.span_id] = one.span
                    elif one.own_error:
                        errors.add(one.own_error)
    others = Tally()
    # A tally is told of children before their parents, as they end.
    for span in sorted(spans.values(), key=lambda span: span.end_time or 0):
        others.count(span)
    costs = own.tally.cost(), others.cost()
    return Census(
        model_calls=own.tally.model_calls + others.model_calls,
        tool_calls=own.tally.tool_calls + others.tool_calls,
        actions=own.tally.actions + others.actions,
        errors=own.tally.errors + others.errors + len(errors),
        cost=Cost(costs[0].amount + costs[1].amount, costs[0].unpriced + costs[1].unpriced),
        duration_s=((own.end_ns or clock.now_ns()) - min(begun)) / 1e9,
        processes=1 + len(chains),
        counted="from memory and the journals of this machine, since no gateway answered; what other processes have "
        "already delivered is not in it",
    )


def _spans(frame: Frame, session_id: str) -> Iterator[_Found]:
    if frame.kind is not Kind.TRACES:
        return
    for resource in ExportTraceServiceRequest.FromString(frame.payload).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                facts = _plain(span.attributes)
                if facts.get(semconv.SESSION_ID) == session_id:
                    yield _Found(span.start_time_unix_nano, _readable(span, facts))


def _events(frame: Frame, session_id: str) -> Iterator[_Found]:
    if frame.kind is not Kind.LOGS:
        return
    for resource in ExportLogsServiceRequest.FromString(frame.payload).resource_logs:
        for scope in resource.scope_logs:
            for event in scope.log_records:
                facts = _plain(event.attributes)
                if facts.get(semconv.SESSION_ID) == session_id:
                    counts = event.event_name == semconv.EXCEPTION_EVENT and facts.get(semconv.ERROR_OWN, True)
                    yield _Found(event.time_unix_nano, own_error=str(facts[semconv.LOG_UID]) if counts else "")


def _readable(span: Span, facts: Mapping[str, AttributeValue]) -> ReadableSpan:
    def context(span_id: bytes) -> SpanContext:
        return SpanContext(int.from_bytes(span.trace_id, "big"), int.from_bytes(span_id, "big"), is_remote=True)

    return ReadableSpan(
        span.name,
        context=context(span.span_id),
        parent=context(span.parent_span_id) if span.parent_span_id else None,
        attributes=facts,
        events=[Event(event.name, _plain(event.attributes)) for event in span.events],
        status=Status(StatusCode.ERROR if span.status.code == _FAILED else StatusCode.UNSET),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
    )


def _plain(attributes: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """The plain values; what counts is in no list."""
    found: dict[str, AttributeValue] = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        if kind in {"string_value", "bool_value", "int_value", "double_value"}:
            found[attribute.key] = getattr(attribute.value, kind)
    return found
