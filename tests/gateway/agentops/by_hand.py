"""The wire of AgentOps' session era by hand, so that a test says exactly what is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    import httpx

    from tests.gateway.serving import Served

__all__ = ["BEGUN", "Program", "event", "moment"]

BEGUN = "2026-05-04T10:00:00+00:00"


def moment(second: float) -> str:
    """A time so many seconds after the session began."""
    return f"2026-05-04T10:00:{second:09.6f}+00:00"


def event(kind: str, *, at: float = 1, lasts: float = 1, **fields: Any) -> dict[str, Any]:
    """A row as the client sends it."""
    return {
        "id": str(uuid4()),
        "event_type": kind,
        "init_timestamp": moment(at),
        "end_timestamp": moment(at + lasts),
        "params": None,
        "returns": None,
        "agent_id": None,
        **fields,
    }


@dataclass(slots=True)
class Program:
    """One process that writes into a session."""

    gateway: Served
    session_id: str
    begun: str
    jwt: str
    tags: list[str]

    @classmethod
    def begin(
        cls,
        gateway: Served,
        session_id: str | None = None,
        *,
        begun: str = BEGUN,
        tags: tuple[str, ...] = (),
        **more: Any,
    ) -> Program:
        """Start a session, or join the one of this id."""
        chosen = session_id or str(uuid4())
        told: dict[str, Any] = {
            "session_id": chosen,
            "init_timestamp": begun,
            "tags": list(tags),
            "host_env": {},
            **more,
        }
        answer = gateway.client.post("/v2/create_session", json={"session": told})
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "Success"
        return cls(gateway, chosen, begun, answer.json()["jwt"], list(tags))

    def post(self, path: str, body: Any) -> httpx.Response:
        """As the session's bearer."""
        # As text of ASCII: a program may hold what UTF-8 cannot say.
        headers = {"Authorization": f"Bearer {self.jwt}", "Content-Type": "application/json"}
        return self.gateway.client.post(path, content=json.dumps(body), headers=headers)

    def send(self, *events: dict[str, Any], path: str = "/v2/create_events") -> None:
        """Write events, and see that they were taken."""
        answer = self.post(path, {"events": list(events)})
        assert (answer.status_code, answer.json()) == (200, "Success"), answer.text
        assert self.gateway.engine.settle(60)

    def update(self, **fields: Any) -> dict[str, Any]:
        """Update the session, with all that the client always sends."""
        told = {
            "session_id": self.session_id,
            "init_timestamp": self.begun,
            "end_timestamp": None,
            "end_state": "Indeterminate",
            "end_state_reason": None,
            "tags": self.tags,
            "video": None,
            "is_running": True,
            "config": "",
            "_lock": "",
            **fields,
        }
        answer = self.post("/v2/update_session", {"session": told})
        assert answer.status_code == 200, answer.text
        assert self.gateway.engine.settle(60)
        return dict[str, Any](answer.json())

    def end(self, state: str = "Success", *, at: float = 30, **fields: Any) -> dict[str, Any]:
        """End the session."""
        return self.update(end_timestamp=moment(at), end_state=state, is_running=False, **fields)

    def stats(self) -> dict[str, Any]:
        """The session's statistics."""
        return dict[str, Any](self.gateway.get(f"/v2/sessions/{self.session_id}/stats").json())

    def export(self) -> dict[str, Any]:
        """The session, whole."""
        return dict[str, Any](self.gateway.get(f"/v2/sessions/{self.session_id}/export").json())

    def native(self) -> dict[str, Any]:
        """The session as `/v1` has it."""
        return dict[str, Any](self.gateway.data(f"/v1/sessions/{self.session_id}", fields="summary"))
