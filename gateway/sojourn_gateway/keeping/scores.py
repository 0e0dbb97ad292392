"""Scores as exports have them, on their way back."""

from __future__ import annotations

from typing import Any, Final, cast

from sojourn_gateway.keeping.made import number, text
from sojourn_gateway.model.faults import Malformed
from sojourn_gateway.model.score import Score

__all__ = ["MEMBERS", "parse_score"]

MEMBERS: Final = frozenset({"id", "resource_id", "kind", "name", "score", "created_ns"})
"""What every one has."""


def parse_score(value: object) -> Score:
    """A score with its id and time. Raises `Malformed`."""
    told = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if missing := MEMBERS - told.keys():
        raise Malformed(f"a score without {', '.join(f'`{name}`' for name in sorted(missing))}")
    kind, amount, created = told["kind"], number(told["score"]), told["created_ns"]
    if kind not in ("trace", "span", "session"):
        raise Malformed("`kind` must be trace, span or session")
    if amount is None:
        raise Malformed("`score` must be a number")
    if not isinstance(created, int) or not 0 <= created < 2**63:
        raise Malformed("`created_ns` must be nanoseconds since 1970")
    own, resource = text(told, "id"), text(told, "resource_id")
    if not own or not resource or max(len(own), len(resource)) > 512:
        raise Malformed("`id` and `resource_id` must have 1 to 512 characters")
    return Score(
        id=own,
        resource_id=resource,
        kind=kind,
        name=text(told, "name"),
        score=amount,
        label=text(told, "label"),
        reason=text(told, "reason"),
        source=text(told, "source") or "api",
        user_id=text(told, "user_id"),
        created_ns=created,
    )
