"""The schema on a cluster: the same statements, turned into replicated tables and the tables that spread over them.

A table `t` becomes `t_local` on every server, replicated inside its shard, and `t`, which reads and writes all of them.
Rows that replace each other must meet on one shard, so a table is sharded by columns of its sorting key: what belongs
to a trace by the trace, what belongs to a session by the session, so that summing up joins what lies together. A table
without a project in its key is small and lies whole on every server. Tables in memory stay on the server that is
spoken to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clustered", "in_database", "key_of", "of_all_servers"]

_QUOTED_OR_NAME: Final = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\bsojourn\b", re.DOTALL)
_CREATE_DATABASE: Final = re.compile(r"\s*(create database (?:if not exists )?\w+)(.*)", re.DOTALL | re.IGNORECASE)
_CREATE: Final = re.compile(
    r"\s*create table (?P<unless>if not exists )?(?P<database>\w+)\.(?P<table>\w+)\s*(?P<columns>\(.*\))\s*"
    r"engine\s*=\s*(?P<engine>\w+)(?:\((?P<arguments>[^)]*)\))?(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_CHANGE: Final = re.compile(
    r"\s*(?P<verb>alter table|optimize table|truncate table(?: if exists)?|delete from)\s+"
    r"(?P<database>\w+)\.(?P<table>\w+)(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_DROP: Final = re.compile(r"\s*drop table (if exists )?(\w+)\.(\w+)(.*)", re.DOTALL | re.IGNORECASE)
_SORTED: Final = re.compile(r"order by\s*(?:\((?P<many>[^)]*)\)|(?P<one>\w+))", re.IGNORECASE)
_OF_ALL: Final = re.compile(r"\s*(add|modify|rename|drop|comment)\s+column\b", re.IGNORECASE)
# Tables of these are written and emptied again within one step, by the server that is spoken to.
_PASSING: Final = frozenset({"condemned", "fresh", "late", "touched", "touched_sessions"})
_QUERY: Final = re.compile(r"\bselect\b", re.IGNORECASE)
_PARTS: Final = re.compile(r"\bfrom system\.parts\b")
_ESTIMATE: Final = re.compile(r"\bexplain estimate select \w+ from\b")
# These lie whole on every server.
_EVERYWHERE: Final = frozenset({"marks", "rates", "writers"})


def in_database(sql: str, database: str) -> str:
    """The statement for a database of another name. What is quoted stays as it is."""
    if database == "sojourn":
        return sql
    return _QUOTED_OR_NAME.sub(lambda found: database if found[0] == "sojourn" else found[0], sql)


def of_all_servers(sql: str, cluster: str) -> str:
    """The query, asking every shard, and not one server, what lies on its disk.

    A server estimates what it will read itself, and nothing of the other shards: there, rows are counted.
    """
    counted = _ESTIMATE.sub("select 1 as rows from", sql)
    return _PARTS.sub(f"from cluster('{cluster}', system.parts)", counted)


def key_of(sql: str) -> tuple[tuple[str, str], ...]:
    """The columns, with their types, by which the table that a statement makes tells rows apart: replaced ones too."""
    found = _CREATE.fullmatch(sql)
    assert found is not None
    version = [name.strip() for name in (found["arguments"] or "").split(",") if name.strip()][:1]
    return tuple((name, _type(name, found["columns"])) for name in dict.fromkeys([*_key(found["rest"]), *version]))


def clustered(sql: str, cluster: str) -> tuple[str, ...]:
    """The statements that do on all servers of a cluster what this one does on one; queries and inserts as they are.

    Raises `GatewayFault` for what every server would understand in its own way: see `deleting.py`.
    """
    if found := _CREATE.fullmatch(sql):
        return tuple(_create(found, cluster))
    if found := _CREATE_DATABASE.fullmatch(sql):
        return (f"{found[1]} on cluster {cluster}{found[2]}",)
    if found := _DROP.fullmatch(sql):
        return tuple(_drop(found, cluster))
    if found := _CHANGE.fullmatch(sql):
        return tuple(_change(found, cluster))
    return (sql,)


def _create(found: re.Match[str], cluster: str) -> Iterator[str]:
    engine, table, database = found["engine"], found["table"], found["database"]
    if not engine.endswith("MergeTree"):
        yield found[0]
        return
    key = _key(found["rest"])
    unless = found["unless"] or ""
    whole = "project" not in key
    local = table if whole else f"{table}_local"
    shard, replica = ("all", "{shard}-{replica}") if whole else ("{shard}", "{replica}")
    arguments = [f"'/clickhouse/tables/{shard}/{{database}}/{{table}}'", f"'{replica}'", found["arguments"] or ""]
    yield (
        f"create table {unless}{database}.{local} on cluster {cluster} {found['columns']} "
        f"engine = Replicated{engine}({', '.join(filter(None, arguments))}){found['rest']}"
    )
    if not whole:
        yield (
            f"create table {unless}{database}.{table} on cluster {cluster} as {database}.{local} "
            f"engine = Distributed({cluster}, {database}, {local}, {_sharding(key)})"
        )


def _key(rest: str) -> list[str]:
    found = _SORTED.search(rest)
    if found is None:
        return []
    return [name.strip() for name in (found["many"] or found["one"] or "").split(",") if name.strip()]


def _type(name: str, columns: str) -> str:
    found = re.search(rf"^\s*{name}\s+(?:LowCardinality\()?(\w+(?:\(\d+\))?)", columns, re.MULTILINE)
    assert found is not None
    return found[1]


def _sharding(key: list[str]) -> str:
    """Of the sorting key, so that a row and its replacement have the same."""
    by = next((name for name in ("session_id", "trace_id") if name in key), key[-1])
    return f"cityHash64(project, {by})"


def _change(found: re.Match[str], cluster: str) -> Iterator[str]:
    table, rest, verb = found["table"], found["rest"], found["verb"].lower()
    if table in _PASSING:
        yield found[0]
        return
    if verb in ("alter table", "delete from") and _QUERY.search(rest):
        raise GatewayFault(f"a change of {table} asks a query, to which each server of a cluster has its own answer")
    name = f"{found['database']}.{table}"
    local = name if table in _EVERYWHERE else f"{name}_local"
    yield f"{verb} {local} on cluster {cluster}{rest}"
    if verb == "alter table" and local != name:
        # The table above has columns, and neither indexes nor rows of its own.
        columns = [part.strip() for part in _parts(rest) if _OF_ALL.match(part)]
        if columns:
            yield f"alter table {name} on cluster {cluster} {', '.join(columns)}"


def _drop(found: re.Match[str], cluster: str) -> Iterator[str]:
    unless, database, table, rest = found[1] or "", found[2], found[3], found[4]
    if table in _PASSING:
        yield found[0]
        return
    yield f"drop table {unless}{database}.{table} on cluster {cluster}{rest}"
    if table not in _EVERYWHERE:
        yield f"drop table {unless}{database}.{table}_local on cluster {cluster}{rest}"


def _parts(text: str) -> list[str]:
    """What stands between the commas that are in no parentheses and no quotes."""
    parts: list[str] = []
    depth = begin = 0
    for found in re.finditer(r"'(?:[^'\\]|\\.)*'|[(),]", text):
        match found[0]:
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case "," if depth == 0:
                parts.append(text[begin : found.start()])
                begin = found.end()
            case _:
                pass
    return [*parts, text[begin:]]
