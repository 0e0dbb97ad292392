"""OTLP as the engine decodes it: a schema, and the columns that the schema becomes.

A file is an envelope of parts. A part is one `ResourceSpans` or `ResourceLogs` as it came, with fields of ours beside
its own (numbers from 16), so that bodies of several projects make one file without a span being touched.

Only what SQL computes with is declared; resources, events, links, arrays and lists of keys stay serialised, exact, for
whoever reads them. Each nested type that is declared costs milliseconds of planning in every statement (the first
version declared all of OTLP: 350 ms a statement).
"""

from __future__ import annotations

from typing import Final

__all__ = ["LOGS_COLUMNS", "LOGS_MESSAGE", "SCHEMA", "TRACES_COLUMNS", "TRACES_MESSAGE"]

TRACES_MESSAGE: Final = "TracesEnvelope"
LOGS_MESSAGE: Final = "LogsEnvelope"

# Enumerations are declared as numbers: the engine refuses a whole file for one unknown member.
SCHEMA: Final = """\
syntax = "proto3";

message AnyValue {
  oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    bytes array_value = 5;
    bytes kvlist_value = 6;
    bytes bytes_value = 7;
  }
}
message KeyValue { string key = 1; AnyValue value = 2; }
message Scope { string name = 1; string version = 2; repeated bytes attributes = 3; }

message Status { string message = 2; int32 code = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start = 7; fixed64 end = 8; repeated KeyValue attributes = 9; uint32 lost_attributes = 10;
  repeated bytes events = 11; uint32 lost_events = 12; repeated bytes links = 13; uint32 lost_links = 14;
  Status status = 15; fixed32 flags = 16;
}
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message TracesPart {
  bytes resource = 1; repeated ScopeSpans scope_spans = 2;
  string project = 16; uint64 received = 17; string service = 18; string process = 19; string session_id = 20;
}
message TracesEnvelope { repeated TracesPart parts = 1; }

message LogRecord {
  fixed64 time = 1; int32 severity = 2; string severity_text = 3; bytes body = 5; repeated KeyValue attributes = 6;
  bytes trace_id = 9; bytes span_id = 10; fixed64 observed = 11; string event_name = 12;
}
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; }
message LogsPart {
  bytes resource = 1; repeated ScopeLogs scope_logs = 2;
  string project = 16; uint64 received = 17; string service = 18; string process = 19; string session_id = 20;
}
message LogsEnvelope { repeated LogsPart parts = 1; }
"""

# The one member of a `oneof` that was sent is the one that is not NULL: an empty text and no value stay apart.
_VALUE: Final = (
    "Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), "
    "double_value Nullable(Float64), array_value Nullable(String), kvlist_value Nullable(String), "
    "bytes_value Nullable(String))"
)
_ATTRIBUTES: Final = f"attributes Array(Tuple(key String, value {_VALUE}))"
_SCOPE: Final = "scope Tuple(name String, version String, attributes Array(String))"
_SPAN: Final = (
    "Tuple(trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32, "
    f"start UInt64, end UInt64, {_ATTRIBUTES}, lost_attributes UInt32, events Array(String), lost_events UInt32, "
    "links Array(String), lost_links UInt32, status Tuple(message String, code Int32), flags UInt32)"
)
_RECORD: Final = (
    f"Tuple(time UInt64, severity Int32, severity_text String, body String, {_ATTRIBUTES}, trace_id String, "
    "span_id String, observed UInt64, event_name String)"
)
_PART: Final = "resource String, project String, received UInt64, service String, process String, session_id String"

TRACES_COLUMNS: Final = f"parts Array(Tuple({_PART}, scope_spans Array(Tuple({_SCOPE}, spans Array({_SPAN})))))"
LOGS_COLUMNS: Final = f"parts Array(Tuple({_PART}, scope_logs Array(Tuple({_SCOPE}, log_records Array({_RECORD})))))"
