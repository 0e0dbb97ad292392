"""What anybody can send: spans and logs under every name that the gateway looks for, with whatever value.

The names are read out of the gateway's own sources, so that one which is added there is tried as well.
"""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import sojourn.semconv
import sojourn_gateway
from sojourn_gateway.ingest.agentuity_runs import evaluation_span_id, request_span_id
from tests.gateway.sender import T0, any_value, key_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

__all__ = ["RUN", "SESSIONS", "SPANS", "TRACES", "attributes", "logged", "spoken"]

TRACES = (b"a trace by hand.", b"another by hand.")
SESSIONS = ("thrd_1", "a/b c", TRACES[1].hex())
RUN = "evalrun_1"
SPANS = (b"span-one", b"span-two", *(request_span_id(f"sess_{one.hex()}") for one in TRACES), evaluation_span_id(RUN))
"""The last are those of requests and of an evaluation that are told by hand: anybody can compute them."""

_NAME = re.compile(r"[@a-z][\w@-]*([./][\w-]+)+\.?")
_WORD = re.compile(r"[a-z][A-Za-z_]{1,18}")
_FILES = (".py", ".html", ".json", ".js", ".css", ".proto", ".xml")
_TEXTS = (
    "",
    "null",
    "NaN",
    "[" * 300,
    '{"a": [',
    "\x00\x1b[31m\n",
    "../..//%2e",
    "=cmd|' /C calc'!A0",
    "unknown",
    "x" * 600,
    "http://[zz]/:x?\\",
    "-1",
    "1e999",
    "true",
    "2026-13-01T99:00:00Z",
    "agentid_x",
    "\\ud800",
    '[{"role": 1, "content": {"text": []}, "parts": [null, {"type": "text"}]}]',
    '{"id": 7, "metadata": [], "timestamp": "now", "statusCode": "x", "agentIds": {"a": 1}, "url": null}',
)
_NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, -(2**63))
_TIMES = (0, 1, T0, T0 + 5, T0 + 10**9, 2**63, 2**64 - 1)
_SEVERITIES: tuple[Any, ...] = (0, 1, 9, 17, 24)
_KINDS: tuple[Any, ...] = (0, 1, 2, 3)
_CODES: tuple[Any, ...] = (0, 1, 2)


@cache
def _literals() -> frozenset[str]:
    files = [*Path(sojourn_gateway.__file__).parent.rglob("*.py"), Path(sojourn.semconv.__file__)]
    return frozenset(one for path in files for one in _texts_in(ast.parse(path.read_text("utf-8"))))


def _texts_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _names() -> list[str]:
    """Whatever looks like the name of an attribute, or like the beginning of some."""
    found = {one for one in _literals() if _NAME.fullmatch(one) and not one.endswith(_FILES)}
    return sorted(f"{one}0.content" if one.endswith(".") else one for one in found)


@cache
def _words() -> list[str]:
    """Whatever may be a member of an object, or a value that is known."""
    return sorted(one for one in _literals() if _WORD.fullmatch(one))


def _json() -> SearchStrategy[Any]:
    plain = st.sampled_from([None, True, *_TEXTS[:6], *_NUMBERS, 0.5]) | st.sampled_from(_words())
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_words()), inner, max_size=4),
        max_leaves=6,
    )


def _values() -> SearchStrategy[Any]:
    odd = st.sampled_from([float("nan"), float("inf"), -0.5, b"\xff\x00", None, True, False])
    words = st.sampled_from(_words()) | st.sampled_from(SESSIONS)
    return st.one_of(st.sampled_from(_TEXTS), words, st.sampled_from(_NUMBERS), odd, _json().map(json.dumps), _json())


def attributes(most: int = 12) -> SearchStrategy[dict[str, Any]]:
    """Attributes of a span, of a log record or of a resource."""
    return st.dictionaries(st.sampled_from(_names()), _values(), max_size=most)


@st.composite
def spoken(draw: st.DrawFn) -> Span:
    """A span of one of `TRACES` under any parent, itself included."""
    told = Span(
        trace_id=draw(st.sampled_from(TRACES)),
        span_id=draw(st.sampled_from(SPANS)),
        parent_span_id=draw(st.sampled_from((b"", b"", *SPANS))),
        name=draw(st.sampled_from((*_TEXTS, "Session End", "chat", "agent.run"))),
        kind=draw(st.sampled_from(_KINDS)),
        start_time_unix_nano=draw(st.sampled_from(_TIMES)),
        end_time_unix_nano=draw(st.sampled_from(_TIMES)),
        attributes=key_values(draw(attributes())),
        status=Status(code=draw(st.sampled_from(_CODES)), message=draw(st.sampled_from(_TEXTS))),
    )
    for name in draw(st.lists(st.sampled_from((*_names(), "exception", "gen_ai.choice")), max_size=2)):
        told.events.add(name=name, time_unix_nano=draw(st.sampled_from(_TIMES))).attributes.extend(
            key_values(draw(attributes(4)))
        )
    return told


@st.composite
def logged(draw: st.DrawFn) -> LogRecord:
    """A log record, as a rule one that tells a fact of a session."""
    return LogRecord(
        event_name=draw(
            st.sampled_from(("", "session.start", "session.end", *(one for one in _names() if "session" in one)))
        ),
        time_unix_nano=draw(st.sampled_from(_TIMES)),
        severity_number=draw(st.sampled_from(_SEVERITIES)),
        severity_text=draw(st.sampled_from(_TEXTS)),
        trace_id=draw(st.sampled_from((b"", *TRACES))),
        span_id=draw(st.sampled_from((b"", *SPANS))),
        body=any_value(draw(_values())),
        attributes=key_values({"session.id": draw(st.sampled_from(SESSIONS))} | draw(attributes(6))),
    )
