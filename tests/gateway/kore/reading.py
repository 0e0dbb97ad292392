"""Questions to Kore's endpoints, as a program asks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.gateway.sender import logs, traces

if TYPE_CHECKING:
    import httpx
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.serving import Served

__all__ = ["Kore", "error_of", "under"]


@dataclass(frozen=True, slots=True)
class Kore:
    """The endpoints of one project."""

    gateway: Served

    @property
    def base(self) -> str:
        """Where its sessions are."""
        return f"/api/projects/{quote(self.gateway.project, safe='')}/sessions"

    def get(self, path: str = "", **query: Any) -> httpx.Response:
        """Any answer."""
        return self.gateway.get(self.base + path, **query)

    def told(self, path: str = "", **query: Any) -> dict[str, Any]:
        """A good answer."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert told["success"] is True
        return told

    def events(self, session_id: str, **query: Any) -> list[dict[str, Any]]:
        """The events of a session."""
        found: list[dict[str, Any]] = self.told(f"/{quote(session_id, safe='')}/traces", **query)["traces"]
        return found

    def session(self, session_id: str) -> dict[str, Any]:
        """A session."""
        found: dict[str, Any] = self.told(f"/{quote(session_id, safe='')}")["session"]
        return found

    def keep(self, *spans: Span, resource: dict[str, Any] | None = None) -> None:
        """Store spans, and wait until lists show them."""
        assert self.gateway.send(traces(spans, resource)).status_code == 200
        assert self.gateway.engine.settle(60)

    def tell(self, *records: LogRecord) -> None:
        """Store what is told of sessions, likewise."""
        assert self.gateway.send(logs(records), signal="logs").status_code == 200
        assert self.gateway.engine.settle(60)


def under(**named: Any) -> dict[str, Any]:
    """Attributes; `__` in a name stands for a dot."""
    return {name.replace("__", "."): value for name, value in named.items()}


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that is an error, in the contract's envelope."""
    told = answer.json()
    assert set(told) <= {"success", "error", "retryAfterMs"}
    assert told["success"] is False
    assert set(told["error"]) == {"code", "message"}
    assert isinstance(told["error"]["message"], str)
    return answer.status_code, told["error"]["code"]
