"""Every setting of the SDK, and the one place where it reads the environment.

An argument of `init` beats its variable, the variable beats the default.

| argument | variable | default |
|---|---|---|
| `endpoint` | `SOJOURN_ENDPOINT` | the running gateway of this home, else the journal alone |
| `api_key` | `SOJOURN_API_KEY` | none |
| `inherited_session_id` | `SOJOURN_SESSION_ID` | a new session |
| - | `SOJOURN_HOME` | the platform's folder for data of the user |
| - | `SOJOURN_DISABLED` | off; `1` turns everything into no-ops |
| - | `SOJOURN_CAPTURE_CONTENT` | `full`; or `lengths`, `off` |
| - | `SOJOURN_SUMMARY` | `auto`: a summary at the end of a session on a terminal; or `on`, `off` |
| - | `SOJOURN_HOST_FACTS` | `on`; `off` records nothing of the machine |
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sojourn.content import Capture, parse_capture
from sojourn.home import Home
from sojourn.identity import SessionId, parse_session_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

__all__ = ["Settings"]

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one client, whole and checked."""

    home: Home
    endpoint: str | None = None
    """Base URL without a trailing slash; None: whatever gateway serves the home."""
    api_key: str | None = None
    inherited_session_id: SessionId | None = None
    disabled: bool = False
    capture: Capture = "full"
    summary: Literal["auto", "on", "off"] = "auto"
    host_facts: bool = True

    @classmethod
    def read(
        cls,
        *,
        api_key: str | None = None,
        endpoint: str | None = None,
        inherited_session_id: str | UUID | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Arguments and environment together. Raises ValueError or TypeError in words that say what to do."""
        inherited = inherited_session_id or environ.get("SOJOURN_SESSION_ID") or None
        return cls(
            home=Home.find(environ),
            endpoint=_parse_endpoint(endpoint or environ.get("SOJOURN_ENDPOINT")),
            api_key=api_key or environ.get("SOJOURN_API_KEY") or None,
            inherited_session_id=None if inherited is None else parse_session_id(inherited),
            disabled=_parse_switch("SOJOURN_DISABLED", environ.get("SOJOURN_DISABLED", "")),
            capture=parse_capture(environ.get("SOJOURN_CAPTURE_CONTENT") or "full"),
            summary=_parse_summary(environ.get("SOJOURN_SUMMARY") or "auto"),
            host_facts=_parse_switch("SOJOURN_HOST_FACTS", environ.get("SOJOURN_HOST_FACTS") or "on"),
        )

    @property
    def key_fingerprint(self) -> str | None:
        """What the journal may tell of the key."""
        return None if self.api_key is None else sha256(self.api_key.encode()).hexdigest()[:16]


def _parse_endpoint(given: str | None) -> str | None:
    if not given:
        return None
    url = given.strip().rstrip("/")
    # Some exporters' settings name the path as well; ours takes the base, and means the same.
    url = url.removesuffix("/v1/traces")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"endpoint is {given!r}; it must be a base URL like http://127.0.0.1:9418")
    return url


def _parse_switch(name: str, given: str) -> bool:
    text = given.strip().lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError(f"{name} is {given!r}; it must be 1 or 0")


def _parse_summary(given: str) -> Literal["auto", "on", "off"]:
    match given.strip().lower():
        case "auto":
            return "auto"
        case "on" | "1" | "true" | "yes":
            return "on"
        case "off" | "0" | "false" | "no":
            return "off"
        case _:
            raise ValueError(f"SOJOURN_SUMMARY is {given!r}; it must be auto, on or off")
