"""What watching costs the program that is watched: nobody, spans by hand, ours, and those of others.

    python -m benchmarks.overhead [--rounds 15] [--without-peers] [--growth 100000] [--json]

Each watcher has a process of its own and all take turns, round by round, so that what else the machine does meets
them alike. Time is CPU time of the thread that makes the call; of the rounds the median counts. Calls are
Python-level calls, which do not depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, cast

from benchmarks.overhead.environments import ROOT, python_of
from benchmarks.overhead.watchers import PEERS, WATCHERS

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLS: Final = {
    "chat": 40,
    "stream of 40 chunks": 12,
    "chat, async": 40,
    "embeddings, 1536 numbers": 12,
    "LangChain, seven runs": 40,
}
"""The works, and how many calls of each a round has."""
OURS: Final = "sojourn"
FLOOR: Final = "by hand"


@dataclass
class Worker:
    """A process with one watcher."""

    watcher: str
    process: subprocess.Popen[str]

    @staticmethod
    def start(watcher: str) -> Worker:
        # What is said by the libraries on the way (of versions, of warnings) is not what is looked for here.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            [python_of(watcher), "-m", "benchmarks.overhead.worker", watcher],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=ROOT,
            text=True,
        )
        return Worker(watcher, process)

    def ask(self, work: str, measure: str, count: int = 1) -> Any:
        to, back = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        to.write(json.dumps({"work": work, "measure": measure, "count": count}) + "\n")
        to.flush()
        answer = back.readline()
        if not answer:
            raise RuntimeError(f"{self.watcher} ended while it did {work}")
        return json.loads(answer)

    def stop(self) -> None:
        cast("IO[str]", self.process.stdin).close()
        self.process.wait()


@dataclass
class Costs:
    """What a watcher adds to one call of a work."""

    microseconds: float = 0.0
    calls: int = 0
    kilobytes: float = 0.0


@dataclass
class Measured:
    """All figures of a run."""

    bare: dict[str, Costs] = field(default_factory=dict[str, Costs])
    added: dict[str, dict[str, Costs]] = field(default_factory=dict[str, dict[str, Costs]])

    def best_peer(self, work: str, figure: str) -> float | None:
        told = [getattr(self.added[work][name], figure) for name in PEERS if name in self.added[work]]
        return min(told, default=None)


def measure(watchers: Sequence[str], rounds: int) -> Measured:
    """Let the watchers take turns."""
    workers = [Worker.start(name) for name in watchers]
    measured = Measured()
    try:
        for work, count in CALLS.items():
            times: dict[str, list[float]] = {worker.watcher: [] for worker in workers}
            for worker in workers:
                worker.ask(work, "time", count)
            for _ in range(rounds):
                for worker in workers:
                    times[worker.watcher].append(worker.ask(work, "time", count))
            found = {
                worker.watcher: Costs(
                    statistics.median(times[worker.watcher]) / 1000,
                    worker.ask(work, "calls"),
                    worker.ask(work, "memory") / 1024,
                )
                for worker in workers
            }
            bare = measured.bare[work] = found.pop("nobody")
            measured.added[work] = {
                name: Costs(
                    told.microseconds - bare.microseconds, told.calls - bare.calls, told.kilobytes - bare.kilobytes
                )
                for name, told in found.items()
            }
    finally:
        for worker in workers:
            worker.stop()
    return measured


def present(measured: Measured) -> str:
    """The figures as a Markdown table for each work."""
    lines: list[str] = []
    for work, added in measured.added.items():
        bare, floor = measured.bare[work], added[FLOOR]
        lines += [
            "",
            f"{work}: {bare.microseconds:,.0f} us, {bare.calls:,} calls, {bare.kilobytes:,.0f} KB when nobody watches",
            "",
            "| watcher | adds us | x by hand | adds calls | x by hand | adds KB |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        lines += [
            f"| {name} | {told.microseconds:,.0f} | {_ratio(told.microseconds, floor.microseconds)} "
            f"| {told.calls:,} | {_ratio(told.calls, floor.calls)} | {told.kilobytes:,.1f} |"
            for name, told in added.items()
        ]
        best = measured.best_peer(work, "microseconds")
        if best is not None:
            lines += ["", f"Of the best of the others: {_ratio(added[OURS].microseconds, best)}"]
    return "\n".join(lines)


def grow(count: int) -> str:
    """Whether memory grows with the number of calls, under nobody and under us."""
    lines = [f"After {count:,} calls more, blocks of memory that were not there before:"]
    for watcher in ("nobody", OURS):
        worker = Worker.start(watcher)
        try:
            told = worker.ask("chat", "growth", count)
        finally:
            worker.stop()
        lines.append(f"  {watcher}: {told['blocks']:,}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without-peers", action="store_true", help="install nothing, measure ours only")
    parser.add_argument("--growth", type=int, default=0, metavar="CALLS", help="also look for growth over so many")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    watchers = [name for name in WATCHERS if not (asked.without_peers and name in PEERS)]
    measured = measure([name for name in watchers if _available(name)], asked.rounds)
    if asked.json:
        print(
            json.dumps(
                {work: {name: vars(told) for name, told in all_of.items()} for work, all_of in measured.added.items()}
            )
        )
    else:
        print(present(measured))
    if asked.growth:
        print(grow(asked.growth))


def _available(watcher: str) -> bool:
    try:
        python_of(watcher)
    except subprocess.CalledProcessError as fault:
        print(f"{watcher} is left out: {fault}", file=sys.stderr)
        return False
    return True


def _ratio(told: float, base: float) -> str:
    return f"{told / base:.2f}" if base > 0 else "-"


if __name__ == "__main__":
    main()
