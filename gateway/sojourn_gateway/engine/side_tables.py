"""The tables beside those of spans and logs: points of metrics, what spans say of requests, what was put away."""

from __future__ import annotations

from typing import Final

from sojourn_gateway.engine.database import DATABASE

__all__ = ["METRIC_POINTS", "PUT_AWAY", "REQUESTS"]

# A point of a series lies once under its time: one that is sent again replaces it.
METRIC_POINTS: Final = f"""
create table if not exists {DATABASE}.metric_points (
    project LowCardinality(String),
    name LowCardinality(String),
    time_ns UInt64 codec(Delta, ZSTD(1)),
    uid FixedString(16),
    kind LowCardinality(String),
    unit LowCardinality(String),
    description LowCardinality(String),
    temporality UInt8,
    monotonic Bool,
    start_ns UInt64 codec(Delta, ZSTD(1)),
    flags UInt32,
    session_id String codec(ZSTD(1)),
    service LowCardinality(String),
    integer Nullable(Int64),
    double Nullable(Float64),
    count UInt64,
    total Nullable(Float64),
    least Nullable(Float64),
    most Nullable(Float64),
    scale Int32,
    zero_count UInt64,
    zero_threshold Float64,
    offset Int32,
    buckets Array(UInt64) codec(ZSTD(1)),
    negative_offset Int32,
    negative_buckets Array(UInt64) codec(ZSTD(1)),
    bounds Array(Float64) codec(ZSTD(1)),
    quantiles Array(Float64) codec(ZSTD(1)),
    attributes Array(String) codec(ZSTD(1)),
    exemplars Array(String) codec(ZSTD(1)),
    resource LowCardinality(String),
    scope LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Array(String) codec(ZSTD(1)),
    metadata Array(String) codec(ZSTD(1)),
    version UInt64,
    index by_session session_id type bloom_filter(0.01) granularity 1
) engine = ReplacingMergeTree(version) order by (project, name, time_ns, uid)
settings index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1"""

# What single spans say of the request that their trace serves, for whoever lists traces by it: see `requests.py`.
REQUESTS: Final = f"""
create table if not exists {DATABASE}.requests (
    project LowCardinality(String),
    trace_id FixedString(16),
    span_id FixedString(8),
    role LowCardinality(String),
    own_id String,
    start_ns UInt64 codec(Delta, ZSTD(1)),
    end_ns UInt64 codec(Delta, ZSTD(1)),
    failed Bool,
    error String codec(ZSTD(1)),
    org LowCardinality(String),
    app LowCardinality(String),
    deployment LowCardinality(String),
    env LowCardinality(String),
    devmode Int8,
    trigger LowCardinality(String),
    method LowCardinality(String),
    url String codec(ZSTD(1)),
    origin LowCardinality(String),
    route String codec(ZSTD(1)),
    metadata String codec(ZSTD(1)),
    user_data String codec(ZSTD(1)),
    identifiers Array(String),
    names Array(String),
    agent_ids Array(String),
    eval_id String,
    eval_identifier String,
    eval_name String,
    eval_about String,
    run_session String,
    result String codec(ZSTD(1)),
    version UInt64,
    commit UInt64 codec(Delta, ZSTD(1))
) engine = ReplacingMergeTree(version) order by (project, trace_id, span_id)
settings index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1"""

# Conversations that somebody took off the list: what is in them stays, and a turn after that brings them back.
PUT_AWAY: Final = f"""
create table if not exists {DATABASE}.put_away (
    project LowCardinality(String),
    session_id String,
    at_ns UInt64,
    who String,
    version UInt64
) engine = ReplacingMergeTree(version) order by (project, session_id) settings fsync_after_insert = 1"""
