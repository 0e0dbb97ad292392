"""What `import sojourn; sojourn.init()` costs, against importing what it needs of OpenTelemetry.

    python benchmarks/startup.py

Each program runs in an interpreter of its own, in turn; the figure to compare is the ratio of the medians, since
absolute times are the machine's. Also measured: how long a program with an endpoint that never answers takes to exit.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile

RUNS = 15

NEEDED = """
import opentelemetry.trace
import opentelemetry.sdk.trace, opentelemetry.sdk.resources, opentelemetry.sdk.trace.sampling
import opentelemetry.exporter.otlp.proto.common.trace_encoder
import opentelemetry.proto.collector.logs.v1.logs_service_pb2
"""
OURS = """
import sojourn
sojourn.init()
"""
TIMED = """
import time
began = time.perf_counter()
{body}
print(time.perf_counter() - began)
"""
LEAVES = """
import sojourn
sojourn.init(endpoint={url!r})
sojourn.record(sojourn.ActionEvent())
import time, atexit
"""


def seconds(body: str) -> float:
    """What the body takes in a fresh interpreter, by its own clock."""
    done = subprocess.run([sys.executable, "-c", TIMED.format(body=body)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def exit_seconds(url: str | None) -> float:
    """How long the handlers at exit take."""
    # Registered first, so it runs last; the clock starts when the program's own code ends.
    program = (
        "import atexit, time\nended = []\natexit.register(lambda: print(time.perf_counter() - ended[0]))\n"
        + LEAVES.format(url=url)
        + "\nended.append(time.perf_counter())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home, socket.socket() as silent:
        os.environ["SOJOURN_HOME"] = home
        # Installed packages come compiled; a checkout must not be compiled anew for each run.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds(OURS)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        needed: list[float] = []
        ours: list[float] = []
        leave: list[float] = []
        leave_silent: list[float] = []
        for _ in range(RUNS):
            needed.append(seconds(NEEDED))
            ours.append(seconds(OURS))
            leave.append(exit_seconds(None))
            leave_silent.append(exit_seconds(url))
    ratio = statistics.median(o / n for o, n in zip(ours, needed, strict=True))
    print(f"import what is needed of OpenTelemetry   {statistics.median(needed) * 1000:7.1f} ms")
    print(f"import sojourn; sojourn.init()           {statistics.median(ours) * 1000:7.1f} ms   ratio {ratio:.2f}")
    print(f"exit, no endpoint                        {statistics.median(leave) * 1000:7.1f} ms")
    print(f"exit, an endpoint that never answers     {statistics.median(leave_silent) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
