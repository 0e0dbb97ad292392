"""Anthropic's message batches: many requests that the provider works off later, at a lower price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import as_fields, as_list, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation

__all__ = ["read_batch", "read_kept", "read_requests", "read_result"]

_COUNTS = {
    "processing": semconv.BATCH_PROCESSING,
    "succeeded": semconv.BATCH_SUCCEEDED,
    "errored": semconv.BATCH_ERRORED,
    "canceled": semconv.BATCH_CANCELED,
    "expired": semconv.BATCH_EXPIRED,
}


def read_requests(body: Mapping[str, Any], gen: Generation) -> None:
    """How many requests a batch is made of, and their model when it is one."""
    requests = [as_fields(one) for one in as_list(body.get("requests"))]
    gen.others[semconv.BATCH_REQUESTS] = len(requests)
    models = {as_text(as_fields(one.get("params")).get("model")) for one in requests}
    if len(models) == 1:
        gen.model = models.pop()


def read_kept(reply: Any, gen: Generation) -> None:
    """Something that the provider keeps: its id, and that it is gone."""
    gen.others[semconv.RESOURCE_ID] = as_text(getattr(reply, "id", None)) or gen.others.get(semconv.RESOURCE_ID)
    kind = as_text(getattr(reply, "type", None)) or ""
    if kind.endswith("_deleted"):
        gen.others[semconv.RESOURCE_STATUS] = "deleted"


def read_batch(reply: Any, gen: Generation) -> None:
    """How far a batch is."""
    read_kept(reply, gen)
    if state := as_text(getattr(reply, "processing_status", None)):
        gen.others[semconv.RESOURCE_STATUS] = state
    counts = as_fields(getattr(reply, "request_counts", None))
    for name, attribute in _COUNTS.items():
        count = counts.get(name)
        if isinstance(count, int):
            gen.others[attribute] = count


def read_result(part: Any, gen: Generation) -> None:
    """One line of a batch's results.

    The tokens stand apart from those of calls: results may be read any number of times, and cost half.
    """
    result = getattr(part, "result", None)
    attribute = _COUNTS.get(getattr(result, "type", ""))
    others = gen.others
    if attribute is not None:
        others[attribute] = others.get(attribute, 0) + 1
    answered = getattr(result, "message", None)
    usage = getattr(answered, "usage", None)
    if usage is None:
        return
    gen.response_model = as_text(getattr(answered, "model", None)) or gen.response_model
    counted = (getattr(usage, name, None) or 0 for name in _INPUT)
    others[semconv.BATCH_INPUT_TOKENS] = others.get(semconv.BATCH_INPUT_TOKENS, 0) + sum(counted)
    output = getattr(usage, "output_tokens", None) or 0
    others[semconv.BATCH_OUTPUT_TOKENS] = others.get(semconv.BATCH_OUTPUT_TOKENS, 0) + output


_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
