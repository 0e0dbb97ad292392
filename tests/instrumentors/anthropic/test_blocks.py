"""Blocks as programs hand them over, which may hold anything."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sojourn.content import ContentPolicy
from sojourn_instrumentors._formats.anthropic_blocks import read_block


def test_a_block_that_holds_itself_or_a_date_is_described() -> None:
    asked: dict[str, Any] = {"when": dt.date(2026, 1, 2)}
    asked["again"] = asked
    part = read_block({"type": "tool_use", "id": "t1", "name": "look", "input": asked})

    told = ContentPolicy().render(part)
    assert told is not None
    assert '"when":"2026-01-02"' in told
    assert "[cycle]" in told
