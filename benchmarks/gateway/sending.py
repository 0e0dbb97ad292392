"""Senders: a few connections that send as fast as they are answered, and do as they are told when it is too fast."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Sent", "send"]

CONNECTIONS: Final = 16
"""As many programs, or a collector and its consumers."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the batches: all of them were acknowledged."""

    bytes: int
    wall_s: float
    asked_to_wait: int
    slowest_s: float


def send(url: str, headers: dict[str, str], batches: Iterable[bytes], connections: int = CONNECTIONS) -> Sent:
    """Send all batches. Raises RuntimeError when one is refused for good."""
    waiting: SimpleQueue[bytes] = SimpleQueue()
    size = 0
    for batch in batches:
        waiting.put(batch)
        size += len(batch)
    waits: list[float] = []
    slowest: list[float] = []
    refusals: list[str] = []

    def run() -> None:
        with httpx.Client(timeout=600, trust_env=False) as client:
            while not refusals:
                try:
                    batch = waiting.get_nowait()
                except Empty:
                    return
                while True:
                    begun = time.perf_counter()
                    try:
                        answer = client.post(url, content=batch, headers=headers)
                    except httpx.TransportError as fault:
                        refusals.append(repr(fault))
                        return
                    slowest.append(time.perf_counter() - begun)
                    if answer.status_code not in (429, 503):
                        break
                    waits.append(float(answer.headers.get("retry-after", 1)))
                    time.sleep(waits[-1])
                if answer.status_code >= 300:
                    refusals.append(f"{answer.status_code}: {answer.text[:300]}")

    threads = [threading.Thread(target=run) for _ in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - begun
    if refusals:
        raise RuntimeError(f"{url} refused a batch: {refusals[0]}")
    return Sent(size, wall, len(waits), max(slowest, default=0.0))
