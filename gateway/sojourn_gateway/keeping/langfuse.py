"""Langfuse's records: traces, observations and scores, as its API, its pages and its exports to a bucket write them.

A trace is no span there; here it becomes the root span of its trace, which bears its name, its input and output, its
session, user and tags. Observations without a parent hang below it. Names of members come in two spellings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sojourn import semconv
from sojourn_gateway.ingest.agentops_rows import as_text, items_of
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.keeping.made import (
    Made,
    hex_span_id,
    hex_trace_id,
    moment_ns,
    number,
    span_id,
    text,
    trace_id,
)
from sojourn_gateway.model.faults import Malformed
from sojourn_gateway.model.score import Score

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sojourn_gateway.model.score import Graded

__all__ = ["RESOURCE", "is_observation", "is_score", "is_trace", "make_observation", "make_score", "make_trace"]

Told = dict[str, Any]

RESOURCE: Final = {semconv.SERVICE_NAME: "langfuse"}

_GENERATION: Final = frozenset({"GENERATION"})
_OPERATIONS: Final = {
    "GENERATION": semconv.CHAT,
    "EMBEDDING": semconv.EMBEDDINGS,
    "TOOL": semconv.EXECUTE_TOOL,
    "AGENT": semconv.INVOKE_AGENT,
    "RETRIEVER": semconv.RETRIEVAL,
}
_KINDS: Final = {"CHAIN": "chain", "EVALUATOR": "evaluator", "GUARDRAIL": "guardrail"}
_SETTINGS: Final = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "maxTokens": semconv.REQUEST_MAX_TOKENS,
    "max_completion_tokens": semconv.REQUEST_MAX_TOKENS,
    "seed": semconv.REQUEST_SEED,
}
_CACHE_READ: Final = frozenset(
    {"input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cached_content_token_count"}
)
_CACHE_WRITE: Final = frozenset(
    {"cache_creation_input_tokens", "input_cache_creation", "cache_write_input_tokens", "input_cache_write"}
)
_MOST_TOKENS: Final = 10**12
_NO_SCORES: Final = frozenset(
    {
        "input",
        "output",
        "metadata",
        "tags",
        "observations",
        "scores",
        "comments",
        "traceTags",
        "toolCalls",
        "toolCallNames",
        "toolDefinitions",
    }
)
"""Lists that are none: in the tables of its pages every other list of a row is a column of scores."""
_LONGEST_NAME: Final = 256


def is_trace(told: Mapping[str, Any]) -> bool:
    """Whether it is a trace."""
    return "id" in told and "timestamp" in told and "name" in told and "value" not in told and "stringValue" not in told


def is_observation(told: Mapping[str, Any]) -> bool:
    """Whether it is an observation."""
    return "id" in told and ("startTime" in told or "start_time" in told) and ("traceId" in told or "trace_id" in told)


def is_score(told: Mapping[str, Any]) -> bool:
    """Whether it is a score."""
    return (
        "name" in told
        and ("value" in told or "stringValue" in told or "string_value" in told)
        and any(name in told for name in ("traceId", "trace_id", "sessionId", "session_id", "observationId", "subject"))
    )


def make_trace(told: Told, made: Made) -> None:
    """The root span of a trace. Raises `Malformed`."""
    own = _needed(told, "id")
    start_ns = moment_ns(told, "timestamp")
    if start_ns is None:
        raise Malformed("a trace without `timestamp`")
    lasts = number(told.get("latency")) or 0.0
    name = text(told, "name") or "trace"
    said: Told = {
        semconv.KIND: "trace",
        semconv.TRACE_NAME: name,
        semconv.SESSION_ID: text(told, "sessionId", "session_id") or None,
        semconv.USER_ID: text(told, "userId", "user_id") or None,
        semconv.TAGS: _tags(told.get("tags")),
        semconv.STEP_VERSION: text(told, "version") or None,
        semconv.INPUT: _kept(told.get("input")),
        semconv.OUTPUT: _kept(told.get("output")),
        **_metadata(told.get("metadata")),
        **_own_id("langfuse_trace_id", own, hex_trace_id(own)),
    }
    for member in ("release", "environment"):
        if value := text(told, member):
            said.setdefault(f"{semconv.METADATA_PREFIX}{member}", value)
    made.add_span(
        Span(
            trace_id=trace_id(own),
            span_id=_root_id(own),
            name=name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + round(max(0.0, min(lasts, 1e6)) * 1e9),
            attributes=encode_attributes(said),
        )
    )
    made.add_scores(_columns(told, "trace", hex_trace_id(own), start_ns))


def make_observation(told: Told, made: Made, trace: Mapping[str, Any] | None = None) -> None:
    """The span of an observation; `trace` is the trace that it stands in. Raises `Malformed`."""
    own = _needed(told, "id")
    in_trace = text(told, "traceId", "trace_id") or text(trace or {}, "id")
    if not in_trace:
        raise Malformed("an observation without `traceId`")
    start_ns = moment_ns(told, "startTime", "start_time")
    if start_ns is None:
        raise Malformed("an observation without `startTime`")
    end_ns = moment_ns(told, "endTime", "end_time") or start_ns
    kind = text(told, "type").upper()
    parent = text(told, "parentObservationId", "parent_observation_id")
    name = text(told, "name") or kind.lower() or "span"
    made.add_span(
        Span(
            trace_id=trace_id(in_trace),
            span_id=span_id(own),
            parent_span_id=span_id(parent) if parent else _root_id(in_trace),
            name=name,
            kind=Span.SPAN_KIND_CLIENT if kind in ("GENERATION", "EMBEDDING") else Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=max(start_ns, end_ns),
            status=_status(told),
            attributes=encode_attributes(_observed(told, kind, name, own, in_trace, start_ns)),
        )
    )
    made.add_scores(_columns(told, "span", hex_span_id(own), start_ns))


def make_score(told: Told, made: Made) -> None:
    """A score. Raises `Malformed` for one of something that is not kept here."""
    kind, resource = _graded(told)
    name = text(told, "name")
    if not name:
        raise Malformed("a score without `name`")
    created_ns = moment_ns(told, "timestamp", "createdAt", "created_at")
    if created_ns is None:
        raise Malformed("a score without `timestamp`")
    value: Any = told.get("value")
    label = text(told, "stringValue", "string_value")
    if isinstance(value, str) and number(value) is None:
        label, value = label or as_text(value), None
    found = 1.0 if value is True else 0.0 if value is False else number(value)
    if found is None and not label:
        raise Malformed("a score without `value`")
    own = text(told, "id")
    score = Score(
        id=own if own and len(own) <= _LONGEST_NAME else _hashed(f"{kind} {resource} {name} {created_ns} {own}"),
        resource_id=resource,
        kind=kind,
        name=name[:_LONGEST_NAME],
        score=found or 0.0,
        label=label,
        reason=text(told, "comment"),
        source=text(told, "source").lower() or "api",
        user_id=text(told, "authorUserId", "author_user_id"),
        created_ns=created_ns,
    )
    made.add_scores((score,))


def _observed(told: Told, kind: str, name: str, own: str, in_trace: str, start_ns: int) -> Told:
    said: Told = {
        semconv.OPERATION: _OPERATIONS.get(kind),
        semconv.KIND: _KINDS.get(kind),
        semconv.SESSION_ID: text(told, "sessionId", "session_id") or None,
        semconv.USER_ID: text(told, "userId", "user_id") or None,
        semconv.STEP_VERSION: text(told, "version") or None,
        **_metadata(told.get("metadata")),
        **_own_id("langfuse_id", own, hex_span_id(own)),
        **_own_id("langfuse_trace_id", in_trace, hex_trace_id(in_trace)),
    }
    if kind == "TOOL":
        said |= {semconv.TOOL_NAME: name, **_content(told, semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT)}
    elif kind in _GENERATION:
        said |= {
            semconv.INPUT_MESSAGES: _messages(told.get("input"), "user"),
            semconv.OUTPUT_MESSAGES: _messages(told.get("output"), "assistant"),
        }
    else:
        if kind == "AGENT":
            said[semconv.AGENT_NAME] = name
        said |= _content(told, semconv.INPUT, semconv.OUTPUT)
    said |= _of_model(told, start_ns)
    if not text(told, "parentObservationId", "parent_observation_id"):
        # Where a row stands for itself, it alone tells of its trace.
        said[semconv.TRACE_NAME] = text(told, "traceName", "trace_name") or None
        said[semconv.TAGS] = _tags(told.get("traceTags", told.get("tags")))
    level, words = text(told, "level").upper(), text(told, "statusMessage", "status_message")
    if level in ("WARNING", "DEBUG"):
        said[f"{semconv.METADATA_PREFIX}level"] = level
    if words and level != "ERROR":
        said[f"{semconv.METADATA_PREFIX}status_message"] = words
    if environment := text(told, "environment"):
        said.setdefault(f"{semconv.METADATA_PREFIX}environment", environment)
    return said


def _of_model(told: Told, start_ns: int) -> Told:
    """Model, settings, usage, cost and the prompt that was used."""
    said: Told = {}
    if model := text(told, "model", "providedModelName", "provided_model_name"):
        said |= {semconv.REQUEST_MODEL: model, semconv.RESPONSE_MODEL: model}
    for name, value in _object(told.get("modelParameters", told.get("model_parameters"))).items():
        key = _SETTINGS.get(name)
        amount = number(value)
        if key and amount is not None:
            said[key] = int(amount) if amount.is_integer() and "temperature" not in name else amount
        elif value is not None:
            said[f"{semconv.METADATA_PREFIX}model_parameters.{name}"] = as_text(value)
    said |= _usage(told)
    cost = _cost(told)
    if cost is not None:
        said[semconv.USAGE_COST] = cost
    first_ns = moment_ns(told, "completionStartTime", "completion_start_time")
    if first_ns is not None and first_ns >= start_ns:
        said[semconv.RESPONSE_TIME_TO_FIRST_CHUNK] = (first_ns - start_ns) / 1e9
    if prompt := text(told, "promptName", "prompt_name"):
        said |= {semconv.GEN_AI_PROMPT_NAME: prompt, semconv.PROMPT_NAME: prompt}
        said[semconv.GEN_AI_PROMPT_VERSION] = text(told, "promptVersion", "prompt_version") or None
    return said


@dataclass(slots=True)
class _Tokens:
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


def _usage(told: Told) -> Told:
    """Tokens. The details are disjoint there: what is cached is not among `input`, as it is here."""
    details = _object(told.get("usageDetails", told.get("usage_details")))
    counted = {name: whole for name, value in details.items() if (whole := _whole(value)) is not None}
    if not counted:
        return _plain_usage(told)
    sums = _Tokens()
    for name, value in counted.items():
        if name in _CACHE_READ:
            sums.cache_read += value
        elif name in _CACHE_WRITE:
            sums.cache_write += value
        elif "reasoning" in name:
            sums.reasoning += value
        # Sums of them, which are not among them.
        if name in ("total", "totalTokens", "total_tokens"):
            continue
        if "output" in name or "completion" in name or "reasoning" in name:
            sums.output += value
        elif "input" in name or "prompt" in name or "cache" in name:
            sums.input += value
    asked, replied = counted.get("input", 0), counted.get("output", 0)
    if counted.get("total") == asked + replied:
        # Of a program that told its own counts, where the details are parts of them.
        sums.input, sums.output = asked, replied
    return _tokens(sums)


def _plain_usage(told: Told) -> Told:
    usage = _object(told.get("usage"))
    asked = _first(usage.get("input"), usage.get("promptTokens"), told.get("inputUsage"), told.get("promptTokens"))
    replied = _first(
        usage.get("output"), usage.get("completionTokens"), told.get("outputUsage"), told.get("completionTokens")
    )
    if asked is None and replied is None:
        asked = _first(usage.get("total"), usage.get("totalTokens"), told.get("totalUsage"))
    return _tokens(_Tokens(input=asked or 0, output=replied or 0))


def _tokens(sums: _Tokens) -> Told:
    said = {
        semconv.USAGE_INPUT_TOKENS: sums.input,
        semconv.USAGE_OUTPUT_TOKENS: sums.output,
        semconv.USAGE_CACHE_READ_TOKENS: sums.cache_read,
        semconv.USAGE_CACHE_WRITE_TOKENS: sums.cache_write,
        semconv.USAGE_REASONING_TOKENS: sums.reasoning,
    }
    return {name: count for name, count in said.items() if count}


def _cost(told: Told) -> float | None:
    """What it cost; nought says there also that nobody knows, and is left to the table of prices."""
    details = _object(told.get("costDetails", told.get("cost_details")))
    total = number(details.get("total"))
    if total is None and details:
        parts = [amount for value in details.values() if (amount := number(value)) is not None]
        total = sum(parts) if parts else None
    for value in (told.get("calculatedTotalCost"), told.get("totalCost"), told.get("total_cost")):
        total = total or number(value)
    total = total or number(_object(told.get("usage")).get("totalCost"))
    return total if total and 0 < total < 1e9 else None


def _status(told: Told) -> Status | None:
    if text(told, "level").upper() != "ERROR":
        return None
    return Status(code=Status.STATUS_CODE_ERROR, message=text(told, "statusMessage", "status_message"))


def _graded(told: Told) -> tuple[Graded, str]:
    """What a score is about, and its id here."""
    subject = _object(told.get("subject"))
    told = {**told, f"{subject.get('kind')}Id": subject.get("id")} if subject else told
    if observation := text(told, "observationId", "observation_id"):
        return "span", hex_span_id(observation)
    if trace := text(told, "traceId", "trace_id"):
        return "trace", hex_trace_id(trace)
    if session := text(told, "sessionId", "session_id"):
        return "session", session[:512]
    raise Malformed("a score of neither an observation, a trace nor a session")


def _columns(told: Told, kind: Graded, resource: str, at_ns: int) -> Iterator[Score]:
    """The columns of scores that a row of a table has, each named by its scores."""
    for name, value in told.items():
        if name in _NO_SCORES or not isinstance(value, list):
            continue
        for index, one in enumerate(items_of(value)):
            amount = None if isinstance(one, str) else number(one)
            if amount is not None or isinstance(one, str):
                yield Score(
                    id=_hashed(f"{kind} {resource} {name} {index}"),
                    resource_id=resource,
                    kind=kind,
                    name=as_text(name)[:_LONGEST_NAME],
                    score=amount or 0.0,
                    label="" if amount is not None else as_text(one),
                    reason="",
                    source="api",
                    user_id="",
                    created_ns=at_ns,
                )


def _messages(value: Any, role: str) -> str | None:
    """Messages as they are; what is none is the text of one."""
    said = _parsed(value)
    if said is None or said == "":
        return None
    told = _object(said)
    items = items_of(told.get("messages")) or items_of(said) or [said]
    if items and all(isinstance(one, dict) and "role" in one for one in items):
        return as_text(items)
    return as_text([{"role": role, "parts": [{"type": "text", "content": as_text(said)}]}])


def _content(told: Told, asked: str, replied: str) -> Told:
    return {asked: _kept(told.get("input")), replied: _kept(told.get("output"))}


def _kept(value: Any) -> str | None:
    said = _parsed(value)
    return None if said is None or said == "" else as_text(said)


def _parsed(value: Any) -> Any:
    """What a text holds that is JSON of an object or list; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value, parse_constant=str)
    except (ValueError, RecursionError):
        return value


def _object(value: Any) -> Told:
    found = _parsed(value)
    return cast("Told", found) if isinstance(found, dict) else {}


def _metadata(value: Any) -> Told:
    told = _object(value)
    if not told:
        plain = None if value is None or value in ({}, "") else value
        return {} if plain is None else {f"{semconv.METADATA_PREFIX}metadata": as_text(plain)}
    return {f"{semconv.METADATA_PREFIX}{name}": as_text(one) for name, one in told.items() if one is not None}


def _tags(value: Any) -> list[str] | None:
    return [as_text(one) for one in items_of(value) if isinstance(one, str)] or None


def _own_id(name: str, own: str, shown: str) -> Told:
    return {} if own == shown else {f"{semconv.METADATA_PREFIX}{name}": own}


def _root_id(in_trace: str) -> bytes:
    """Of the span that stands for a trace."""
    return sha256(f"root {hex_trace_id(in_trace)}".encode()).digest()[:8]


def _needed(told: Told, name: str) -> str:
    found = text(told, name)
    if not found:
        raise Malformed(f"a record without `{name}`")
    return found


def _whole(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and 0 <= found <= _MOST_TOKENS else None


def _first(*values: Any) -> int | None:
    return next((whole for value in values if (whole := _whole(value)) is not None), None)


def _hashed(words: str) -> str:
    return sha256(words.encode("utf-8", "replace")).hexdigest()[:32]
