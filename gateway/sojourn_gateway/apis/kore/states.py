"""How a session stands, in Kore's words, and how sessions that stand so are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from sojourn_gateway.model.where import AllOf, Among, AnyOf, Compare, Field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.session import EndState, SessionSummary
    from sojourn_gateway.model.tally import Tally
    from sojourn_gateway.model.where import Where

__all__ = ["DISPOSITIONS", "ENDED", "QUIET_NS", "STATUSES", "Status", "standing", "status_of"]

Status = Literal["active", "idle", "ended", "completed", "escalated", "abandoned", "failed", "archived"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

QUIET_NS: Final = 60_000_000_000
"""An open session in which nothing ran for so long waits for its user."""
ENDED: Final[dict[EndState, Status]] = {"Success": "completed", "Fail": "failed", "Indeterminate": "ended"}
DISPOSITIONS: Final[dict[str, Status]] = {
    "completed": "completed",
    "abandoned": "abandoned",
    "agent_hangup": "abandoned",
    "failed": "abandoned",
    "transferred": "escalated",
    "timeout": "ended",
    "unengaged": "ended",
}
_STATE: Final = Field("state", "string")
_DISPOSITION: Final = Field("disposition", "string")
_SESSION: Final = Field("session_id", "string")


def status_of(summary: SessionSummary, tally: Tally, now_ns: int) -> Status:
    """A disposition that the program told decides; else how the session ended, or what runs in it."""
    told = DISPOSITIONS.get(tally.metadata.get("disposition", ""))
    if told is not None:
        return told
    if summary.state != "open":
        return ENDED[summary.state]
    if tally.runs:
        return "active"
    return "active" if max(tally.last_ns, summary.start_ns) >= now_ns - QUIET_NS else "idle"


def standing(serving: Services, statuses: Iterable[Status]) -> Where:
    """The sessions that stand in one of these ways."""
    return AnyOf(tuple(_standing(serving, status) for status in statuses))


def _standing(serving: Services, status: Status) -> Where:
    undisposed = Among(_DISPOSITION, tuple(DISPOSITIONS), negated=True)
    if status in ("active", "idle"):
        running = tuple(serving.queries.outlines.running(serving.project, QUIET_NS))
        among = Among(_SESSION, running, negated=status == "idle")
        return AllOf((Compare(_STATE, "equals", "open"), undisposed, among))
    states = tuple(state for state, said in ENDED.items() if said == status)
    disposed = tuple(word for word, said in DISPOSITIONS.items() if said == status)
    ways: list[Where] = [AllOf((undisposed, Compare(_STATE, "equals", state))) for state in states]
    if disposed:
        ways.append(Among(_DISPOSITION, disposed))
    return AnyOf(tuple(ways))
