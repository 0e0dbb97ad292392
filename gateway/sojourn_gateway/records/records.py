"""The database of records: opened when it is first needed, brought up to date, and shared by all threads."""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.records.migrations.upgrade import upgrade
from sojourn_gateway.records.tables import SECRETS

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine import Connection, Engine

    from sojourn.home import Home

__all__ = ["Records"]

_WORDS: Final = "SOJOURN_RECORDS must be a URL such as postgresql://user:password@host/database"
_PATIENCE_S: Final = 10


class Records:
    """Connections to the records of one gateway. Any thread may ask for one; nothing is opened before the first."""

    def __init__(self, url: str) -> None:
        """`url` names a database of SQLite or PostgreSQL. Raises `GatewayFault` when it is no such URL."""
        self._url = _parsed(url)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @classmethod
    def of(cls, home: Home, url: str = "") -> Records:
        """Those of a home, unless a URL says elsewhere."""
        return cls(url or URL.create("sqlite", database=str(home.root / "records.db")).render_as_string())

    def __str__(self) -> str:
        """Where they are, without the password."""
        return self._url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Connect and bring the tables up to date now. Raises `GatewayFault` in words."""
        self._opened()

    def close(self) -> None:
        """Give the connections back; a later question opens anew."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection to read with. Raises `GatewayFault` when the database does not answer."""
        with self._told(), self._opened().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction, kept when the block is left without an error. Raises `GatewayFault` as `reading` does."""
        with self._told(), self._opened().connect() as connection:
            # Else two writers of SQLite could both begin as readers, and one fail half-way.
            writer = connection.execution_options(sojourn_immediate=True)
            with writer.begin():
                yield writer

    def secret(self, name: str) -> bytes:
        """A random secret of this name, made when it is first asked for; all gateways of the database share it."""
        asked = select(SECRETS.c.value).where(SECRETS.c.name == name)
        with self.reading() as connection:
            found = connection.execute(asked).scalar()
        if found is None:
            try:
                with self.writing() as connection:
                    connection.execute(insert(SECRETS).values(name=name, value=secrets.token_hex(32)))
            except IntegrityError:
                # Another gateway was first.
                pass
            with self.reading() as connection:
                found = connection.execute(asked).scalar_one()
        return bytes.fromhex(found)

    def _opened(self) -> Engine:
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = self._open()
        return self._engine

    def _open(self) -> Engine:
        is_sqlite = self._url.get_backend_name() == "sqlite"
        try:
            if is_sqlite:
                _prepare(self._url.database or "")
                engine = create_engine(self._url, connect_args={"timeout": _PATIENCE_S, "check_same_thread": False})
                event.listen(engine, "connect", _connected)
                event.listen(engine, "begin", _began)
            else:
                arguments = {"connect_timeout": _PATIENCE_S}
                engine = create_engine(self._url, connect_args=arguments, pool_pre_ping=True)
        except (ImportError, NoSuchModuleError):
            raise GatewayFault("PostgreSQL needs a driver: pip install 'sojourn[postgres]'") from None
        try:
            with engine.connect() as connection:
                upgrade(connection.execution_options(sojourn_immediate=True))
        except (SQLAlchemyError, OSError) as fault:
            engine.dispose()
            raise self._fault(fault) from fault
        except BaseException:
            engine.dispose()
            raise
        return engine

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as fault:
            raise self._fault(fault) from fault

    def _fault(self, fault: Exception) -> GatewayFault:
        cause = str(getattr(fault, "orig", None) or fault).strip().splitlines()
        told = cause[0] if cause else type(fault).__name__
        if self._url.password:
            told = told.replace(str(self._url.password), "***")
        return GatewayFault(f"the records at {self} cannot be used: {told}")


def _parsed(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        raise GatewayFault(_WORDS) from None
    match found.drivername:
        case "postgres" | "postgresql":
            return found.set(drivername="postgresql+psycopg")
        case "sqlite" if found.database not in (None, "", ":memory:"):
            return found
        case _:
            raise GatewayFault(_WORDS)


def _prepare(database: str) -> None:
    """The file, readable by its owner alone, before SQLite would make it readable by others."""
    path = Path(database)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _connected(connection: Any, record: object) -> None:  # the driver's own connection
    del record
    # The driver would begin and commit by itself around some statements; `_began` does it where it is meant.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _began(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("sojourn_immediate", False)
    connection.exec_driver_sql("begin immediate" if immediate else "begin")
