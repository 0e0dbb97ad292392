"""SIGTERM: the sessions end as failed with the signal's name, and the process dies as it would have without us.

SIGINT needs no handler: Python turns it into KeyboardInterrupt, which reaches the hook for uncaught exceptions unless
the program catches it, and then the program goes on and so do its sessions.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Final

from sojourn import faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Watchman"]

REASON: Final = "Signal {} detected"


class Watchman:
    """Stands before the handler of SIGTERM that was there, and steps aside without a trace.

    `dying` is called with the reason when the signal is about to kill the process; `warned` when a handler of the
    program's own decides what happens.
    """

    def __init__(self, dying: Callable[[str], None], warned: Callable[[str], None]) -> None:
        self._dying = dying
        self._warned = warned
        self._before: Callable[[int, FrameType | None], object] | int | None = None
        self._standing = False

    def stand(self) -> None:
        """Take the post; only the main thread can, and nobody does where the signal is ignored."""
        # As process 1 of a container the default action does nothing, so there is no death to prepare for.
        if threading.current_thread() is not threading.main_thread() or os.getpid() == 1:
            return
        before = signal.getsignal(signal.SIGTERM)
        # None: a handler that was not installed from Python, and could not be called or put back.
        if before in {None, signal.SIG_IGN}:
            return
        self._before = before
        signal.signal(signal.SIGTERM, self._on_signal)
        self._standing = True

    def leave(self) -> None:
        """Put back what was there, if nobody has taken the post since."""
        if self._standing and threading.current_thread() is threading.main_thread():
            self._standing = False
            if signal.getsignal(signal.SIGTERM) == self._on_signal:
                signal.signal(signal.SIGTERM, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        reason = REASON.format(signal.Signals(number).name)
        if callable(self._before):
            with faults.contained("signals.warned"):
                self._warned(reason)
            self._before(number, frame)
            return
        with faults.contained("signals.dying"):
            self._dying(reason)
        # The same death as without us, so that whoever waits for the process sees the same status.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
