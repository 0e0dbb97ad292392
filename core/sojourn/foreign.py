"""Spans that other instrumentations wrote: what in them is content passes the same gate as ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Status

from sojourn import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

    from sojourn.content import ContentPolicy

__all__ = ["screen", "screen_events", "screen_status"]

# Ends of names that say how much, by whom and why, and not what.
_FACTS: Final = ("tokens", ".role", ".finish_reason")


def screen(policy: ContentPolicy, attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """The attributes as they may be recorded."""
    if policy.capture == "full" and not policy.redactors:
        return dict(attributes)
    told: dict[str, AttributeValue] = {}
    for key, value in attributes.items():
        kept = _passed(policy, key, value) if _is_content(key) else value
        if kept is not None:
            told[key] = kept
    return told


def screen_events(policy: ContentPolicy, events: Sequence[Event]) -> Sequence[Event]:
    """The events of a span as they may be recorded."""
    if policy.capture == "full" and not policy.redactors:
        return events
    return [Event(event.name, screen(policy, event.attributes or {}), event.timestamp) for event in events]


def screen_status(policy: ContentPolicy, status: Status) -> Status:
    """The status of a span; its description is what an error said."""
    if not status.description:
        return status
    return Status(status.status_code, policy.render_text(status.description))


def _is_content(key: str) -> bool:
    if not key.startswith(semconv.FOREIGN_CONTENT):
        return False
    return not (key.endswith(_FACTS) or key.startswith(semconv.FOREIGN_NO_CONTENT))


def _passed(policy: ContentPolicy, key: str, value: AttributeValue) -> AttributeValue | None:
    if isinstance(value, str):
        if key == semconv.EXCEPTION_STACKTRACE and policy.capture != "full":
            return None
        if value[:1] in {"[", "{"}:
            try:
                return policy.render(json.loads(value))
            except (ValueError, RecursionError):
                # It only began like JSON.
                return policy.render_text(value)
        return policy.render_text(value)
    if isinstance(value, bool | int | float):
        return None if policy.capture == "off" else value
    passed = [policy.render_text(str(item)) for item in value or ()]
    return [item for item in passed if item is not None] or None
