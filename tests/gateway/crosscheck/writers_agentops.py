"""The story as AgentOps tells it: by hand over the wire of its session era, and by its own clients of both eras."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.gateway.agentops.by_hand import Program, event
from tests.gateway.agentops.judging import judged
from tests.gateway.agentops.provider import answering
from tests.gateway.crosscheck.door import Door, Writer, Written
from tests.gateway.crosscheck.writers_otlp import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.facts import Fact, Told

__all__ = ["AGENTOPS_WRITERS"]

_PROGRAMS = "../../crosscheck/programs/"
_BEGUN_MS = 1_777_888_800_000

_SAID: Told = {
    "turns": 1,
    "steps": 3,
    "model calls": 2,
    "tool calls": 1,
    "errors": 1,
    "input tokens": 2200,
    "output tokens": 180,
    "cached tokens": 0,
    "reasoning tokens": 0,
    "all tokens": 2380,
    "cost": Decimal("0.001444"),
    "state": "Success",
    "user": "",
    "tags": ("refund", "vip"),
}
_UNSAID: dict[Fact, str] = {
    "turns": "a session is one piece: one turn",
    "cached tokens": "an event has no field for them",
    "reasoning tokens": "an event has no field for them",
    "name": "sessions have none",
    "user": "sessions have none",
}
_OUTSIDE: dict[Fact, str] = {"errors": "an error by hand belongs to the session, and to no span of it"}


def _by_hand(door: Door) -> Written:
    gateway, home = door.gateway(f"agentops-{uuid4().hex[:8]}")
    program = Program.begin(gateway, tags=("refund", "vip"))
    failing = str(uuid4())
    program.send(
        event(
            "llms",
            at=0.5,
            lasts=1.5,
            model="gpt-4o-mini",
            prompt="Where is my order?",
            completion="I look.",
            prompt_tokens=1200,
            completion_tokens=80,
            cost=0.001234,
        ),
        event("tools", at=2, lasts=0.5, name="find_order", params={"order": 4812}, returns={"status": "shipped"}),
        event(
            "errors",
            at=3.5,
            lasts=0,
            error_type="TimeoutError",
            details="no answer",
            trigger_event_id=failing,
            trigger_event_type="tools",
        ),
        event(
            "llms",
            at=30.5,
            lasts=2,
            model="gpt-4o-mini",
            prompt="Thanks.",
            completion="Good bye.",
            prompt_tokens=1000,
            completion_tokens=100,
        ),
    )
    program.end("Success", at=34)
    return Written(gateway, home, program.session_id)


def _imported(door: Door) -> Written:
    """What AgentOps' own API exported, taken in by a gateway that knew nothing of it."""
    written = _by_hand(door)
    exported = door.place() / "export.json"
    exported.write_bytes(written.gateway.get(f"/v2/sessions/{written.session_id}/export").content)
    gateway, home = door.gateway(f"moved-{uuid4().hex[:8]}")
    command(gateway, home, "import", str(exported))
    assert gateway.engine.settle(60)
    return Written(gateway, home, written.session_id)


def _session_era(door: Door) -> Written:
    gateway, home = door.gateway(f"agentops03-{uuid4().hex[:8]}")
    told: dict[str, Any] = judged("0.3.26", f"{_PROGRAMS}agentops_session_era", gateway, door.place())
    return Written(gateway, home, told["session"])


def _trace_era(door: Door) -> Written:
    gateway, home = door.gateway(f"agentops04-{uuid4().hex[:8]}")
    with answering("openai/chat_plain") as (url, _):
        told: dict[str, Any] = judged(
            "0.4.21", f"{_PROGRAMS}agentops_trace_era", gateway, door.place(), PROVIDER_URL=url
        )
    return Written(gateway, home, told["trace"])


AGENTOPS_WRITERS: Sequence[Writer] = (
    Writer(
        "agentops-v2",
        "AgentOps `/v2` by hand",
        _by_hand,
        {**_SAID, "start": _BEGUN_MS, "end": _BEGUN_MS + 34_000},
        _UNSAID,
        _OUTSIDE,
    ),
    Writer(
        "agentops-import",
        "an export of AgentOps, imported",
        _imported,
        {**_SAID, "start": _BEGUN_MS, "end": _BEGUN_MS + 34_000},
        _UNSAID,
        _OUTSIDE,
    ),
    Writer("agentops-0.3", "agentops 0.3.26", _session_era, _SAID, _UNSAID, _OUTSIDE, is_judge=True),
    Writer(
        "agentops-0.4",
        "agentops 0.4.21",
        _trace_era,
        # Two calls of a model, whose tokens the recorded answer tells, and a tool that costs 25 cents.
        {
            "turns": 1,
            "steps": 7,
            "model calls": 2,
            "tool calls": 2,
            "errors": 1,
            "state": "Success",
            "name": "refund.session",
            "user": "",
            "tags": ("refund", "vip"),
        },
        {
            "turns": "a trace is one turn",
            "name": "the trace's stands for it",
            "user": "traces have none",
        },
        is_implicit=True,
        is_judge=True,
    ),
)
