"""Print the table of recorded traffic: for each recorded call what its bodies hold and what its span says.

    python -m tools.recorded_traffic [--all] [--way openai] [part of a path ...]

The exit status is 1 when a cell is wrong for no written reason.
"""

from __future__ import annotations

import argparse
import sys
import warnings

from tools.recorded_traffic.exchange import FOLDER, exchanges_of, files
from tools.recorded_traffic.reasons import unexplained
from tools.recorded_traffic.replays import WAYS, watching
from tools.recorded_traffic.table import Sums, line


def main() -> int:
    """Replay and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.recorded_traffic")
    parser.add_argument("--all", action="store_true", help="print right rows too")
    parser.add_argument("--way", choices=WAYS, action="append", help="how calls are made (default: every way)")
    parser.add_argument("only", nargs="*", help="parts of paths")
    asked = parser.parse_args()
    # The libraries have much to say of old models and of answers that they did not expect.
    warnings.simplefilter("ignore")
    wanted = [path for path in files() if not asked.only or any(part in str(path) for part in asked.only)]
    exchanges = [exchange for path in wanted for exchange in exchanges_of(path)]
    if not exchanges:
        print(f"no recordings at {FOLDER} (set SOJOURN_RECORDINGS)", file=sys.stderr)
        return 2
    sums, wrong = Sums(), 0
    for way in asked.way or WAYS:
        with watching(way) as replays:
            for exchange in filter(replays.calls.handles, exchanges):
                row = replays.row(exchange)
                sums.add(row)
                wrong += bool(unexplained(row))
                if asked.all or unexplained(row):
                    print(line(row))
    print(*sums.lines(), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
