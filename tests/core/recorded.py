"""The steps that lie in a home, as a tree of plain values that a test can compare whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.trace.v1.trace_pb2 import Status

import sojourn
from sojourn import semconv
from tests.core.journalled import plain, read_home

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Seen:
    """A finished span: its name, its attributes but the session's id, whether it failed, what is below it."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    failed: bool = False
    children: list[Seen] = field(default_factory=list["Seen"])
    session: str | None = field(default=None, compare=False)
    trace: str = field(default="", compare=False)
    id: str = field(default="", compare=False)


def steps(home: Path) -> list[Seen]:
    """The roots, oldest first, each with its steps below it in order of their start."""
    sojourn.flush(0)
    spans = sorted(read_home(home).spans, key=lambda span: span.start_time_unix_nano)
    seen: dict[bytes, Seen] = {}
    for span in spans:
        facts = plain(span.attributes)
        seen[span.span_id] = Seen(
            span.name,
            facts,
            span.status.code == Status.STATUS_CODE_ERROR,
            session=facts.pop(semconv.SESSION_ID, None),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
        )
    for span in spans:
        if span.parent_span_id in seen:
            seen[span.parent_span_id].children.append(seen[span.span_id])
    return [seen[span.span_id] for span in spans if span.parent_span_id not in seen]
