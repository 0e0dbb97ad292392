"""Enough of ClickHouse's HTTP interface over the embedded engine, in a process of its own, to stand for a server.

    python -m tests.gateway.front FOLDER PORT [CERTIFICATE KEY]

Statements, values, formats, settings and errors are the engine's own; what is here is the envelope: where a request has
its statement, its values, its settings and its data, how bodies are compressed, who may ask, and how an error is told.

The users are `sojourn`, who may do everything, and `reader`, whom the engine itself keeps from writing. Both have a
password that needs quoting in a URL.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import sys
import zlib
from base64 import b64decode
from collections import defaultdict
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import NamedTemporaryFile
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

import chdb
import lz4.frame as lz4_frame
import uvicorn

# Neither has types.
_CHDB: Any = chdb
_LZ4: Any = lz4_frame

PASSWORD: Final = "p@ss/w?rd#1 %"
USERS: Final = ("sojourn", "reader")
# What the interface itself reads; everything else in the URL is a setting.
_OWN: Final = frozenset(
    {
        "query",
        "database",
        "session_id",
        "query_id",
        "wait_end_of_query",
        "buffer_size",
        "compress",
        "decompress",
        "user",
        "password",
        "quota_key",
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "client_protocol_version",
        "role",
    }
)
# The setting `http_max_field_value_size`, which no request can raise for itself.
_LONGEST_VALUE: Final = 128 * 1024
_CODE: Final = re.compile(r"Code: (\d+)")
_INPUT: Final = re.compile(rb"\binput\('((?:[^'\\]|\\.)*)'\)")
_DATA: Final = re.compile(rb"\bformat\s+(\w+)[ \t\f]*\r?\n", re.IGNORECASE)
_FORMAT: Final = re.compile(rb"\bformat\s+(\w+)\s*$", re.IGNORECASE)
# A cluster of one server: its replicated tables are plain ones, and the table over them is the one of the shard.
_CLUSTER: Final = re.compile(rb" on cluster \w+", re.IGNORECASE)
_REPLICATED: Final = re.compile(rb"engine = Replicated(\w+)\('[^']*', '[^']*'(?:, )?")
_SPREAD: Final = re.compile(rb"as (\w+)\.(\w+) engine = Distributed\(.*", re.DOTALL)
_OF_ALL: Final = re.compile(rb"\bcluster\('\w+', (system\.\w+)\)")
_STATUS: Final = {60: 404, 81: 404, 62: 400, 164: 403, 497: 403, 516: 401, 159: 408, 202: 503, 241: 500}


class Refused(Exception):
    """A request that does not reach the engine."""


class Connections:
    """Connections of the engine, kept by the settings that they have."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder)
        self._free: dict[frozenset[tuple[str, str]], SimpleQueue[Any]] = defaultdict(SimpleQueue)
        # As a server, it lives longer than any connection.
        self._first = _CHDB.connect(self._path)

    def query(self, settings: dict[str, str], sql: bytes, params: dict[str, str]) -> bytes:
        """The answer of one statement."""
        key = frozenset(settings.items())
        try:
            connection = self._free[key].get_nowait()
        except Empty:
            connection = _CHDB.connect(self._path)
            for name, value in sorted(settings.items(), key=lambda setting: setting[0] == "readonly"):
                connection.query(f"set {name} = '{_escaped(value)}'")
        try:
            answer: bytes = connection.query(sql, "TabSeparated", params=params).bytes() or b""
            return answer
        finally:
            self._free[key].put(connection)


class Front:
    """The interface as an ASGI application."""

    def __init__(self, folder: Path) -> None:
        self._connections = Connections(folder)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        asked = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        if scope["path"] == "/ping":
            await _answer(send, 200, b"Ok.\n", {})
            return
        try:
            status, answer, told = await asyncio.to_thread(self._work, headers, asked, bytes(body))
        except Exception as fault:
            said = str(fault)
            found = _CODE.search(said)
            code = int(found[1]) if found else 1000
            text = f"{said[said.find('Code: ') :].strip()} (version 26.9.2.1)\n"
            status, answer, told = _STATUS.get(code, 500), text.encode(), {"X-ClickHouse-Exception-Code": str(code)}
        told |= {"X-ClickHouse-Query-Id": asked.get("query_id", str(uuid4())), "X-ClickHouse-Timezone": "UTC"}
        if asked.get("enable_http_compression") == "1" and answer:
            encoding, answer = _compressed(headers.get("accept-encoding", ""), answer)
            told |= {"Content-Encoding": encoding} if encoding else {}
        await _answer(send, status, answer, told)

    def _work(self, headers: dict[str, str], asked: dict[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
        user = _user(headers, asked)
        body = _plain(headers.get("content-encoding", ""), body)
        if headers.get("content-type", "").startswith("multipart/form-data"):
            fields = _fields(headers["content-type"], body)
            asked, body = asked | fields, b""
        if any(len(value.encode()) > _LONGEST_VALUE for value in asked.values()):
            raise Refused("Code: 1000. DB::Exception: HTML Form Exception: Field value too long")
        query = asked.get("query", "").encode()
        statement = _on_one_server(query + b"\n" + body if query else body)
        settings = {name: value for name, value in asked.items() if name not in _OWN and not name.startswith("param_")}
        if user == "reader":
            settings |= {"readonly": "1"}
        params = {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")}
        told = {"X-ClickHouse-Summary": json.dumps({"read_rows": "0", "written_rows": "0"})}
        if statement.lstrip()[:6].lower() == b"insert":
            self._insert(settings, statement, params)
            return 200, b"", told
        answer = self._connections.query(settings, statement, params)
        if statement.lstrip()[:6].lower() in (b"select", b"show t", b"descri", b"explai") or answer:
            found = _FORMAT.search(statement)
            told["X-ClickHouse-Format"] = found[1].decode() if found else "TabSeparated"
        return 200, answer, told

    def _insert(self, settings: dict[str, str], statement: bytes, params: dict[str, str]) -> None:
        """Data behind the statement goes by a file where the embedded engine reads it from no request."""
        source = _INPUT.search(statement)
        data = _DATA.search(statement)
        if data is None:
            self._connections.query(settings, statement, params)
            return
        with NamedTemporaryFile(suffix=".body") as file:
            file.write(statement[data.end() :])
            file.flush()
            if source is None:
                # Behind a statement, two ends of lines would end the data.
                rows = f"select * from file('{file.name}', '{data[1].decode()}')".encode()
                self._connections.query(settings, statement[: data.start()] + b"\n" + rows, params)
                return
            named = f"file('{file.name}', '{data[1].decode()}', '{source[1].decode()}')".encode()
            # The one settings that are as long as a file are the schema's: they are no part of a connection.
            long = ", ".join(f"{name} = '{_escaped(value)}'" for name, value in settings.items())
            sql = statement[: source.start()] + named + statement[source.end() : data.start()]
            self._connections.query({}, sql + f"\nsettings {long}".encode(), params)


def _on_one_server(statement: bytes) -> bytes:
    if not _CLUSTER.search(statement[:200]):
        return _OF_ALL.sub(rb"\1", statement)
    alone = _CLUSTER.sub(b"", statement, count=1)
    return _SPREAD.sub(rb"engine = Alias(\1, \2)", _REPLICATED.sub(rb"engine = \1(", alone))


def _user(headers: dict[str, str], asked: dict[str, str]) -> str:
    user, password = headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    if (told := headers.get("authorization", "")).startswith("Basic "):
        user, _, password = b64decode(told[6:]).decode().partition(":")
    if user not in USERS or password != PASSWORD:
        raise Refused(
            f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is no user "
            "with such name. (AUTHENTICATION_FAILED)"
        )
    return user


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
    return fields


def _plain(encoding: str, body: bytes) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case "lz4":
            plain: bytes = _LZ4.decompress(body)
            return plain
        case "":
            return body
        case _:
            raise Refused(f"Code: 89. DB::Exception: Unknown compression method: {encoding}. (UNKNOWN_COMPRESSION)")


def _compressed(accepted: str, answer: bytes) -> tuple[str, bytes]:
    wanted = [one.strip() for one in accepted.split(",")]
    if "lz4" in wanted:
        return "lz4", _LZ4.compress(answer)
    if "gzip" in wanted:
        return "gzip", gzip.compress(answer, 1)
    return "", answer


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


async def _answer(send: Any, status: int, body: bytes, headers: dict[str, str]) -> None:
    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    told.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def main(folder: str, port: str, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until killed, on a port that whoever starts this holds without listening."""
    told = uvicorn.Config(
        Front(Path(folder)),
        log_level="error",
        access_log=False,
        lifespan="off",
        # A statement of ours is in the body, but its values are in the URL.
        h11_max_incomplete_event_size=1 << 20,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", int(port)))
        uvicorn.Server(told).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
