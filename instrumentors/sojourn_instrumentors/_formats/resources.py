"""What a provider keeps for a program: files, batches, jobs, stores, videos. A call says which, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import as_text, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation

__all__ = [
    "read_counted",
    "read_made",
    "read_nothing",
    "read_resource",
    "read_video",
    "read_video_parameters",
    "read_video_sent",
]


def read_made(body: Mapping[str, Any], gen: Generation) -> None:
    """The model that a job is made for, where there is one."""
    gen.model = as_text(body.get("model"))


def read_nothing(_given: Any, _gen: Generation) -> None:
    """There is nothing to read."""


def read_resource(reply: Any, gen: Generation) -> None:
    """Its id, and its state. A failed one is no failed call."""
    gen.others[semconv.RESOURCE_ID] = as_text(getattr(reply, "id", None))
    state = as_text(getattr(reply, "status", None))
    gen.others[semconv.RESOURCE_STATUS] = state or ("deleted" if getattr(reply, "deleted", None) is True else None)
    gen.response_model = as_text(getattr(reply, "model", None))


def read_counted(reply: Any, gen: Generation) -> None:
    """How long a prompt is; it is not sent, and costs nothing."""
    gen.others[semconv.COUNTED_TOKENS] = getattr(reply, "input_tokens", None)


def read_video_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = as_text(body.get("model"))
    gen.output_type = "video"


def read_video_sent(body: Mapping[str, Any], gen: Generation) -> None:
    words = as_text(body.get("prompt"))
    gen.inputs = [message("user", [text(words)] if words else [])]


def read_video(reply: Any, gen: Generation) -> None:
    read_resource(reply, gen)
    gen.response_id = as_text(getattr(reply, "id", None))
    if getattr(reply, "status", None) == "failed":
        error = getattr(reply, "error", None)
        gen.failure = str(getattr(error, "message", None) or "failed")
        gen.failure_type = str(getattr(error, "code", None) or "failed")
