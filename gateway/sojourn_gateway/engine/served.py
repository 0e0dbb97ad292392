"""ClickHouse on a server, over its HTTP interface: the same statements, the same duties as the embedded engine."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import lz4.frame as lz4_frame
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError, ProgrammingError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, ReadTimeoutError, SSLError

from sojourn_gateway.engine import otlp, staged
from sojourn_gateway.engine.backend import Handle, Role, Row, Signal, Unread, Unwritten, refused
from sojourn_gateway.engine.cluster import clustered, in_database, of_all_servers
from sojourn_gateway.engine.deleting import ROWS_AT_ONCE, find_deletion
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sojourn_gateway.engine.deleting import Deletion
    from sojourn_gateway.model.address import Address

__all__ = ["Served", "Unreachable"]

_SETTINGS: Final = {
    # `sum(cost) as cost` must not hide the column `cost` from the rest of its select.
    "prefer_column_name_to_alias": 1,
    # What `write` returned from is in a table, not in a queue of the server.
    "async_insert": 0,
    # Replicated tables drop a block that equals an earlier one, also when that was deleted since.
    "insert_deduplicate": 0,
}
_SPREAD: Final = {
    # A write returns when the shard has it.
    "distributed_foreground_insert": 1,
    # What is looked up in is found out once, by the server that is spoken to, and sent along.
    "prefer_global_in_and_join": 1,
    "distributed_product_mode": "global",
    # What was written is read from the same replica, which has it for certain.
    "load_balancing": "in_order",
}
_WRONG_USER: Final = frozenset({192, 193, 194, 516})
_NOT_ALLOWED: Final = frozenset({164, 497})
_CAUSES: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((NameResolutionError,), "its name is not known"),
    ((ConnectionRefusedError,), "nothing listens there"),
    ((SSLError, ssl.SSLError), "no secure connection ({})"),
    ((ConnectTimeoutError, ReadTimeoutError, TimeoutError), "it does not answer in time"),
)
_SHOWN: Final = 400
_PIECE: Final = 32_000
"""Bytes of a list in one value, before they are quoted."""
_LZ4: Any = lz4_frame  # it has no types


class Unreachable(Unwritten):
    """The server does not answer, or refuses to."""


class Served:
    """A ClickHouse server that other programs may use too; one database on it is ours."""

    def __init__(self, address: Address, guard: Callable[[], None] = lambda: None) -> None:
        """Nothing is opened yet. `guard` is called before every write, and raises when this process may not write."""
        self._address = address
        self._guard = guard

    def handle(self, role: Role) -> Handle:
        """A handle. Raises `Unreachable` in words that show no password."""
        return _Connected(self._address, self._guard if role == "writer" else lambda: None)


class _Connected:
    """A handle by an HTTP client of `clickhouse-connect`, which connects anew whenever it has to."""

    def __init__(self, address: Address, guard: Callable[[], None]) -> None:
        self._address = address
        self._guard = guard
        self._client = _opened(address)
        # The layer below would log what it tries again, with all values in it; the one above tries again by itself.
        self._client.http_retries = 0
        known: Mapping[str, object] = self._client.server_settings
        if "format_schema_source" not in known:
            raise Unreachable(
                f"the ClickHouse server at {address.place} is too old (version {self._client.server_version}): it must "
                "know the setting format_schema_source"
            )
        # What only makes it faster is left out where it is not known.
        self._decoding = {name: value for name, value in staged.DECODING.items() if name in known}

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        deletion = find_deletion(sql) if self._address.cluster else None
        if deletion is not None:
            self._delete(deletion, values or {})
            return
        self._guard()
        for statement in self._statements(sql):
            whole, bound = _in_pieces(statement, self._bound(values))
            try:
                self._client.command(whole, parameters=bound)
            except ClickHouseError as fault:
                raise _told(fault, self._address) from fault

    def load(
        self, signal: Signal, path: Path, statement: Callable[[str], str], values: Mapping[str, Any] | None = None
    ) -> None:
        """The file is the body of the insert, behind the statement, which would be long for a line of a URL."""
        self._guard()
        sql = statement(f"input('{staged.COLUMNS[signal]}')")
        head = f"{_spelled(in_database(sql, self._address.database), values or {})}\nformat ProtobufSingle\n"
        body = head.encode() + path.read_bytes()
        compression = "lz4" if self._address.compress else None
        if compression:
            body = _LZ4.compress(body)
        settings = {
            # As text: a server reads schema files of its own folder only, and managed ones read none.
            "format_schema_source": "string",
            "format_schema": otlp.SCHEMA,
            "format_schema_message_name": staged.MESSAGES[signal],
            **self._decoding,
        }
        try:
            # It may be sent again after a broken connection, and is: a commit that came twice replaces itself.
            self._client.raw_insert(insert_block=body, settings=settings, compression=compression)
        except ClickHouseError as fault:
            if (why := refused(getattr(fault, "code", None), str(fault))) is not None:
                raise why from fault
            raise _told(fault, self._address) from fault

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        of_all = of_all_servers(sql, self._address.cluster) if self._address.cluster else sql
        statement, bound = _in_pieces(in_database(of_all, self._address.database), self._bound(values))
        try:
            # Bytes, since a text that is not UTF-8 would come back as hex, which nobody could tell from text.
            answer = self._client.query(
                statement,
                parameters=bound,
                query_formats={"String": "bytes", "FixedString": "bytes"},
            )
        except ClickHouseError as fault:
            told = _told(fault, self._address)
            raise (told if isinstance(told, Unreachable) else Unread(str(told))) from fault
        rows: Sequence[Row] = answer.result_rows
        return rows

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._guard()
        try:
            self._client.insert(in_database(table, self._address.database), rows, column_names=list(columns))
        except ClickHouseError as fault:
            raise _told(fault, self._address) from fault

    def close(self) -> None:
        self._client.close()

    def _delete(self, deletion: Deletion, values: Mapping[str, Any]) -> None:
        found: Sequence[Row] = ()
        while rows := self.rows(deletion.finding, {**values, "most": ROWS_AT_ONCE}):
            if rows == found:
                raise Unwritten(f"rows of {deletion.table} that were deleted are there all the same")
            found = rows
            for statement, bound in deletion.removing(rows):
                self.run(statement, bound)

    def _statements(self, sql: str) -> Iterator[str]:
        database = self._address.database
        if sql.lstrip().startswith("create database") and self.rows(
            "select 1 from system.databases where name = {name:String}", {"name": database}
        ):
            # Whoever made it chose how, and need not allow our user to make others.
            return
        named = in_database(sql, database)
        yield from clustered(named, self._address.cluster) if self._address.cluster else (named,)

    def _bound(self, values: Mapping[str, Any] | None) -> dict[str, Any]:
        """The values; where a statement asks for our database by its name, by the name that it has here."""
        bound = dict(values or {})
        if bound.get("database") == DATABASE:
            bound["database"] = self._address.database
        return bound


def _opened(address: Address) -> Any:  # the library's own class
    try:
        return clickhouse_connect.get_client(  # pyright: ignore[reportUnknownMemberType]  # as above
            interface="https" if address.secure else "http",
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            verify=address.verify,
            ca_cert=address.ca or None,
            compress="lz4" if address.compress else False,
            connect_timeout=5,
            send_receive_timeout=120,
            # A conversation that the server remembers takes one request at a time and dies with the server.
            autogenerate_session_id=False,
            client_name="sojourn",
            settings={**_SETTINGS, **(_SPREAD if address.cluster else {})},
        )
    except (ClickHouseError, HTTPError, OSError) as fault:
        raise _told(fault, address) from fault


def _in_pieces(sql: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement with its long lists in several values, of which a server takes 128 KiB each."""
    bound: dict[str, Any] = {}
    for name, value in values.items():
        pieces = _pieces(listed(value))
        if len(pieces) < 2:
            bound[name] = value
            continue
        names = [f"{name}_{number}" for number in range(len(pieces))]
        bound.update(zip(names, pieces, strict=True))
        for kind in dict.fromkeys(re.findall(rf"\{{{name}:(\w+\(\w+\))\}}", sql)):
            whole = ", ".join(f"{{{one}:{kind}}}" for one in names)
            sql = sql.replace(f"{{{name}:{kind}}}", f"arrayConcat({whole})")
    return sql, bound


def _pieces(value: Sequence[Any]) -> list[list[Any]]:
    pieces: list[list[Any]] = []
    taken = _PIECE
    for one in value:
        size = len(str(one).encode()) + 4
        if taken + size > _PIECE:
            pieces.append([])
            taken = 0
        pieces[-1].append(one)
        taken += size
    return pieces


def _spelled(sql: str, values: Mapping[str, Any]) -> str:
    """The statement with its values in its text, for a request whose body has no room for them: whole numbers only."""
    for name, value in values.items():
        if type(value) is not int:
            raise TypeError(f"{name} is no whole number")
        sql = sql.replace(f"{{{name}:UInt64}}", f"toUInt64({value})")
    return sql


def _told(fault: Exception, address: Address) -> Unwritten:
    """A fault of the library in words that may be shown: neither user nor password, nor the statement."""
    server = f"the ClickHouse server at {address.place}"
    code = getattr(fault, "code", None)
    if code in _WRONG_USER:
        return Unreachable(f"{server} refuses the user or the password of SOJOURN_ENGINE")
    if code in _NOT_ALLOWED or (isinstance(fault, ProgrammingError) and "readonly" in str(fault)):
        return Unwritten(
            f"{server} does not allow this to the user of SOJOURN_ENGINE, who must be able to create and alter tables, "
            f"insert and select in the database {address.database}, and to change settings"
        )
    if code is None and (isinstance(fault, OperationalError | OSError | HTTPError)):
        return Unreachable(f"{server} cannot be reached: {_cause(fault)}")
    said = " ".join(str(fault).split())
    for secret in (address.password, address.user):
        said = said.replace(secret, "***") if secret else said
    return Unwritten(f"{server} could not do it: {said[:_SHOWN]}")


def _cause(fault: BaseException) -> str:
    causes: list[BaseException] = []
    at: object = fault
    while isinstance(at, BaseException) and at not in causes:
        causes.append(at)
        at = getattr(at, "reason", None) or at.__cause__ or at.__context__
    # From the one that says most: what could not be opened at all is a kind of timeout to the library.
    for kinds, words in _CAUSES:
        if found := next((cause for cause in causes if isinstance(cause, kinds)), None):
            return words.format(found)
    return "the connection broke"
