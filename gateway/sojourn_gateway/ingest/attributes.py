"""Attributes of OTLP, of what was told in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from sojourn_gateway.ingest.agentops_rows import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["encode_attributes"]

_WHOLE: Final = range(-(2**63), 2**63)
"""The numbers that OTLP has as whole ones."""


def encode_attributes(told: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes of OTLP: scalars and lists of scalars as they are, anything else as JSON; what is None is left out."""
    return [KeyValue(key=as_text(key), value=_any(value)) for key, value in told.items() if value is not None]


def _any(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int() if value in _WHOLE:
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # JSON
            if all(isinstance(one, str | int | float) for one in items):
                return AnyValue(array_value=ArrayValue(values=[_any(one) for one in items]))
            return AnyValue(string_value=as_text(items))
        case _:
            return AnyValue(string_value=as_text(value))
