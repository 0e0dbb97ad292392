"""Decisions of the code that runs: `sojourn.decision` and its like, which know the current session by themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sojourn import frameworks
from sojourn.client import get_client
from sojourn.deciding import Deciding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.content import ContentPolicy
    from sojourn.current import Stamp

__all__ = ["HERE", "decision", "handoff", "response", "state_change"]


class _Here(Deciding):
    """The code that calls, in whatever session and step it runs."""

    def taking(self) -> ContentPolicy | None:
        client = None if sys.is_finalizing() else get_client()
        if client is None or client.settings.disabled:
            return None
        sampled = client.policy.sampled
        return client.policy if sampled is None or sampled() else None

    def note(self, name: str, facts: Mapping[str, Stamp]) -> None:
        client = get_client()
        if client is not None:
            client.tracer.start_span(client.policy.redact(name), frameworks.context(), attributes=facts).end()


HERE = _Here()
decision, handoff, response, state_change = HERE.decision, HERE.handoff, HERE.response, HERE.state_change
