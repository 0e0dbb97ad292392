"""The one variable that instrumentors read by themselves: when OpenTelemetry starts them, and not Sojourn's client.

`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says whether spans hold prompts and replies: `true`, `SPAN_ONLY`
and `SPAN_AND_EVENT` mean that they do; anything else, and nothing, that they do not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sojourn.content import Capture

__all__ = ["capture_of_opentelemetry"]

_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_ON_SPANS: Final = frozenset({"true", "1", "span_only", "span_and_event"})


def capture_of_opentelemetry() -> Capture:
    """What OpenTelemetry's own variable says of content; without it there is none, as with its own instrumentors."""
    return "full" if os.environ.get(_CONTENT, "").strip().lower() in _ON_SPANS else "off"
