"""What leaves the store, as a stream of bytes: OTLP, JSON lines, Parquet. A page of rows is in memory at a time."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sojourn_gateway.engine import exporting, reading
from sojourn_gateway.engine.values import any_value, attributes_of, key_values, number, text
from sojourn_gateway.engine.wire import ANY_VALUE, RESOURCE, field
from sojourn_gateway.keeping import otlp_files
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.exporting import Chosen
    from sojourn_gateway.model.span import Span

__all__ = ["CONTENT_TYPES", "ENDINGS", "Format", "What", "export"]

Format = Literal["otlp", "otlp-json", "jsonl", "parquet"]
What = Literal["traces", "logs", "scores"]

ENDINGS: Final[dict[Format, str]] = {
    "otlp": "otlp",
    "otlp-json": "otlp.jsonl",
    "jsonl": "jsonl",
    "parquet": "parquet",
}
CONTENT_TYPES: Final[dict[Format, str]] = {
    "otlp": "application/x-protobuf",
    "otlp-json": "application/x-ndjson",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def export(engine: Engine, project: str, what: What, shape: Format, chosen: Chosen) -> Iterator[bytes]:
    """The pieces of a file with what is chosen. Raises `GatewayFault` for what the format cannot say."""
    if shape not in get_args(Format) or what not in get_args(What):
        raise GatewayFault(f"cannot export {what} as {shape}")
    if shape in ("otlp", "otlp-json"):
        if what == "scores":
            raise GatewayFault("OTLP has no word for scores; export them as jsonl or parquet")
        return _otlp(engine, project, what, chosen, as_json=shape == "otlp-json")
    rows = _records(engine, project, what, chosen)
    return _json_lines(rows) if shape == "jsonl" else _parquet(rows, _COLUMNS[what])


def _otlp(
    engine: Engine, project: str, what: Literal["traces", "logs"], chosen: Chosen, *, as_json: bool
) -> Iterator[bytes]:
    if what == "traces":
        requests = (otlp_files.spans_of(page) for page in exporting.span_pages(engine, project, chosen))
    else:
        requests = (otlp_files.logs_of(page) for page in exporting.log_pages(engine, project, chosen))
    for request in requests:
        if request:
            yield otlp_files.to_json(what, request) if as_json else request


def _json_lines(pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    for page in pages:
        lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str) for record in page)
        yield "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _parquet(pages: Iterator[list[dict[str, Any]]], columns: dict[str, str]) -> Iterator[bytes]:
    """A row group a page. What is nested stands as JSON."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise GatewayFault("writing Parquet needs `pip install pyarrow`; jsonl has the same columns") from None
    arrow: Any = pa
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in columns.items()])
    sink = io.BytesIO()
    writer: Any = parquet.ParquetWriter(sink, schema, compression="zstd")
    for page in pages:
        if page:
            values = {name: [_flat(record[name]) for record in page] for name in columns}
            writer.write_table(arrow.table(values, schema=schema))
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    writer.close()
    yield sink.getvalue()


def _flat(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return value


def _records(engine: Engine, project: str, what: What, chosen: Chosen) -> Iterator[list[dict[str, Any]]]:
    match what:
        case "traces":
            return _span_records(engine, project, chosen)
        case "logs":
            return ([_log_record(row) for row in page] for page in exporting.log_pages(engine, project, chosen))
        case "scores":
            pages = exporting.score_pages(engine, project, chosen)
            return ([{name: _plain(one) for name, one in row.items()} for row in page] for page in pages)


def _span_records(engine: Engine, project: str, chosen: Chosen) -> Iterator[list[dict[str, Any]]]:
    for page in exporting.trace_pages(engine, project, chosen):
        wanted = {(place.trace_id.hex(), text(place.session_id)) for place in page}
        traces = sorted({place.trace_id for place in page})
        spans = spans_of(reading.read_spans(engine, project, traces), engine.price)
        yield [_span_record(span) for span in spans if (span.trace_id, span.session_id or span.trace_id) in wanted]


_SPAN_COLUMNS: Final = {
    "session_id": "string",
    "trace_id": "string",
    "span_id": "string",
    "parent_id": "string",
    "name": "string",
    "step": "string",
    "start_ns": "uint64",
    "end_ns": "uint64",
    "status": "string",
    "status_message": "string",
    "error_type": "string",
    "provider": "string",
    "request_model": "string",
    "response_model": "string",
    "input_tokens": "uint64",
    "output_tokens": "uint64",
    "cache_read_tokens": "uint64",
    "cache_write_tokens": "uint64",
    "reasoning_tokens": "uint64",
    "cost_usd": "float64",
    "cost_source": "string",
    "user_id": "string",
    "service": "string",
    "tool_name": "string",
    "attributes": "string",
    "resource": "string",
    "events": "string",
}
_COLUMNS: Final[dict[What, dict[str, str]]] = {
    "traces": _SPAN_COLUMNS,
    "logs": {
        "session_id": "string",
        "trace_id": "string",
        "span_id": "string",
        "time_ns": "uint64",
        "observed_ns": "uint64",
        "severity": "uint8",
        "severity_text": "string",
        "event": "string",
        "body": "string",
        "attributes": "string",
        "resource": "string",
        "scope": "string",
    },
    "scores": {
        "id": "string",
        "resource_id": "string",
        "kind": "string",
        "name": "string",
        "score": "float64",
        "label": "string",
        "reason": "string",
        "source": "string",
        "user_id": "string",
        "created_ns": "uint64",
    },
}


def _span_record(span: Span) -> dict[str, Any]:
    return {
        "session_id": span.session_id,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "step": span.step,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "status": span.status,
        "status_message": span.status_message,
        "error_type": span.error_type,
        "provider": span.provider,
        "request_model": span.request_model,
        "response_model": span.response_model,
        "input_tokens": span.tokens.input,
        "output_tokens": span.tokens.output,
        "cache_read_tokens": span.tokens.cache_read,
        "cache_write_tokens": span.tokens.cache_write,
        "reasoning_tokens": span.tokens.reasoning,
        "cost_usd": None if span.cost is None else float(span.cost),
        "cost_source": span.cost_source,
        "user_id": span.user_id,
        "service": span.service,
        "tool_name": span.tool_name,
        "attributes": span.attributes,
        "resource": span.resource,
        "events": [{"name": one.name, "time_ns": one.time_ns, "attributes": one.attributes} for one in span.events],
    }


def _log_record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "session_id": text(row["session_id"]) or None,
        "trace_id": row["trace_id"].hex() if any(row["trace_id"]) else None,
        "span_id": row["span_id"].hex() if any(row["span_id"]) else None,
        "time_ns": row["time_ns"],
        "observed_ns": row["observed_ns"],
        "severity": row["severity"],
        "severity_text": text(row["severity_text"]),
        "event": text(row["event"]),
        "body": any_value(ANY_VALUE.FromString(row["body"])) if row["body"] else None,
        "attributes": attributes_of(*(dict(row[name]) for name in ("a_s", "a_i", "a_d", "a_b", "a_x"))),
        "resource": key_values(field(RESOURCE.FromString(row["resource"]), "attributes")),
        "scope": text(row["scope"]),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return text(value)
    return number(value) if isinstance(value, float) else value
