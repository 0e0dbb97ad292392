"""The wire of Agentuity by hand, so that a test says exactly what is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from openapi_schema_validator import OAS31Validator
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from sojourn_gateway.apis.agentuity.openapi import document
from tests.gateway.sender import event
from tests.waiting import until

if TYPE_CHECKING:
    import httpx

    from tests.gateway.serving import Served

__all__ = ["AT_MS", "Runtime", "line", "session_id"]

AT_MS = 1_790_000_000_123


def session_id() -> str:
    """A fresh one, as the runtime makes them: of the id of a trace."""
    return f"sess_{uuid4().hex}"


def line(
    words: str,
    trace: bytes,
    *,
    at_s: float = 1,
    severity: SeverityNumber.ValueType = SeverityNumber.SEVERITY_NUMBER_WARN,
    level: str = "",
) -> LogRecord:
    """A line of a log, written while a request was served."""
    record = event("", "thrd_1", at_s=at_s)
    record.trace_id = trace
    record.severity_number = severity
    record.severity_text = level
    record.body.string_value = words
    return record


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that tells of what it serves, and a reader of that."""

    gateway: Served
    base: str = ""

    def begin(self, own_id: str, *, at_ms: int = AT_MS, **more: Any) -> None:
        """A request begins."""
        body = {
            "id": own_id,
            "orgId": "org_1",
            "projectId": "proj_1",
            "routeId": "route_1",
            "environment": "production",
            "url": "/forecast",
            "method": "POST",
            "devmode": False,
            "trigger": "api",
            "timestamp": at_ms,
            **more,
        }
        self.write("POST", "/session", {key: value for key, value in body.items() if value is not None})

    def done(self, own_id: str, *, at_ms: int = AT_MS + 1500, **more: Any) -> None:
        """It was answered."""
        self.write("PUT", "/session", {"id": own_id, "threadId": None, "statusCode": 200, "timestamp": at_ms, **more})

    def serve(self, *, lasts_ms: int = 1500, at_ms: int = AT_MS, **more: Any) -> str:
        """A whole request; its id."""
        own_id = session_id()
        done = {key: more.pop(key) for key in ("statusCode", "error", "agentIds", "userData") if key in more}
        self.begin(own_id, at_ms=at_ms, **more)
        thread = {"threadId": more["threadId"]} if "threadId" in more else {}
        self.done(own_id, at_ms=at_ms + lasts_ms, **thread, **done)
        return own_id

    def write(self, method: str, path: str, body: Any) -> None:
        """See that it was taken; as long as the gateway says that it is behind, as on a busy machine, tell it again."""

        def told() -> httpx.Response | None:
            given = self.gateway.client.request(method, self.base + path, json=body)
            return None if given.status_code == 503 else given

        answer = until(told)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"success": True}

    def data(self, path: str, **query: Any) -> Any:
        """What a good answer holds."""
        assert self.gateway.engine.settle(60)
        answer = self.gateway.get(self.base + path, **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()
        _check(path, told)
        return told["data"]

    def sessions(self, **query: Any) -> list[str]:
        """The ids of a list."""
        return [one["id"] for one in self.data("/session", **query)]

    def refused(self, status: int, code: str, path: str, method: str = "GET", **more: Any) -> str:
        """The message of a refusal in the contract's envelope."""
        answer = self.gateway.client.request(method, self.base + path, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()
        assert set(told) == {"success", "code", "message"}, told
        assert (told["success"], told["code"]) == (False, code)
        return str(told["message"])


def _check(path: str, told: Any) -> None:
    """That an answer is as the document says."""
    whole = document()
    found = next(one for one in whole["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path))
    schema = whole["paths"][found]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    OAS31Validator({"components": whole["components"], **schema}).validate(told)
