"""What a staged file holds, as the engine reads it: the columns of its rows and the message of its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine import otlp

if TYPE_CHECKING:
    from sojourn_gateway.engine.backend import Signal

__all__ = ["COLUMNS", "DECODING", "MESSAGES"]

COLUMNS: Final[dict[Signal, str]] = {"traces": otlp.TRACES_COLUMNS, "logs": otlp.LOGS_COLUMNS}
MESSAGES: Final[dict[Signal, str]] = {"traces": otlp.TRACES_MESSAGE, "logs": otlp.LOGS_MESSAGE}

DECODING: Final[dict[str, int | str]] = {
    "max_insert_threads": 1,
    "query_plan_merge_expressions": 0,
    "optimize_and_compare_chain": 0,
    "optimize_on_insert": 0,
    "exclude_materialize_skip_indexes_on_insert": "by_word, by_value",
}
"""Settings of a statement that decodes. Merging its stages into one costs as much as planning the rest, and looking for
comparisons that follow from others, of which there are none, a sixth of it; replaced rows are left to merges, which
have to find them anyway. What searches need is built by merges too: a part just written is small enough to be read, and
indexing words costs a third of what writing costs.
"""
