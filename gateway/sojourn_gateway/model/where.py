"""Filters: which traces, spans, sessions or scores are meant, as a closed set of predicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "DYNAMIC",
    "FIELDS",
    "MOST_PREDICATES",
    "MOST_TEXT",
    "MOST_VALUES",
    "OPERATORS",
    "AllOf",
    "Among",
    "AnyOf",
    "Between",
    "Compare",
    "Dynamic",
    "Exists",
    "Field",
    "Kind",
    "Operator",
    "Predicate",
    "Resource",
    "Where",
]

Resource = Literal["traces", "spans", "sessions", "scores"]
Kind = Literal["string", "numeric", "datetime", "status", "tags", "metadata", "score", "search"]
Comparison = Literal[
    "equals", "notEquals", "contains", "notContains", "startsWith", "endsWith", "gt", "gte", "lt", "lte"
]
Operator = Literal[Comparison, "in", "notIn", "between", "exists", "doesNotExist"]

MOST_PREDICATES: Final = 20
MOST_VALUES: Final = 50
MOST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Field:
    """What a predicate speaks of. `key` is the name behind the prefix of a dynamic field, else empty."""

    name: str
    kind: Kind
    key: str = ""


@dataclass(frozen=True, slots=True)
class Compare:
    """One value against another. Times are nanoseconds since 1970."""

    field: Field
    operator: Comparison
    value: str | Decimal


@dataclass(frozen=True, slots=True)
class Among:
    """The field is one of some values, or `negated` none of them."""

    field: Field
    values: tuple[str | Decimal, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """From `low` to `high`, both included."""

    field: Field
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Exists:
    """The field was said at all, or `negated` was not."""

    field: Field
    negated: bool = False


Predicate = Compare | Among | Between | Exists


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    parts: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All hold; of none, everything."""

    parts: tuple[Where, ...]


Where = Predicate | AnyOf | AllOf


@dataclass(frozen=True, slots=True)
class Dynamic:
    """A family of fields: a prefix, and what may stand behind it."""

    prefix: str
    key_pattern: str
    kind: Kind


_TEXT: Final[tuple[Operator, ...]] = ("equals", "notEquals", "contains", "notContains", "startsWith", "endsWith")
_NUMBER: Final[tuple[Operator, ...]] = ("equals", "notEquals", "gt", "gte", "lt", "lte")

OPERATORS: Final[dict[Kind, tuple[Operator, ...]]] = {
    "string": (*_TEXT, "in", "notIn"),
    "numeric": (*_NUMBER, "in", "notIn", "between"),
    "datetime": ("gt", "gte", "lt", "lte", "between"),
    "status": ("equals",),
    "tags": ("equals", "notEquals", "contains", "in", "notIn"),
    "metadata": (*_TEXT, "exists", "doesNotExist", "in", "notIn"),
    "score": (*_NUMBER, "between"),
    "search": ("contains", "notContains"),
}
"""What can be asked of a field of each kind."""

_STEPS: Final[dict[str, Kind]] = {
    "model": "string",
    "user_id": "string",
    "session_id": "string",
    "trace_id": "string",
    "prompt_name": "string",
    "input": "string",
    "output": "string",
    "props": "string",
    "semantic_kind": "string",
    "latency_ms": "numeric",
    "cost": "numeric",
    "prompt_tokens": "numeric",
    "completion_tokens": "numeric",
    "status": "status",
    "tags": "tags",
    "search": "search",
}
FIELDS: Final[dict[Resource, dict[str, Kind]]] = {
    "traces": _STEPS,
    "spans": _STEPS,
    "sessions": {
        "session_id": "string",
        "name": "string",
        "user_id": "string",
        "state": "string",
        "model": "string",
        "input": "string",
        "output": "string",
        "latency_ms": "numeric",
        "cost": "numeric",
        "prompt_tokens": "numeric",
        "completion_tokens": "numeric",
        "trace_count": "numeric",
        "model_calls": "numeric",
        "errors": "numeric",
        "tokens": "numeric",
        "span_count": "numeric",
        "tool_calls": "numeric",
        "failed_traces": "numeric",
        "turn_p50_ms": "numeric",
        "turn_p95_ms": "numeric",
        "last_error": "string",
        "tags": "tags",
        "search": "search",
    },
    "scores": {
        "name": "string",
        "source": "string",
        "user_id": "string",
        "resource_id": "string",
        "label": "string",
        "score": "numeric",
        "created_at": "datetime",
    },
}
"""The fields of each resource that have a name of their own."""

_METADATA: Final = Dynamic("metadata.", r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", "metadata")
_SCORE: Final = Dynamic("score__", r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", "score")

DYNAMIC: Final[dict[Resource, tuple[Dynamic, ...]]] = {
    "traces": (_METADATA, _SCORE),
    "spans": (_METADATA, _SCORE),
    "sessions": (_METADATA, _SCORE),
    "scores": (),
}
"""The families of fields of each resource."""
