"""Scores on the pages: what people and programs thought of a session, and the form that adds one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sojourn_gateway import wording
from sojourn_gateway.ingest.scores import NewScore
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.web.links import session_href

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.model.glance import Glance
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.span import Span

__all__ = ["GRADES", "BadGrade", "Grade", "grades_of", "parse_grade"]

GRADES: Final = 200
"""How many scores a page shows."""
_LONGEST: Final = {"name": 256, "label": 1_000, "reason": 10_000}
_NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
_OF: Final = {"session": "", "trace": "turn", "span": "step"}


class BadGrade(GatewayFault):
    """A form that says no score."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One score; `of` is empty when it is the whole session's."""

    name: str
    value: str
    label: str
    reason: str
    who: str
    at: str
    of: str
    of_name: str
    href: str | None


def grades_of(
    session_id: str, scores: Sequence[Score], spans: Sequence[Span | Glance], view: str = ""
) -> tuple[Grade, ...]:
    """The scores of a session, of its turns and of its steps, newest first."""
    if not scores:
        return ()
    steps = {span.span_id: span for span in spans}
    roots = {span.trace_id: span for span in reversed(spans) if span.parent_id is None}
    found: list[Grade] = []
    for score in scores:
        span = {"span": steps, "trace": roots}.get(score.kind, {}).get(score.resource_id)
        found.append(
            Grade(
                name=score.name,
                value=f"{score.score:g}",
                label=score.label,
                reason=score.reason,
                who=" · ".join(one for one in (score.source, score.user_id) if one),
                at=wording.clock(score.created_ns),
                of=_OF[score.kind],
                of_name="" if span is None else span.name,
                href=None if span is None else session_href(session_id, view=view, span=span.span_id),
            )
        )
    return tuple(found)


def parse_grade(body: bytes, session_id: str) -> tuple[NewScore, str, str]:
    """The score that a form gives, and the step and the view that it was given beside. Raises `BadGrade`."""
    told = parse_qs(body.decode("utf-8", "replace"))

    def field(name: str) -> str:
        return told.get(name, [""])[0].strip()

    for name, longest in _LONGEST.items():
        if len(field(name)) > longest:
            raise BadGrade(f"the {name} of a score has at most {longest:,} characters")
    if not field("name"):
        raise BadGrade("a score needs a name, such as helpful")
    score = _number(field("score"))
    span_id = field("span")
    new = NewScore(
        resource_id=span_id or session_id,
        name=field("name"),
        score=score,
        label=field("label"),
        reason=field("reason"),
        source="annotation",
        kind="span" if span_id else "session",
    )
    return new, span_id, field("view")


def _number(told: str) -> float:
    """A number as people write it, with a point or a comma before its fraction."""
    if _THOUSANDS.fullmatch(told):
        if told.count(",") > 1:
            raise BadGrade(f"a score is a number without signs between its thousands: write {told.replace(',', '')}")
        plain, point = told.replace(",", ""), told.replace(",", ".")
        raise BadGrade(f"{told} can be read in two ways: write {plain}, or {point}")
    score = float(told.replace(",", ".")) if _NUMBER.fullmatch(told) else math.nan
    if not math.isfinite(score):
        raise BadGrade("a score is a number, such as 0.8")
    return score
