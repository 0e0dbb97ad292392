"""Whether recording works: what was written, what was delivered, and what was not."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sojourn import faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sojourn.recorder import Recorder
    from sojourn.sender import Sender

__all__ = ["Health", "parting_words", "take"]


class Health(NamedTuple):
    """The state of recording in this process, at one moment."""

    journalled_spans: int = 0
    """Finished spans that were handed to the journal."""
    delivered_spans: int = 0
    """Those of them that an endpoint has taken over."""
    waiting_bytes: int = 0
    """What of the journal no endpoint has taken over yet."""
    dropped: int = 0
    """Spans and session events that were given up: the journal folder was over its limit, or the memory that stood in
    for it, or they could not be encoded. Those of dead processes that had to go count too."""
    refused: int = 0
    """Spans and session events that an endpoint called malformed; they are kept in the folder `refused`."""
    last_error: str | None = None
    """In words; also of trouble that is over."""
    endpoint: str | None = None
    """Where it is to go; None: to any gateway of this home."""
    reached: str | None = None
    """The endpoint that took something over last."""
    faults: Mapping[str, int] = MappingProxyType({})
    """How often something went wrong, by place; the first time at each is in the log."""
    journal: Path | None = None
    """The file that is written now."""
    memory_only: bool = False
    """Whether what is recorded would die with the process, since the journal cannot be written."""


def take(recorder: Recorder, sender: Sender, endpoint: str | None, before: Mapping[str, int]) -> Health:
    """The state of recording now; `before` are the faults that were counted before this client began."""
    spool = recorder.spool
    # Another client of this process may have had trouble before.
    since = {place: n - before.get(place, 0) for place, n in faults.counted().items()}
    trouble = {place: n for place, n in since.items() if n}
    return Health(
        journalled_spans=recorder.journalled_spans,
        delivered_spans=sender.delivered_spans,
        waiting_bytes=0 if spool is None else spool.waiting_bytes,
        dropped=recorder.dropped,
        refused=sender.refused,
        last_error=faults.last() if trouble else None,
        endpoint=endpoint,
        reached=sender.reached,
        faults=trouble,
        journal=None if spool is None else spool.path,
        memory_only=spool is not None and spool.in_memory,
    )


def parting_words(health: Health) -> str | None:
    """What a person must know at the end of the program; None when nothing was lost."""
    said: list[str] = []
    if health.dropped:
        said.append(f"{health.dropped} spans or session events were lost")
    if health.refused:
        said.append(f"{health.refused} were refused by {health.reached or health.endpoint or 'the endpoint'}")
    if not said:
        return None
    last = f" (last trouble: {health.last_error})" if health.last_error else ""
    return f"sojourn: {'; '.join(said)}{last}; `sojourn doctor` says more"
