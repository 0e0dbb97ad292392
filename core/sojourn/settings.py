"""Every setting of the SDK, and the one place where it reads the environment.

An argument of `init` beats its variable, the variable beats the default.

| argument | variable | default |
|---|---|---|
| `endpoint` | `SOJOURN_ENDPOINT` | the running gateway of this home, else the journal alone |
| `api_key` | `SOJOURN_API_KEY` | none |
| `inherited_session_id` | `SOJOURN_SESSION_ID`, else `session.id` in `BAGGAGE` | a new session |
| - | `user.id` in `BAGGAGE` | none; the user of the spans of this process that no scope gives another |
| - | `TRACEPARENT`, `TRACESTATE` | none; the span that the first steps of this process hang below |
| `instrument` | `SOJOURN_INSTRUMENT` | `on`: every library that can be observed; or names, or `off` |
| `sample_rate` | `SOJOURN_SAMPLE_RATE` | `1`: every session; `0.1` records one in ten, chosen by its id |
| `capture_logs` | `SOJOURN_CAPTURE_LOGS` | `off`; `on`, or the lowest level that becomes part of the session |
| `redact` | - | none; functions that every recorded text passes |
| `global_provider` | - | `False`; `True` records every OpenTelemetry span of a program that sets no provider |
| `max_cost`, `max_tokens`, `max_calls` | - | no limit, for each session |
| `on_limit` | - | `raise`; or `warn`, or a function |
| - | `SOJOURN_HOME` | the platform's folder for data of the user |
| - | `SOJOURN_JOURNAL_LIMIT` | `1GB` for the whole journal folder; beyond it the oldest that nobody has taken goes |
| - | `SOJOURN_PRICES` | none; a file with prices of your own, which SDK and gateway read alike |
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
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from sojourn.arguments import demand_flag
from sojourn.content import Capture, parse_capture
from sojourn.home import Home
from sojourn.identity import SessionId, parse_session_id
from sojourn.limits import LimitOptions, Limits, parse_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from uuid import UUID

    from sojourn.w3c import Carried, Remote

__all__ = ["SESSION_VARIABLE", "Options", "Settings", "find_proxy", "own_environment"]

SESSION_VARIABLE: Final = "SOJOURN_SESSION_ID"
_CARRYING: Final = ("baggage", "traceparent", "tracestate")
_LEAST_BYTES = 1_000_000
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


class Options(LimitOptions, total=False):
    """What `init` takes beside its plain arguments; see the table above. None: what the environment says."""

    instrument: bool | str | Iterable[str] | None
    sample_rate: float | None
    capture_logs: bool | int | str | None
    redact: Callable[[str], str] | Iterable[Callable[[str], str]] | None
    global_provider: bool | None


class Settings(NamedTuple):
    """The settings of one client, whole and checked."""

    home: Home
    endpoint: str | None = None
    """Base URL without a trailing slash; None: whatever gateway serves the home."""
    api_key: str | None = None
    inherited_session_id: SessionId | None = None
    user_id: str | None = None
    """The user for whom this process was started."""
    parent: Remote | None = None
    """The span of the process that started this one."""
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
    global_provider: bool = False
    """Whether to set OpenTelemetry's global provider, where the program has none."""
    limits: Limits | None = None
    prices: Path | None = None
    """A file with prices of the user's own."""

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
        carried = _carried(environ)
        inherited = inherited_session_id or environ.get(SESSION_VARIABLE) or (carried and carried.session_id)
        return cls(
            home=Home.find(environ),
            endpoint=_parse_endpoint(endpoint or environ.get("SOJOURN_ENDPOINT")),
            api_key=_parse_key(api_key or environ.get("SOJOURN_API_KEY")),
            inherited_session_id=None if inherited is None else parse_session_id(inherited),
            user_id=carried and carried.user_id,
            parent=carried and carried.parent,
            disabled=_parse_switch("SOJOURN_DISABLED", environ.get("SOJOURN_DISABLED", "")),
            capture=parse_capture(environ.get("SOJOURN_CAPTURE_CONTENT") or "full"),
            summary=_parse_summary(environ.get("SOJOURN_SUMMARY") or "auto"),
            journal_limit=_parse_bytes("SOJOURN_JOURNAL_LIMIT", environ.get("SOJOURN_JOURNAL_LIMIT") or "1GB"),
            host_facts=_parse_switch("SOJOURN_HOST_FACTS", environ.get("SOJOURN_HOST_FACTS") or "on"),
            instrument=_parse_instrument(_chosen(given.get("instrument"), environ.get("SOJOURN_INSTRUMENT"), "on")),
            sample_rate=_parse_rate(_chosen(given.get("sample_rate"), environ.get("SOJOURN_SAMPLE_RATE"), 1.0)),
            capture_logs=_parse_level(_chosen(given.get("capture_logs"), environ.get("SOJOURN_CAPTURE_LOGS"), "off")),
            redact=_parse_redactors(given.get("redact")),
            global_provider=_parse_flag("global_provider", given.get("global_provider")),
            limits=parse_limits(
                max_cost=given.get("max_cost"),
                max_tokens=given.get("max_tokens"),
                max_calls=given.get("max_calls"),
                on_limit=given.get("on_limit"),
            ),
            prices=_path(prices) if (prices := environ.get("SOJOURN_PRICES")) else None,
        )

    @property
    def key_fingerprint(self) -> str | None:
        """What the journal may tell of the key."""
        if self.api_key is None:
            return None
        # Costs some milliseconds, and most programs have no key.
        from hashlib import sha256

        return sha256(self.api_key.encode()).hexdigest()[:16]


def find_proxy(url: str) -> str | None:
    """The proxy that the environment, or the platform, wants for this URL."""
    # Costs some 20 ms, and is needed only to leave this machine.
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def own_environment() -> dict[str, str]:
    """A copy of this process's environment."""
    return dict(os.environ)


def _carried(environ: Mapping[str, str]) -> Carried | None:
    # The names are those that OpenTelemetry gives to environments; some tools write them as headers are written.
    told = [environ.get(name.upper()) or environ.get(name, "") for name in _CARRYING]
    if not any(told):
        return None
    # Costs two milliseconds, and most programs are started by nobody who speaks of it.
    from sojourn.w3c import parsed

    return parsed(*told)


def _parse_bytes(name: str, given: str) -> int:
    # By hand: a regular expression costs a millisecond to make, at the start of every program.
    text = given.strip().lower().removesuffix("b")
    number = text.rstrip("kmg").rstrip()
    unit = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}.get(text[len(number) :].lstrip())
    found = int(number) * unit if unit is not None and number.isascii() and number.isdigit() else 0
    if found < _LEAST_BYTES:
        raise ValueError(f"{name} is {given!r}; it must be a size like 500MB, of at least 1MB")
    return found


def _parse_endpoint(given: str | None) -> str | None:
    if not given:
        return None
    url = given.strip().rstrip("/")
    # Some exporters' settings name the path as well; ours takes the base, and means the same.
    url = url.removesuffix("/v1/traces")
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is none
        known = False
    else:
        if known and "@" in parts.netloc:
            # Not quoted, since it is a secret.
            raise ValueError("endpoint holds a user name or password, which nobody is sent; give the key as api_key")
    if not known:
        told = repr(given) if "@" not in given else "not understood"
        raise ValueError(f"endpoint is {told}; it must be a base URL like http://127.0.0.1:9418")
    return url


def _parse_key(given: str | None) -> str | None:
    # Files that hold a key end with a line feed.
    key = (given or "").strip()
    if not (key.isascii() and key.isprintable()):
        # Not quoted, since it is a secret.
        raise ValueError("api_key holds characters that no key has: line feeds within it, or others than ASCII")
    return key or None


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


def _path(given: str) -> Path:
    path = Path(given)
    try:
        return path.expanduser().absolute()
    except (OSError, RuntimeError):  # a home that nobody knows, a folder that is gone: then there is no such file
        return path


def _parse_flag(name: str, given: bool | None) -> bool:
    demand_flag(name, given)
    return bool(given)


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
