"""Why an answer ended, in the words of the conventions, whoever said it."""

from __future__ import annotations

from typing import Final

__all__ = ["finish"]

_WORDS: Final = {
    # OpenAI's, and of all that speak like it.
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    # Anthropic's, also through Bedrock.
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def finish(reason: object) -> str | None:
    """The word for a reason; one without a word there, such as `pause_turn`, stays. None for none."""
    # By hand what `as_text` does: each call is paid for with every answer.
    return _WORDS.get(reason, reason) if isinstance(reason, str) and reason else None
