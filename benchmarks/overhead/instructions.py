"""What watching adds to the calling thread, in machine instructions, which neither the machine nor its load changes.

    python -m benchmarks.overhead.instructions [--works chat "stream of 40 chunks"] [--peers] [--json]

It needs Valgrind (the package `valgrind` of most systems) and takes minutes: every watcher does all works under
Callgrind in a process of its own, a few times unseen, while caches fill, and then some more, which are counted. Of
several threads the one that makes the calls is counted, as in `benchmarks.overhead`, and the collector waits meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.overhead.environments import ROOT, python_of
from benchmarks.overhead.watchers import PEERS, WATCHERS

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTED: Final = {
    "chat": 6,
    "stream of 40 chunks": 3,
    "chat, async": 6,
    "embeddings, 1536 numbers": 3,
    "LangChain, seven runs": 4,
}
"""The works, and how many calls of each are counted: few, since one takes nearly as many as the other."""
NOBODY: Final = "nobody"
FLOOR: Final = "by hand"
_TOTAL: Final = re.compile(r"^(?:summary|totals): (\d+)$", re.MULTILINE)


def counted(watcher: str, works: Sequence[str]) -> dict[str, float]:
    """Instructions of one call of each work on the thread that makes it, all under one watcher."""
    asked = [json.dumps({"work": work, "measure": "marked", "count": COUNTED[work]}) for work in works]
    with tempfile.TemporaryDirectory(prefix="sojourn-instructions-") as folder:
        out = Path(folder) / "out"
        subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--separate-threads=yes",
                # The worker's mark: what was counted since the last one is written into a file of its own.
                "--dump-before=tzset",
                f"--callgrind-out-file={out}",
                python_of(watcher),
                "-m",
                "benchmarks.overhead.worker",
                watcher,
            ],
            input="\n".join(asked),
            text=True,
            # The same order of every set and table in every run.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        # A mark stands before and after what is counted, and the first thread is the one that makes the calls.
        return {work: _total(Path(f"{out}.{2 * place}-01")) / COUNTED[work] for place, work in enumerate(works, 1)}


def _total(dump: Path) -> int:
    return int(_TOTAL.findall(dump.read_text("utf-8", "replace"))[-1])


def measure(watchers: Sequence[str], works: Sequence[str], at_once: int) -> dict[str, dict[str, float]]:
    """Added instructions of a call, by work and watcher, and those of nobody."""
    with ThreadPoolExecutor(at_once) as pool:
        asked = {watcher: pool.submit(counted, watcher, works) for watcher in watchers}
        found = {watcher: future.result() for watcher, future in asked.items()}
    bare = found.pop(NOBODY)
    return {
        work: {NOBODY: bare[work]} | {watcher: told[work] - bare[work] for watcher, told in found.items()}
        for work in works
    }


def present(measured: dict[str, dict[str, float]]) -> str:
    """A Markdown table."""
    watchers = [name for name in next(iter(measured.values())) if name != NOBODY]
    lines = [
        "Thousands of instructions that a call takes, and what each watcher adds (times what spans by hand add)",
        "",
        f"| work | nobody | {' | '.join(watchers)} |",
        f"|---|--:|{'--:|' * len(watchers)}",
    ]
    for work, told in measured.items():
        cells = (f"{told[name] / 1000:,.0f} ({told[name] / told[FLOOR]:.2f})" for name in watchers)
        lines.append(f"| {work} | {told[NOBODY] / 1000:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.instructions")
    parser.add_argument("--works", nargs="+", choices=list(COUNTED), default=list(COUNTED))
    parser.add_argument("--peers", action="store_true", help="also those of others, each in an environment of its own")
    parser.add_argument("--at-once", type=int, default=1, help="processes at the same time; the figures stay the same")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("This needs Valgrind: install the package `valgrind` of your system.")
    watchers = [name for name in WATCHERS if asked.peers or name not in PEERS]
    measured = measure(watchers, asked.works, asked.at_once)
    print(json.dumps(measured) if asked.json else present(measured))


if __name__ == "__main__":
    main()
