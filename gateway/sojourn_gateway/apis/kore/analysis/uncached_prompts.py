"""Long prompts of which the provider keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.calls import calls_of
from sojourn_gateway.apis.kore.analysis.finding import Suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.analysis.calls import Call
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_uncached_prompts"]


def find_uncached_prompts(events: Sequence[Event], thresholds: Thresholds) -> list[Suggestion]:
    """A model whose long prompts were never read from a cache.

    The saving supposes that all of them begin alike, as far as the shortest one goes, and that the first has to be
    paid in full.
    """
    by_model: dict[str, list[Call]] = {}
    for call in calls_of(events):
        if call.cached_tokens is not None and call.input_tokens >= thresholds.cache_tokens:
            by_model.setdefault(call.model, []).append(call)
    found: list[Suggestion] = []
    for model, calls in by_model.items():
        if len(calls) < thresholds.cache_calls or any(call.cached_tokens for call in calls):
            continue
        shortest = min(call.input_tokens for call in calls)
        prices = [price for call in calls[1:] if (price := call.price_of_prompt(thresholds)) is not None]
        saving = shortest * max(1 - thresholds.cached_price, 0.0) * sum(prices)
        found.append(
            Suggestion(
                f"no_prompt_cache:{model}",
                f"No prompt of {model or 'the model'} came from a cache",
                f"{len(calls)} prompts of {shortest} tokens and more were paid in full. Put what stays the same first, "
                "and let the provider keep it.",
                tuple(call.event.span_id for call in calls),
                saving_usd=saving if prices else None,
            )
        )
    return found
