"""Where the engine runs. Embedded in this process for now; a served one is another `Backend`, the SQL is the same."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from sojourn_gateway.engine import otlp
from sojourn_gateway.model.faults import GatewayFault, Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sojourn.home import Home

__all__ = ["Backend", "Embedded", "Handle", "Readers", "Row", "Unwritten"]

Row = tuple[Any, ...]
"""A row as the engine answers it: texts are bytes, the rest plain values."""

Role = Literal["writer", "reader"]
Signal = Literal["traces", "logs"]

# A body that the engine cannot decode, as opposed to an engine that cannot work.
_UNDECODABLE: Final = frozenset({27, 32, 33, 117, 131, 431, 432, 434, 436, 441, 444})

_MEMORY: Final = {"writer": 900_000_000, "reader": 500_000_000}


class Unwritten(GatewayFault):
    """The engine could not write, for a reason that is not the body's."""


class Handle(Protocol):
    """One conversation with the engine; calls on it happen one after the other."""

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """Run a statement without an answer. Raises `Malformed` for an undecodable file, else `Unwritten`."""
        ...

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """The rows of a query."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows."""
        ...

    def close(self) -> None:
        """End the conversation."""
        ...


class Backend(Protocol):
    """Opens handles, and says how a staged file is read by a statement."""

    def handle(self, role: Role) -> Handle:
        """A new handle."""
        ...

    def source(self, signal: Signal, path: Path) -> str:
        """The table expression of a staged file."""
        ...

    def decoding(self, signal: Signal) -> str:
        """The `settings` clause of a statement that reads `source`."""
        ...


class Embedded:
    """ClickHouse inside this process, in a folder of the home."""

    def __init__(self, home: Home) -> None:
        self._folder = home.make(home.engine)
        # By path: as text, the engine would publish the schema in a folder of the current directory.
        self._schema = home.root / "otlp.proto"
        self._schema.write_text(otlp.SCHEMA, "utf-8")
        self._config = home.root / "engine.xml"
        self._config.write_text(_CONFIG, "utf-8")

    def handle(self, role: Role) -> Handle:
        """A handle with the limits of its role."""
        client = clickhouse_connect.get_client(  # pyright: ignore[reportUnknownMemberType]  # its **kwargs have no types
            interface="chdb",
            path=str(self._folder),
            chdb_options={
                "max_server_memory_usage": 1_200_000_000,
                "mark_cache_size": 67_108_864,
                "config-file": str(self._config),
            },
            settings={
                "max_memory_usage": _MEMORY[role],
                "max_threads": 1 if role == "writer" else 2,
                # `sum(cost) as cost` must not hide the column `cost` from the rest of its select.
                "prefer_column_name_to_alias": 1,
                # Compiling a statement at its fourth run costs more (300 ms) than it ever saves on batches like ours.
                "compile_expressions": 0,
                "compile_aggregate_expressions": 0,
                "compile_sort_description": 0,
            },
        )
        return _Connected(client)

    def source(self, signal: Signal, path: Path) -> str:
        """The staged file, read from the disk by the engine."""
        columns = otlp.TRACES_COLUMNS if signal == "traces" else otlp.LOGS_COLUMNS
        return f"file({_quoted(str(path))}, 'ProtobufSingle', '{columns}')"

    def decoding(self, signal: Signal) -> str:
        """The schema by its path. Merging the stages of the statement into one costs as much as planning the rest;
        replaced rows are left to merges, which have to find them anyway.
        """
        message = otlp.TRACES_MESSAGE if signal == "traces" else otlp.LOGS_MESSAGE
        schema = _quoted(f"{self._schema}:{message}")
        return (
            f"settings format_schema_source = 'file', format_schema = {schema}, max_insert_threads = 1, "
            "query_plan_merge_expressions = 0, optimize_on_insert = 0"
        )


# Caches whose defaults are gigabytes; they can only be set when the engine starts.
_CONFIG: Final = """\
<clickhouse>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <index_mark_cache_size>33554432</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
</clickhouse>
"""


class _Connected:
    """A handle by a client of `clickhouse-connect`."""

    def __init__(self, client: Any) -> None:  # the library's own class
        self._client = client

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        try:
            self._client.command(sql, parameters=dict(values or {}))
        except ClickHouseError as fault:
            if _code(fault) in _UNDECODABLE:
                raise Malformed("the body is no OTLP request that can be decoded") from fault
            raise Unwritten(f"the engine could not write: {fault}") from fault

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        # Bytes, since a text that is not UTF-8 would come back as hex, which nobody could tell from text.
        answer = self._client.query(
            sql, parameters=dict(values or {}), query_formats={"String": "bytes", "FixedString": "bytes"}
        )
        rows: Sequence[Row] = answer.result_rows
        return rows

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._client.insert(table, rows, column_names=list(columns))

    def close(self) -> None:
        self._client.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _code(fault: ClickHouseError) -> int | None:
    return getattr(fault, "code", None)


class Readers:
    """A few handles that threads share, one query at a time each."""

    def __init__(self, backend: Backend, count: int = 3) -> None:
        self._handles = [backend.handle("reader") for _ in range(count)]
        self._free: SimpleQueue[Handle] = SimpleQueue()
        for handle in self._handles:
            self._free.put(handle)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """The rows of a query, as soon as a handle is free."""
        handle = self._free.get()
        try:
            return handle.rows(sql, values)
        finally:
            self._free.put(handle)

    def close(self) -> None:
        """Wait for the queries under way, then close."""
        for _ in self._handles:
            self._free.get().close()
