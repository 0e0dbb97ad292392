"""ClickHouse inside this process, by way of chdb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from sojourn_gateway.engine import otlp, staged
from sojourn_gateway.engine.backend import Handle, Role, Row, Signal, Unwritten, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sojourn.home import Home

__all__ = ["Embedded"]

_MEMORY: Final = {"writer": 900_000_000, "reader": 500_000_000}

# Caches whose defaults are gigabytes, and the folders for backups: any that whoever asks for one may write. They can
# only be set when the engine starts.
_CONFIG: Final = """\
<clickhouse>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <index_mark_cache_size>33554432</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <backups><allowed_path>/</allowed_path></backups>
</clickhouse>
"""


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
        return _Connected(client, self._schema)


class _Connected:
    """A handle by a client of `clickhouse-connect`."""

    def __init__(self, client: Any, schema: Path) -> None:  # the library's own class
        self._client = client
        self._schema = schema

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        try:
            self._client.command(sql, parameters=dict(values or {}))
        except ClickHouseError as fault:
            raise Unwritten(f"the engine could not write: {fault}") from fault

    def load(
        self, signal: Signal, path: Path, statement: Callable[[str], str], values: Mapping[str, Any] | None = None
    ) -> None:
        source = f"file({_quoted(str(path))}, 'ProtobufSingle', '{staged.COLUMNS[signal]}')"
        settings = {
            "format_schema_source": "file",
            "format_schema": f"{self._schema}:{staged.MESSAGES[signal]}",
            **staged.DECODING,
        }
        clause = ", ".join(
            f"{name} = {_quoted(value) if isinstance(value, str) else value}" for name, value in settings.items()
        )
        try:
            self._client.command(f"{statement(source)}\nsettings {clause}", parameters=dict(values or {}))
        except ClickHouseError as fault:
            if (why := refused(_code(fault), str(fault))) is not None:
                raise why from fault
            raise Unwritten(f"the engine could not write: {fault}") from fault

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        # Bytes, since a text that is not UTF-8 would come back as hex, which nobody could tell from text.
        answer = self._client.query(
            sql, parameters=dict(values or {}), query_formats={"String": "bytes", "FixedString": "bytes"}
        )
        rows: Sequence[Row] = answer.result_rows
        return rows

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        try:
            self._client.insert(table, rows, column_names=list(columns))
        except ClickHouseError as fault:
            raise Unwritten(f"the engine could not write: {fault}") from fault

    def close(self) -> None:
        self._client.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _code(fault: ClickHouseError) -> int | None:
    return getattr(fault, "code", None)
