"""Whose session a request speaks of: the token says it when one writes, the path when one reads."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import UUID

from sojourn_gateway.apis.agentops.faults import bad_request
from sojourn_gateway.asgi.access import Unauthorized
from sojourn_gateway.ingest.agentops_events import Sender

if TYPE_CHECKING:
    from fastapi import Request

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["Writing", "find_session", "issue_session", "parse_session_id", "parse_writing", "present_url", "session_id"]

_AUDIENCE: Final = "agentops.session"
_LIFETIME_S: Final = 24 * 3600
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Writing:
    """What a session's token says."""

    project: str
    sender: Sender


def issue_session(serving: Services, session: str, init_timestamp: str) -> tuple[str, Sender]:
    """A session's token, and the process that it stands for: the same when the same process asks again."""
    process = sha256(f"{session}\n{init_timestamp}".encode()).hexdigest()[:32]
    token = serving.access.issue(
        serving.caller, audience=_AUDIENCE, lifetime_s=_LIFETIME_S, session_id=session, writer=process
    )
    return token, Sender(session, process)


def parse_writing(request: Request, serving: Services) -> Writing:
    """The session that the bearer of a request writes into. Raises `HttpFault`: 401 when its time is over, else 400."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise bad_request("Authorization header is missing")
    try:
        claims = serving.access.read_token(token.strip())
    except Unauthorized as fault:
        if fault.reason == "expired":
            raise
        raise bad_request("Invalid token") from None
    if claims.audience != _AUDIENCE or claims.project != serving.project:
        raise bad_request("Invalid token")
    return Writing(claims.project, Sender(str(claims.more["session_id"]), str(claims.more["writer"])))


def parse_session_id(text: str) -> str:
    """The id of a session to be written: a UUID, as this contract has them. Raises `HttpFault`."""
    try:
        return str(UUID(text))
    except ValueError:
        raise bad_request(f"Invalid session_id: {text[:80]!r} is no UUID") from None


def session_id(text: str) -> str:
    """How else the id of a session to be read may be spelled: a trace's, with dashes."""
    try:
        return UUID(text).hex
    except ValueError:
        return ""


def find_session(serving: Services, text: str) -> SessionSummary:
    """The session of this id, or the trace that is one by itself. Raises `HttpFault` as the contract has it."""
    if 0 < len(text) <= _LONGEST:
        for spelled in dict.fromkeys((text, session_id(text))):
            found = serving.queries.session_summary(serving.project, spelled) if spelled else None
            if found is not None:
                return found
    raise bad_request("Session does not belong to this project")


def present_url(request: Request, session: str) -> str:
    """Where a person sees the session."""
    return f"{request.base_url}sessions/{quote(session, safe='')}"
