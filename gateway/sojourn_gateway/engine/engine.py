"""The engine: keeps spans and logs, and the roll-ups over them. One writer, many readers."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

from sojourn.price_file import PriceList
from sojourn_gateway.engine import mapping
from sojourn_gateway.engine.backend import Backend, Readers, Row, Signal
from sojourn_gateway.engine.embedded import Embedded
from sojourn_gateway.engine.holding import Hold
from sojourn_gateway.engine.lease import Lease
from sojourn_gateway.engine.migrations import migrate
from sojourn_gateway.engine.rollup import Rollup
from sojourn_gateway.engine.served import Served
from sojourn_gateway.engine.staging import Staging, parts_of
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.faults import GatewayFault, Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from sojourn.home import Home
    from sojourn.prices import Rates
    from sojourn_gateway.engine.backend import Handle
    from sojourn_gateway.engine.graves import Graves
    from sojourn_gateway.model.address import Address

__all__ = ["Engine"]


class Engine:
    """A store that one process has open.

    What `write` returned from survives the death of the process. Traces and sessions show it after the next `roll_up`.
    """

    def __init__(self, backend: Backend, staging: Staging, closing: ExitStack, prices: PriceList | None = None) -> None:
        """Use `Engine.open`. `closing` is what must be undone when the engine closes."""
        self._backend = backend
        self._staging = staging
        self._closing = closing
        self._writing = Lock()
        self._progress = Condition()
        self._pressed = False
        self._renewed = 0
        self._writer = backend.handle("writer")
        closing.callback(self._writer.close)
        migrate(self._writer)
        self._rollup = Rollup(self._writer, prices or PriceList())
        closing.callback(self._remember)
        self._committed = self._last_commit()
        self._readers = Readers(backend)
        closing.callback(self._readers.close)

    @classmethod
    def open(cls, home: Home, server: Address | None = None, *, prices: PriceList | None = None) -> Engine:
        """Open the embedded engine of a home, or a server's, and finish what an earlier process left undone.

        Raises `EngineHeld` when another process has it open, and `GatewayFault` when the server is of no use.
        `prices` are the user's own, which beat the price table.
        """
        with ExitStack() as undo:
            hold = Hold(home)
            undo.callback(hold.release)
            engine = cls(_backend(home, server, undo), Staging(home), undo, prices)
            engine.recover()
            # From here on closing is the caller's.
            engine._closing = undo.pop_all()
            return engine

    def close(self) -> None:
        """Close the store. Roll-ups that are behind are made at the next start."""
        with self._writing:
            self._closing.close()

    def recover(self) -> None:
        """Insert staged files again (that is harmless when they were), and roll up what was not."""
        for signal, path in self._staging.left():
            self._replay(signal, path)
        self.roll_up()

    def write(self, signal: Signal, parts: Sequence[bytes]) -> None:
        """Keep the parts of an envelope, in one commit: all or none.

        Returns when they would survive a crash. Raises `Malformed` when one of them cannot be decoded, and
        `Unwritten` when the engine cannot write; then nothing was kept.
        """
        with self._writing:
            commit = max(self._committed + 1, time.time_ns())
            path = self._staging.write(signal, commit, b"".join(parts))
            try:
                self._insert(signal, path, commit)
            finally:
                path.unlink()

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keep rows that come from no exporter, such as scores. Returns when they would survive a crash."""
        with self._writing:
            self._writer.insert(f"{DATABASE}.{table}", columns, rows)

    @contextmanager
    def inserting(self) -> Generator[tuple[Handle, Graves]]:
        """The writer and what was erased, while nothing else is written; roll-ups may lie behind."""
        with self._writing:
            yield self._writer, self._rollup.graves

    def roll_up(self) -> None:
        """Bring traces and sessions up to what was written before this call."""
        with self._writing:
            self._rollup.catch_up(self._committed)
        with self._progress:
            self._progress.notify_all()

    def settle(self, timeout_s: float, *, patient: bool = True) -> bool:
        """Wait until roll-ups show what is written now, so that a sender reads what it was told is kept.

        False when that took longer than `timeout_s`. Without patience also, at once, while batches keep coming: then
        roll-ups follow within a second, and a reader had better not wait.
        """
        upto = self._committed
        with self._progress:
            self._progress.wait_for(lambda: self._rollup.done >= upto or (self._pressed and not patient), timeout_s)
            return self._rollup.done >= upto

    def press(self, on: bool) -> None:
        """Tell that batches keep coming, or that they ceased to."""
        with self._progress:
            self._pressed = on
            self._progress.notify_all()

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """The rows of a query, from any thread."""
        return self._readers.rows(sql, values)

    def price(self, provider: str, asked: str, answered: str, at_ns: int) -> Rates | None:
        """The rates of a call by which sums are made; None when its models have none. From any thread."""
        return self._rollup.rates.find(provider, asked, answered, at_ns)

    @property
    def embedded(self) -> bool:
        """Whether the store lies in this process's home, and not on a server."""
        return isinstance(self._backend, Embedded)

    @property
    def rolled_up(self) -> int:
        """The last commit that lists show; its number is about the time at which it was made, in nanoseconds."""
        return self._rollup.done

    @property
    def renewed(self) -> int:
        """How often what was stored may have changed without a new commit, as an erasure changes it."""
        return self._renewed

    @contextmanager
    def exclusively(self) -> Generator[Rollup]:
        """While nothing is written: for what changes rows that are stored. Roll-ups are up to date within."""
        with self._writing:
            self._rollup.catch_up(self._committed)
            try:
                yield self._rollup
            finally:
                # Behind it, since who asks meanwhile may see half of it.
                self._renewed += 1

    @contextmanager
    def beside(self) -> Generator[Handle]:
        """A handle that may write, beside the writer: for statements that take long."""
        handle = self._backend.handle("writer")
        try:
            yield handle
        finally:
            handle.close()

    def _insert(self, signal: Signal, path: Path, commit: int) -> None:
        statement = mapping.insert_spans if signal == "traces" else mapping.insert_logs
        # Before it is made: one that failed may have left rows behind.
        self._rollup.hear(signal, commit)
        self._writer.load(signal, path, statement, {"commit": commit})
        self._committed = commit

    def _remember(self) -> None:
        # A server that is gone, or that another writes to, keeps nobody from stopping: some roll-ups are repeated then.
        with suppress(GatewayFault):
            self._rollup.remember()

    def _replay(self, signal: Signal, path: Path) -> None:
        """Insert a staged file; when a part of it cannot be decoded, its sender was told so, and the others remain."""
        envelope = path.read_bytes()
        try:
            self.write(signal, [envelope])
        except (Malformed, TooLarge):
            for part in parts_of(envelope):
                with suppress(Malformed, TooLarge):
                    self.write(signal, [part])
        path.unlink()

    def _last_commit(self) -> int:
        rows = self._writer.rows(
            f"""select max(commit) from (
                select max(commit) as commit from {DATABASE}.spans where commit > {{after:UInt64}}
                union all select max(commit) from {DATABASE}.logs where commit > {{after:UInt64}}
            )""",
            {"after": self._rollup.done},
        )
        return max(int(rows[0][0]), self._rollup.done)


def _backend(home: Home, server: Address | None, undo: ExitStack) -> Backend:
    if server is None:
        return Embedded(home)
    lease = Lease(Served(server).handle("writer"), home)
    undo.callback(lease.release)
    return Served(server, lease.check)
