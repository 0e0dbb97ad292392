"""The tables, as numbered steps forward. A step that was released is never edited: the next one changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DATABASE", "STEPS", "Step"]

DATABASE: Final = "sojourn"


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that may run twice: a death between two of them is repaired by running all again."""

    number: int
    statements: tuple[str, ...]


_MAPS = """
    a_s Map(LowCardinality(String), String) codec(ZSTD(1)),
    a_i Map(LowCardinality(String), Int64) codec(ZSTD(1)),
    a_d Map(LowCardinality(String), Float64) codec(ZSTD(1)),
    a_b Map(LowCardinality(String), Bool) codec(ZSTD(1)),
    a_x Map(LowCardinality(String), String) codec(ZSTD(1)),
    resource LowCardinality(String),
    scope LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Array(String) codec(ZSTD(1))"""

_SUMS = """
    start_ns UInt64 codec(Delta, ZSTD(1)),
    end_ns UInt64 codec(Delta, ZSTD(1)),
    span_count UInt64,
    errors UInt64,
    model_calls UInt64,
    tool_calls UInt64,
    actions UInt64,
    input_tokens UInt64,
    output_tokens UInt64,
    cache_read UInt64,
    cache_write UInt64,
    reasoning UInt64,
    cost Decimal(38, 15),
    priced UInt64,
    unpriced UInt64,
    partial UInt64,
    models Array(LowCardinality(String)),
    processes Array(String),
    user_id String,
    first_input String codec(ZSTD(1)),
    last_output String codec(ZSTD(1))"""

# A span's key begins with the minute of its start, so that what arrives together lies together and a roll-up reads a
# few granules. A span that is sent again with another start may lie in another minute; readers take the newest row of
# an id. Granules are small, since a session is read out of few of their rows, with all its text.
_SPANS = f"""
create table if not exists {DATABASE}.spans (
    project LowCardinality(String),
    minute UInt32 codec(Delta, ZSTD(1)),
    trace_id FixedString(16),
    span_id FixedString(8),
    parent_id FixedString(8),
    session_id String codec(ZSTD(1)),
    user_id LowCardinality(String),
    name LowCardinality(String),
    kind UInt8,
    step LowCardinality(String),
    operation LowCardinality(String),
    start_ns UInt64 codec(Delta, ZSTD(1)),
    end_ns UInt64 codec(Delta, ZSTD(1)),
    status UInt8,
    status_message String codec(ZSTD(1)),
    error_type LowCardinality(String),
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    input_tokens UInt64,
    output_tokens UInt64,
    cache_read UInt64,
    cache_write UInt64,
    reasoning UInt64,
    audio_input UInt64,
    audio_output UInt64,
    reported Nullable(Decimal(38, 15)),
    usage Bool,
    tool_name LowCardinality(String),
    tool_call_id String codec(ZSTD(1)),
    service LowCardinality(String),
    process LowCardinality(String),
    first_input String codec(ZSTD(1)),
    last_output String codec(ZSTD(1)),
    content Map(LowCardinality(String), String) codec(ZSTD(1)),{_MAPS},
    trace_state LowCardinality(String),
    flags UInt32,
    lost_attributes UInt32,
    lost_events UInt32,
    lost_links UInt32,
    events Array(String) codec(ZSTD(1)),
    links Array(String) codec(ZSTD(1)),
    version UInt64,
    commit UInt64 codec(Delta, ZSTD(1)),
    index by_commit commit type minmax granularity 1
) engine = ReplacingMergeTree(version) order by (project, minute, trace_id, span_id)
settings index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1"""

_LOGS = f"""
create table if not exists {DATABASE}.logs (
    project LowCardinality(String),
    minute UInt32 codec(Delta, ZSTD(1)),
    uid String,
    event LowCardinality(String),
    session_id String codec(ZSTD(1)),
    trace_id String,
    span_id String,
    time_ns UInt64 codec(Delta, ZSTD(1)),
    observed_ns UInt64 codec(Delta, ZSTD(1)),
    severity UInt8,
    severity_text LowCardinality(String),
    body String codec(ZSTD(1)),{_MAPS},
    process LowCardinality(String),
    version UInt64,
    commit UInt64 codec(Delta, ZSTD(1)),
    index by_commit commit type minmax granularity 1
) engine = ReplacingMergeTree(version) order by (project, minute, uid)
settings index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1"""

_SESSION_EVENTS = f"""
create table if not exists {DATABASE}.session_events (
    project LowCardinality(String),
    session_id String,
    uid String,
    event LowCardinality(String),
    time_ns UInt64,
    process String,
    name String,
    user_id String,
    replaces_tags Bool,
    tags Array(String),
    tags_added Array(String),
    end_state LowCardinality(String),
    end_reason String,
    end_explicit Bool,
    host String codec(ZSTD(1)),
    metadata Map(String, String) codec(ZSTD(1)),
    version UInt64
) engine = ReplacingMergeTree(version) order by (project, session_id, uid)
settings index_granularity = 1024, fsync_after_insert = 1"""

# The minutes in which a trace has spans: how a trace is found by its id without searching all of them.
_TRAILS = f"""
create table if not exists {DATABASE}.trails (
    project LowCardinality(String),
    trace_id FixedString(16),
    minute UInt32
) engine = ReplacingMergeTree order by (project, trace_id, minute)
settings index_granularity = 1024, fsync_after_insert = 1"""

# Where the spans of a tangled trace belong: one with several sessions, or with a model call inside a model call.
_PLACES = f"""
create table if not exists {DATABASE}.places (
    project LowCardinality(String),
    trace_id FixedString(16),
    span_id FixedString(8),
    session_id String,
    counts_call Bool,
    counts_usage Bool,
    version UInt64,
    index by_version version type minmax granularity 1
) engine = ReplacingMergeTree(version) order by (project, trace_id, span_id)
settings index_granularity = 1024"""

_TRACES = f"""
create table if not exists {DATABASE}.traces (
    project LowCardinality(String),
    session_id String,
    trace_id FixedString(16),
    implicit Bool,
    name LowCardinality(String),
    status UInt8,{_SUMS},
    version UInt64 codec(Delta, ZSTD(1)),
    gone UInt8,
    index by_version version type minmax granularity 1,
    index by_trace trace_id type bloom_filter(0.01) granularity 1
) engine = ReplacingMergeTree(version, gone) order by (project, session_id, trace_id)
settings index_granularity = 64, min_compress_block_size = 16384, fsync_after_insert = 1"""

_SESSIONS = f"""
create table if not exists {DATABASE}.sessions (
    project LowCardinality(String),
    session_id String,
    implicit Bool,
    name String,
    state LowCardinality(String),
    reason String,
    tags Array(String),
    heard_ns UInt64,
    trace_count UInt64,{_SUMS},
    version UInt64,
    gone UInt8
) engine = ReplacingMergeTree(version, gone) order by (project, session_id)
settings index_granularity = 64, min_compress_block_size = 16384, fsync_after_insert = 1"""

# Prices per token, by the time from which they hold; the arrays are the tiers, the first for any input.
_RATES = f"""
create table if not exists {DATABASE}.rates (
    provider String,
    request_model String,
    response_model String,
    since_ns UInt64,
    until_ns UInt64,
    above Array(UInt64),
    input Array(Decimal(38, 15)),
    output Array(Decimal(38, 15)),
    cache_read Array(Decimal(38, 15)),
    cache_write Array(Decimal(38, 15)),
    reasoning Array(Decimal(38, 15)),
    audio_input Array(Decimal(38, 15)),
    audio_output Array(Decimal(38, 15)),
    per_request Decimal(38, 15),
    audio Bool,
    partial Bool,
    source String,
    version UInt64
) engine = ReplacingMergeTree(version) order by (provider, request_model, response_model, since_ns)"""

_MARKS = f"""
create table if not exists {DATABASE}.marks (
    name String,
    value UInt64,
    version UInt64
) engine = ReplacingMergeTree(version) order by name settings fsync_after_insert = 1"""

STEPS: Final = (
    Step(
        1,
        (
            _MARKS,
            _SPANS,
            _LOGS,
            _SESSION_EVENTS,
            _TRAILS,
            _PLACES,
            _TRACES,
            _SESSIONS,
            _RATES,
        ),
    ),
)
