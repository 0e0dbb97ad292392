"""Every setting of the SDK, and the one place where it reads the environment.

An argument of `init` beats its variable, the variable beats the default.

| argument | variable | default |
|---|---|---|
| `endpoint` | `SOJOURN_ENDPOINT` | the running gateway of this home, else the journal alone |
| `api_key` | `SOJOURN_API_KEY` | none |
| `inherited_session_id` | `SOJOURN_SESSION_ID` | a new session |
| `instrument` | `SOJOURN_INSTRUMENT` | `on`: every library that can be observed; or names, or `off` |
| `sample_rate` | `SOJOURN_SAMPLE_RATE` | `1`: every session; `0.1` records one in ten, chosen by its id |
| `capture_logs` | `SOJOURN_CAPTURE_LOGS` | `off`; `on`, or the lowest level that becomes part of the session |
| `redact` | - | none; functions that every recorded text passes |
| `max_cost`, `max_tokens`, `max_calls` | - | no limit, for each session |
| `on_limit` | - | `raise`; or `warn`, or a function |
| - | `SOJOURN_HOME` | the platform's folder for data of the user |
| - | `SOJOURN_JOURNAL_LIMIT` | `1GB` for the whole journal folder; beyond it the oldest that nobody has taken goes |
| - | `SOJOURN_DISABLED` | off; `1` turns everything into no-ops |
| - | `SOJOURN_CAPTURE_CONTENT` | `full`; or `lengths`, `off` |
| - | `SOJOURN_SUMMARY` | `auto`: a summary at the end of a session on a terminal; or `on`, `off` |
| - | `SOJOURN_HOST_FACTS` | `on`; `off` records nothing of the machine |

Proxies are those of the platform (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`); none is used on this machine.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sojourn.content import Capture, parse_capture
from sojourn.home import Home
from sojourn.identity import SessionId, parse_session_id
from sojourn.limits import LimitOptions, Limits, parse_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from uuid import UUID

__all__ = ["Options", "Settings", "find_proxy"]

_LEAST_BYTES = 1_000_000
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


class Options(LimitOptions, total=False):
    """What `init` takes beside its plain arguments; see the table above. None: what the environment says."""

    instrument: bool | str | Iterable[str] | None
    sample_rate: float | None
    capture_logs: bool | int | str | None
    redact: Callable[[str], str] | Iterable[Callable[[str], str]] | None


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
    journal_limit: int = 1_000_000_000
    """Bytes that the journal folder may take."""
    instrument: frozenset[str] | None = None
    """The libraries to observe; None: all that can be."""
    sample_rate: float = 1.0
    capture_logs: int | None = None
    """The lowest level of `logging` that is recorded; None: no log lines."""
    redact: tuple[Callable[[str], str], ...] = ()
    limits: Limits | None = None

    @classmethod
    def read(
        cls,
        *,
        api_key: str | None = None,
        endpoint: str | None = None,
        inherited_session_id: str | UUID | None = None,
        options: Options | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Arguments and environment together. Raises ValueError or TypeError in words that say what to do."""
        given = options or Options()
        if unknown := given.keys() - Options.__annotations__.keys():
            words = (
                f"init() knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(Options.__annotations__))}"
            )
            raise TypeError(words)
        inherited = inherited_session_id or environ.get("SOJOURN_SESSION_ID") or None
        return cls(
            home=Home.find(environ),
            endpoint=_parse_endpoint(endpoint or environ.get("SOJOURN_ENDPOINT")),
            api_key=api_key or environ.get("SOJOURN_API_KEY") or None,
            inherited_session_id=None if inherited is None else parse_session_id(inherited),
            disabled=_parse_switch("SOJOURN_DISABLED", environ.get("SOJOURN_DISABLED", "")),
            capture=parse_capture(environ.get("SOJOURN_CAPTURE_CONTENT") or "full"),
            summary=_parse_summary(environ.get("SOJOURN_SUMMARY") or "auto"),
            journal_limit=_parse_bytes("SOJOURN_JOURNAL_LIMIT", environ.get("SOJOURN_JOURNAL_LIMIT") or "1GB"),
            host_facts=_parse_switch("SOJOURN_HOST_FACTS", environ.get("SOJOURN_HOST_FACTS") or "on"),
            instrument=_parse_instrument(_chosen(given.get("instrument"), environ.get("SOJOURN_INSTRUMENT"), "on")),
            sample_rate=_parse_rate(_chosen(given.get("sample_rate"), environ.get("SOJOURN_SAMPLE_RATE"), 1.0)),
            capture_logs=_parse_level(_chosen(given.get("capture_logs"), environ.get("SOJOURN_CAPTURE_LOGS"), "off")),
            redact=_parse_redactors(given.get("redact")),
            limits=parse_limits(
                max_cost=given.get("max_cost"),
                max_tokens=given.get("max_tokens"),
                max_calls=given.get("max_calls"),
                on_limit=given.get("on_limit"),
            ),
        )

    @property
    def key_fingerprint(self) -> str | None:
        """What the journal may tell of the key."""
        return None if self.api_key is None else sha256(self.api_key.encode()).hexdigest()[:16]


def find_proxy(url: str) -> str | None:
    """The proxy that the environment, or the platform, wants for this URL."""
    # Costs some 20 ms, and is needed only to leave this machine.
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _parse_bytes(name: str, given: str) -> int:
    matched = re.fullmatch(r"(\d+)\s*([kmg]?)b?", given.strip().lower())
    found = int(matched[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[matched[2]] if matched else 0
    if found < _LEAST_BYTES:
        raise ValueError(f"{name} is {given!r}; it must be a size like 500MB, of at least 1MB")
    return found


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


def _chosen(argument: object, variable: str | None, default: object) -> object:
    return argument if argument is not None else variable or default


def _parse_instrument(given: object) -> frozenset[str] | None:
    if isinstance(given, str):
        text = given.strip().lower()
        if text in _YES:
            return None
        given = () if text in _NO else text.split(",")
    if isinstance(given, bool):
        return None if given else frozenset()
    try:
        names: list[object] = list(given)  # type: ignore[call-overload]  # callers may be untyped
    except TypeError:
        raise TypeError(f"instrument must be a list of names, True or False, not {type(given).__name__}") from None
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"instrument must name libraries by text, not {type(wrong[0]).__name__}")
    return frozenset(str(name).strip() for name in names if str(name).strip())


def _parse_rate(given: object) -> float:
    words = f"sample_rate is {given!r}; it must be a number from 0 to 1"
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise TypeError(words)
    try:
        rate = float(given)
    except ValueError:
        raise ValueError(words) from None
    if not 0 <= rate <= 1:
        raise ValueError(words)
    return rate


def _parse_level(given: object) -> int | None:
    if given is True:
        return logging.NOTSET
    if given is False:
        return None
    if isinstance(given, int):
        return given
    if isinstance(given, str):
        text = given.strip()
        if text.lower() in _NO:
            return None
        if text.lower() in _YES - {"1"}:
            return logging.NOTSET
        if text.isdigit():
            return logging.NOTSET if text == "1" else int(text)
        level = logging.getLevelNamesMapping().get(text.upper())
        if level is not None:
            return level
    raise ValueError(f"capture_logs is {given!r}; it must be True, False or a level of logging such as 'INFO'")


def _parse_redactors(
    given: Callable[[str], str] | Iterable[Callable[[str], str]] | None,
) -> tuple[Callable[[str], str], ...]:
    if given is None:
        return ()
    try:
        functions = (given,) if callable(given) else tuple(given)
    except TypeError:
        raise TypeError(f"redact must be a list of functions, not {type(given).__name__}") from None
    for function in functions:
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise TypeError(f"redact must be functions that take a text and return a text, not {function!r}")
    return functions


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
