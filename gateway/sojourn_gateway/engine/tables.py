"""The tables, as numbered steps forward. A step that was released is never edited: the next one changes it.

Numbers only grow; they may leave gaps, and there is no step 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sojourn_gateway.engine import dialects
from sojourn_gateway.engine.database import DATABASE
from sojourn_gateway.engine.side_tables import METRIC_POINTS, PUT_AWAY, REQUESTS
from sojourn_gateway.engine.tags import TAGS_OF_A_SPAN

__all__ = ["BUILT_LATER", "DATABASE", "STEPS", "WORDS", "Step"]

WORDS: Final = r"replaceRegexpAll(lowerUTF8(arrayStringConcat(mapValues(content), ' ')), '\\\\[\\\\nrt]', ' ')"
"""The content of a span as it is searched for words: without the escapes of JSON, which would stick to them.

One text and no lambda: the engine fails on a part that has no index yet when the expression of the index holds one.
"""

BUILT_LATER: Final = ("by_word", "by_value")
"""The indexes of spans that are not built as these are written: see `staged.DECODING` and `upkeep.py`."""


def _told(names: tuple[str, ...]) -> str:
    """The first of some attributes of a span that is a text and not empty."""
    tried = ", ".join(f"nullIf(a_s['{name}'], '')" for name in names)
    return f"coalesce({tried}, '')"


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
# an id. Granules are small, since a session is read out of few of their rows, with all its text. Parts stay in one file
# until they are large: a file a column, two hundred of them, made a commit of 8192 spans cost 20 us a span more.
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
settings index_granularity = 256, min_bytes_for_wide_part = 268435456, fsync_after_insert = 1,
    fsync_part_directory = 1"""

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

# A score is never changed; one that was deleted leaves a tombstone. In order of time, as they are listed.
_SCORES = f"""
create table if not exists {DATABASE}.scores (
    project LowCardinality(String),
    created_ns UInt64 codec(Delta, ZSTD(1)),
    id String,
    kind LowCardinality(String),
    resource_id String codec(ZSTD(1)),
    name LowCardinality(String),
    score Float64,
    label String codec(ZSTD(1)),
    reason String codec(ZSTD(1)),
    source LowCardinality(String),
    user_id LowCardinality(String),
    version UInt64,
    gone UInt8,
    index by_resource resource_id type bloom_filter(0.01) granularity 1,
    index by_id id type bloom_filter(0.01) granularity 1
) engine = ReplacingMergeTree(version, gone) order by (project, created_ns, id)
settings index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1"""

# Where an older row of a span lies that was sent again with a start in another minute, and so under another key:
# readers leave it out. A span that came back to its minute is `gone` from here.
_MOVED = f"""
create table if not exists {DATABASE}.moved (
    project LowCardinality(String),
    minute UInt32,
    trace_id FixedString(16),
    span_id FixedString(8),
    version UInt64,
    gone UInt8
) engine = ReplacingMergeTree(version, gone) order by (project, minute, trace_id, span_id)
settings index_granularity = 1024"""

_MARKS = f"""
create table if not exists {DATABASE}.marks (
    name String,
    value UInt64,
    version UInt64
) engine = ReplacingMergeTree(version) order by name settings fsync_after_insert = 1"""

# What was erased on request, by a hash of its id: what arrives of it later, and began before, is not kept again.
_GRAVES = f"""
create table if not exists {DATABASE}.graves (
    project LowCardinality(String),
    kind LowCardinality(String),
    key UInt64,
    at_ns UInt64,
    version UInt64
) engine = ReplacingMergeTree(version) order by (project, kind, key) settings fsync_after_insert = 1"""

# What is being erased: written before the first row goes, emptied behind the last, so that a death repeats it.
_DOOMED = f"""
create table if not exists {DATABASE}.doomed (
    project LowCardinality(String),
    kind LowCardinality(String),
    id String
) engine = ReplacingMergeTree order by (project, kind, id) settings fsync_after_insert = 1"""

# How long, and how much, a project keeps; 0 is without end.
_KEEPING = f"""
create table if not exists {DATABASE}.keeping (
    project LowCardinality(String),
    days UInt32,
    bytes UInt64,
    version UInt64
) engine = ReplacingMergeTree(version) order by project settings fsync_after_insert = 1"""

_SUM_ANEW = f"""
insert into {DATABASE}.marks
select 'rolled up', 0, toUnixTimestamp64Nano(now64(9)) from {DATABASE}.marks final
where name = 'rolled up' and value > 0"""

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
    Step(
        2,
        (
            f"""alter table {DATABASE}.session_events
                add column if not exists own_error Bool,
                add column if not exists video String,
                add column if not exists agent Tuple(id String, name String),
                add column if not exists attachment Tuple(name String, path String, size UInt64, sha256 String)""",
            # A session's log lines lie where their minutes are, between those of all others.
            f"""alter table {DATABASE}.logs
                add index if not exists by_session session_id type bloom_filter(0.01) granularity 1""",
        ),
    ),
    Step(3, (_SCORES,)),
    Step(
        5,
        (
            _MOVED,
            # Built when parts are merged, not when they are written: see `staged.DECODING`.
            f"""alter table {DATABASE}.spans
                add index if not exists by_value mapValues(a_s) type bloom_filter(0.01) granularity 1,
                add index if not exists by_word {WORDS} type text(tokenizer = splitByNonAlpha)""",
            # A page reads a few rows of many columns: what is unpacked for them should be small, for 1.5 % of the disk.
            f"alter table {DATABASE}.spans modify setting min_compress_block_size = 4096",
            f"""alter table {DATABASE}.traces
                add column if not exists last_error String codec(ZSTD(1)) after last_output""",
            f"""alter table {DATABASE}.sessions
                add column if not exists last_error String codec(ZSTD(1)) after last_output,
                add column if not exists failed_traces UInt64,
                add column if not exists turn_p50 Float64,
                add column if not exists turn_p95 Float64""",
            # All traces and sessions are made anew, for the columns that they lack.
            _SUM_ANEW,
        ),
    ),
    Step(6, (_GRAVES, _DOOMED, _KEEPING)),
    Step(7, (METRIC_POINTS,)),
    Step(
        8,
        (
            # By default, so that they are read out of the attributes of spans that came before as well.
            f"""alter table {DATABASE}.spans
                add column if not exists session_name LowCardinality(String) default {_told(dialects.SESSION_NAMES)},
                add column if not exists end_state LowCardinality(String) default {_told(dialects.END_STATES)}""",
            f"""alter table {DATABASE}.traces
                add column if not exists session_name String,
                add column if not exists end_state LowCardinality(String)""",
            # A mark that says how far roll-ups came must not survive a power cut that what they made does not.
            f"alter table {DATABASE}.places modify setting fsync_after_insert = 1",
            f"alter table {DATABASE}.moved modify setting fsync_after_insert = 1",
            f"alter table {DATABASE}.rates modify setting fsync_after_insert = 1",
            _SUM_ANEW,
        ),
    ),
    Step(
        9,
        (
            REQUESTS,
            PUT_AWAY,
            # What a program logged while it served a request, by the trace of that request.
            f"""alter table {DATABASE}.logs
                add index if not exists by_trace trace_id type bloom_filter(0.01) granularity 1""",
        ),
    ),
    Step(
        10,
        (
            # By default, as the names of sessions are.
            f"""alter table {DATABASE}.spans
                add column if not exists tags Array(LowCardinality(String)) default {TAGS_OF_A_SPAN} codec(ZSTD(1))""",
            # Spans by how they went, and prices by the table, for sums over many traces that need not read spans.
            f"""alter table {DATABASE}.traces
                add column if not exists tags Array(LowCardinality(String)),
                add column if not exists service LowCardinality(String),
                add column if not exists ok_spans UInt64,
                add column if not exists failed_spans UInt64,
                add column if not exists ok_tokens UInt64,
                add column if not exists failed_tokens UInt64,
                add column if not exists asked_price Decimal(38, 15),
                add column if not exists whole_price Decimal(38, 15)""",
            # Beside those that its traces bear.
            f"alter table {DATABASE}.sessions add column if not exists told_tags Array(String)",
            _SUM_ANEW,
        ),
    ),
)
