"""The engine: keeps spans and logs, and the roll-ups over them. One writer, many readers."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

from sojourn_gateway.engine import mapping
from sojourn_gateway.engine.backend import Backend, Embedded, Readers, Row, Signal
from sojourn_gateway.engine.holding import Hold
from sojourn_gateway.engine.migrations import migrate
from sojourn_gateway.engine.rollup import Rollup
from sojourn_gateway.engine.staging import Staging, parts_of
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sojourn.home import Home

__all__ = ["Engine"]


class Engine:
    """A store that one process has open.

    What `write` returned from survives the death of the process. Traces and sessions show it after the next `roll_up`.
    """

    def __init__(self, backend: Backend, staging: Staging, closing: ExitStack) -> None:
        """Use `Engine.open`. `closing` is what must be undone when the engine closes."""
        self._backend = backend
        self._staging = staging
        self._closing = closing
        self._writing = Lock()
        self._progress = Condition()
        self._pressed = False
        self._writer = backend.handle("writer")
        closing.callback(self._writer.close)
        migrate(self._writer)
        self._rollup = Rollup(self._writer)
        closing.callback(self._rollup.remember)
        self._committed = self._last_commit()
        self._readers = Readers(backend)
        closing.callback(self._readers.close)

    @classmethod
    def open(cls, home: Home) -> Engine:
        """Open the embedded engine of a home, and finish what an earlier process left undone.

        Raises `EngineHeld` when another process has it open.
        """
        with ExitStack() as undo:
            hold = Hold(home)
            undo.callback(hold.release)
            engine = cls(Embedded(home), Staging(home), undo)
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

    def _insert(self, signal: Signal, path: Path, commit: int) -> None:
        statement = mapping.insert_spans if signal == "traces" else mapping.insert_logs
        source = self._backend.source(signal, path)
        self._writer.run(f"{statement(source)}\n{self._backend.decoding(signal)}", {"commit": commit})
        self._committed = commit

    def _replay(self, signal: Signal, path: Path) -> None:
        """Insert a staged file; when a part of it cannot be decoded, its sender was told so, and the others remain."""
        envelope = path.read_bytes()
        try:
            self.write(signal, [envelope])
        except Malformed:
            for part in parts_of(envelope):
                with suppress(Malformed):
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
