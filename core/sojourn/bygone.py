"""Steps that already happened: spans that are made whole, since there is nothing left to begin or to end.

OpenTelemetry's life cycle of a span would cost the program three times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from sojourn.clock import random_bits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource

__all__ = ["bygone"]

_SCOPE: Final = InstrumentationScope("sojourn")
_RECORDED: Final = TraceFlags(TraceFlags.SAMPLED)


def bygone(
    name: str,
    parent: SpanContext | None,
    resource: Resource,
    attributes: Mapping[str, Any],
    times_ns: tuple[int, int],
    *,
    calls_out: bool,
) -> ReadableSpan:
    """A finished span below `parent`, or at the root of a trace of its own."""
    trace_id = (random_bits(128) or 1) if parent is None else parent.trace_id
    state = None if parent is None else parent.trace_state
    return ReadableSpan(
        name=name,
        context=SpanContext(trace_id, random_bits(64) or 1, is_remote=False, trace_flags=_RECORDED, trace_state=state),
        parent=parent,
        resource=resource,
        attributes=attributes,
        kind=SpanKind.CLIENT if calls_out else SpanKind.INTERNAL,
        start_time=times_ns[0],
        end_time=times_ns[1],
        instrumentation_scope=_SCOPE,
    )
