"""Reasons: cells in which a span may say something else than the body, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.recorded_traffic.replays import Row

__all__ = ["REASONS", "Reason", "unexplained"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why cells of some rows differ."""

    why: str
    cells: tuple[str, ...]
    applies: Callable[[Row], bool]


def unexplained(row: Row) -> tuple[str, ...]:
    """The cells of a row that are wrong for no written reason."""
    return tuple(
        cell for cell in row.wrong if not any(cell in reason.cells and reason.applies(row) for reason in REASONS)
    )


def _alone(row: Row) -> bool:
    return row.way == "langchain alone"


def _in_langchain(row: Row) -> bool:
    return row.way.startswith("langchain")


def _streams(row: Row) -> bool:
    return row.held.streamed is True


def _several_choices(row: Row) -> bool:
    return row.held.finish_reasons is not None and len(row.held.finish_reasons) > 1


def _repeated(row: Row) -> bool:
    told = None if row.told is None else row.told.response_model
    once = row.held.response_model or ""
    return told is None or (told != once and told == once * (len(told) // max(len(once), 1)))


REASONS: Final = (
    Reason(
        "LangChain's model names the company that its class is for, not the service behind the base URL.",
        ("provider",),
        _alone,
    ),
    Reason(
        "LangChain gives a streamed answer an id of its own in place of the provider's.",
        ("response_id",),
        lambda row: _alone(row) and _streams(row),
    ),
    Reason(
        "LangChain reads the input tokens of a streamed answer from its last event, where older answers had none.",
        ("input_tokens", "cache_read_tokens", "cache_write_tokens"),
        lambda row: _alone(row) and _streams(row) and row.exchange.path.endswith("/messages"),
    ),
    Reason(
        "LangChain joins the streamed choices of an answer, word by word, into one.",
        ("text",),
        lambda row: _in_langchain(row) and _streams(row) and _several_choices(row),
    ),
    Reason(
        "LangChain hears of model and finish reason of a streamed answer with one piece, and joins them, as texts, "
        "when more pieces have them.",
        ("finish_reasons", "response_model"),
        lambda row: _alone(row) and _streams(row) and _repeated(row),
    ),
    Reason(
        "LangChain says that an answer is streamed with its first piece, and this one failed before it.",
        ("streamed",),
        lambda row: _alone(row) and row.held.error is not None,
    ),
    Reason(
        "LangChain's OpenAI models drop the thoughts that other services tell.",
        ("reasoning",),
        lambda row: _in_langchain(row) and not row.exchange.path.endswith("/messages"),
    ),
    Reason(
        "LangChain asks some reasoning models for a temperature of 1 that the recorded program did not ask for.",
        ("temperature",),
        lambda row: _in_langchain(row) and row.held.temperature is None,
    ),
    Reason(
        "LangChain refuses to make the call.",
        ("span",),
        lambda row: (
            _in_langchain(row)
            and row.fault is not None
            and row.fault.startswith(("raises ValueError: Streaming is required", "raises NotImplementedError"))
        ),
    ),
)
"""All of them; each applies to a row at least, or it has to go."""
