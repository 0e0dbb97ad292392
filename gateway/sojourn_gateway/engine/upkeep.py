"""Upkeep: what searches need is built when parts are merged, and a large part that is never merged gets it here.

An import leaves such parts, or a burst of spans. Whoever searches reads all text of a part that has no index of words.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.backend import Unwritten
from sojourn_gateway.engine.tables import BUILT_LATER, DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_gateway.engine.backend import Handle
    from sojourn_gateway.engine.engine import Engine

__all__ = ["Upkeep", "build_indexes", "count_bare", "stop_building"]

_log = logging.getLogger("sojourn.gateway")

_WORTH: Final = 10_000
"""A search goes through so many in a tenth of a second."""
_QUIET_S: Final = 60.0
_LONGEST_QUIET_S: Final = 3600.0
_LONG_S: Final = 3600.0
"""A build that has not come to an end by then, though nothing was in its way, will hardly come to one."""
_SHOWN: Final = 300
_LOOK_S: Final = 0.2

# The index of words takes some bytes of a span, and what every part has takes none. A part of spans that say nothing
# looks bare too, and is left alone once this has been through it.
_BARE: Final = """
from system.parts where database = {database:String} and table = 'spans' and active
    and secondary_indices_compressed_bytes < rows"""
_OURS: Final = "startsWith(command, '(MATERIALIZE INDEX') or startsWith(command, 'MATERIALIZE INDEX')"
_UNDER_WAY: Final = f"""
select countIf({_OURS}), countIf(not ({_OURS})), anyIf(latest_fail_reason, {_OURS} and latest_fail_reason != '')
from system.mutations where database = {{database:String}} and table = 'spans' and not is_done"""
_BUILT: Final = f"""
select mutation_id from system.mutations
where database = {{database:String}} and table = 'spans' and is_done and ({_OURS})"""
_STOP: Final = f"""
kill mutation where database = {{database:String}} and table = 'spans' and not is_done and ({_OURS}) sync"""
_BUILD: Final = f"""
alter table {DATABASE}.spans {", ".join(f"materialize index {name}" for name in BUILT_LATER)}
settings mutations_sync = 0"""


def count_bare(engine: Engine) -> int:
    """How many spans lie in parts without an index of their words."""
    return int(engine.rows(f"select sum(rows) {_BARE}", {"database": DATABASE})[0][0])


def build_indexes(engine: Engine, gives_way: Callable[[], bool]) -> bool:
    """Have the engine index the parts that are not; False when it gave way, to `gives_way` or to what erases rows.

    A part is written anew beside the old one, so a death on the way leaves either; the next start of the engine goes
    on with it. Raises `Unwritten` when the engine says that it cannot.
    """
    with engine.beside() as handle:
        before = _built(handle)
        handle.run(_BUILD)
        while True:
            ours, others, why = _under_way(handle)
            if not ours:
                # What an erasure stopped is not there any more.
                return bool(_built(handle) - before)
            if others or why or gives_way():
                handle.run(_STOP, {"database": DATABASE})
                if why:
                    raise Unwritten(why[:_SHOWN])
                return False
            time.sleep(_LOOK_S)


def stop_building(handle: Handle) -> None:
    """Stop a build that may have nobody who gives way for it: the engine goes on, when it starts, with what was begun.

    Whoever erases rows would wait for it, and the store rests again some time. For an embedded store: on a server it is
    somebody else who builds. What cannot be stopped is waited for.
    """
    with suppress(GatewayFault):
        ours, _, _ = _under_way(handle)
        if ours:
            handle.run(_STOP, {"database": DATABASE})


def _under_way(handle: Handle) -> tuple[int, int, str]:
    """How many are ours, how many are not, and why one of ours failed when it was tried last."""
    ours, others, why = handle.rows(_UNDER_WAY, {"database": DATABASE})[0]
    return int(ours), int(others), text(why)


def _built(handle: Handle) -> set[bytes]:
    return {one for (one,) in handle.rows(_BUILT, {"database": DATABASE})}


@dataclass(slots=True)
class Upkeep:
    """Looks after an embedded store while nothing is written; a server has somebody who does."""

    engine: Engine
    now_ns: Callable[[], int] = time.time_ns
    worth: int = _WORTH
    """Spans without an index that a search may go through."""
    _quiet_s: float = _QUIET_S
    """How long nothing must have been written; longer each time that it had to give way, since that work was lost."""
    _vain_ns: int = 0
    """When a build last was in vain: as long after that it is left alone, too."""
    _said: bool = False
    _left: int = 0
    """Spans that look bare although this went through all."""

    def look(self, stopping: Callable[[], bool]) -> bool:
        """Build what is missing when it is worth it and the store rests; whether there was anything to build."""
        engine, written, began_ns = self.engine, self.engine.rolled_up, self.now_ns()
        if not engine.embedded or began_ns - max(written, self._vain_ns) < self._quiet_s * 1e9:
            return False
        if count_bare(engine) - self._left < self.worth:
            return False
        try:
            built = build_indexes(engine, lambda: stopping() or engine.rolled_up != written)
        except GatewayFault as fault:
            built = False
            self._say(str(fault))
        if built:
            self._quiet_s, self._vain_ns, self._said = _QUIET_S, 0, False
            self._left = count_bare(engine)
            return True
        self._quiet_s, self._vain_ns = min(2 * self._quiet_s, _LONGEST_QUIET_S), self.now_ns()
        if engine.rolled_up == written and self._vain_ns - began_ns >= _LONG_S * 1e9:
            self._say("it does not come to an end")
        return True

    def _say(self, why: str) -> None:
        """Once, until it succeeds."""
        if not self._said:
            self._said = True
            _log.warning(
                "what searches need could not be built, so that they take longer; it is tried again now and then: %s",
                why,
            )
