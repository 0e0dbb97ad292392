"""How long a program that recorded something takes to exit, for each way in which its endpoint may behave.

    python -m benchmarks.sdk.leave

From the end of the program's own code to the last of its exit handlers. What was recorded is in the journal before
that, so nothing is lost by leaving early; reach: 0.3 seconds.
"""

from __future__ import annotations

import socket
import statistics
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from benchmarks.sdk.programs import at_home, printed

if TYPE_CHECKING:
    from collections.abc import Generator

RUNS = 7
REACH_S = 0.3
# Registered first, so that it runs last; the clock starts when the program's own code ends.
LEAVES = """
import atexit, time
ended = []
atexit.register(lambda: print(time.perf_counter() - ended[0]))
import sojourn
sojourn.init(endpoint={url!r})
for _ in range(100):
    sojourn.record(sojourn.ActionEvent("step"))
ended.append(time.perf_counter())
"""
BARE = """
import atexit, time
ended = []
atexit.register(lambda: print(time.perf_counter() - ended[0]))
ended.append(time.perf_counter())
"""


class _Failing(BaseHTTPRequestHandler):
    """Answers 500 to everything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._fail()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._fail()

    def _fail(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: the programs leave, and so do their connections."""


@contextmanager
def endpoints() -> Generator[dict[str, str | None]]:
    """Base URLs by how they behave; None is no endpoint at all."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refusing = closed.getsockname()[1]
    with socket.socket() as silent, _Server(("127.0.0.1", 0), _Failing) as failing:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        Thread(target=failing.serve_forever, daemon=True).start()
        yield {
            "no endpoint": None,
            "an endpoint that refuses the connection": f"http://127.0.0.1:{refusing}",
            "an endpoint that never answers": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "an endpoint that answers 500": f"http://127.0.0.1:{failing.server_address[1]}",
        }
        failing.shutdown()


def main() -> None:
    """Measure and print."""
    with at_home(), endpoints() as there:
        programs = {"without us": BARE} | {name: LEAVES.format(url=url) for name, url in there.items()}
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(RUNS):
            for name, program in programs.items():
                taken[name].append(float(printed(program).split()[-1]))
    print(f"{'seconds to exit, reach ' + str(REACH_S):42} {'median':>8} {'longest':>8}")
    for name, seconds in taken.items():
        print(f"{name:42} {statistics.median(seconds):8.3f} {max(seconds):8.3f}")


if __name__ == "__main__":
    main()
