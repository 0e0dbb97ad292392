"""Make the cassettes again from a real local model: `make record`, or `python -m tools.recordings.record NAME...`."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.request import urlopen

from sojourn_gateway import demo
from tools.recordings import anthropic_shapes, langchain_shapes, openai_endpoint_shapes, openai_shapes
from tools.recordings.cassette import recording
from tools.recordings.exchange import load, path_of
from tools.recordings.readme import python_blocks
from tools.recordings.refusals import refusing
from tools.recordings.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["PROGRAMS", "SHAPES", "main"]

SHAPES: Final = (
    *anthropic_shapes.SHAPES,
    *openai_shapes.SHAPES,
    *openai_endpoint_shapes.SHAPES,
    *langchain_shapes.SHAPES,
)

_NEEDS: Final = """\
`make record` needs a model server that speaks OpenAI's chat completions on this machine. Name one of:
  SOJOURN_RECORD_BASE_URL=http://127.0.0.1:8090/v1   a server that runs already
  MODEL_SERVER=./serve-model                         a program that, given a port, serves there and prints READY
The cassettes of this repository were recorded from SmolLM2-135M-Instruct under llama.cpp."""

_FROM_MODEL: Final = "Recorded by `make record` from a local model; any later change is by hand."
_FROM_REFUSAL: Final = (
    "Recorded by `make record` from a small local server that only refuses (tools/recordings/refusals.py), "
    "since no local model gives this answer."
)


@contextmanager
def _as_user(base_url: str, argv: list[str]) -> Generator[None]:
    """The environment and arguments of a program that calls this provider and records nothing."""
    before, arguments = dict(os.environ), sys.argv
    os.environ.update({"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "recorded", "SOJOURN_DISABLED": "1"})
    sys.argv = argv
    try:
        yield
    finally:
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(before)


def _demo(program: str) -> Callable[[str], None]:
    def run(base_url: str) -> None:
        script = str(Path(demo.__file__).with_name(f"{program}.py"))
        with _as_user(base_url, [script]):
            runpy.run_path(script, run_name="__main__")

    return run


def _readme(base_url: str) -> None:
    for block in python_blocks():
        with _as_user(base_url, ["readme"]):
            exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})


PROGRAMS: Final = (
    Shape("demo/researcher", _demo("researcher")),
    Shape("demo/assistant", _demo("assistant")),
    Shape("readme/blocks", _readme),
)
"""Whole programs; they are replayed to processes of their own by `ReplayServer`."""


def main(names: list[str]) -> int:
    """Record the shapes of these names (all without any); returns the exit status."""
    every = {shape.name: shape for shape in (*SHAPES, *PROGRAMS)}
    if unknown := sorted(set(names) - set(every)):
        print(f"There is no shape {', '.join(unknown)}. There are: {', '.join(every)}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        base_url = stack.enter_context(_model_server())
        if base_url is None:
            print(_NEEDS, file=sys.stderr)
            return 1
        for name in names or every:
            _record(every[name], base_url)
    return 0


def _record(shape: Shape, base_url: str) -> None:
    path_of(shape.name).parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        note = _FROM_MODEL
        if shape.refusal is not None:
            note = _FROM_REFUSAL
            base_url = stack.enter_context(refusing(shape.refusal))
        stack.enter_context(recording(shape.name, note))
        shape.run(base_url)
    print(f"{shape.name}: {', '.join(str(exchange.status) for exchange in load(shape.name))}", flush=True)


@contextmanager
def _model_server() -> Generator[str | None]:
    """The base URL of the server to record from, started if need be; None when none is named."""
    if base_url := os.environ.get("SOJOURN_RECORD_BASE_URL"):
        try:
            with urlopen(f"{base_url.rstrip('/')}/models", timeout=10):
                pass
        except URLError as fault:
            raise SystemExit(f"No model server answers at {base_url}: {fault.reason}") from fault
        yield base_url.rstrip("/")
        return
    program = os.environ.get("MODEL_SERVER")
    if not program:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with subprocess.Popen([program, str(port)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            if not any(line.startswith("READY") for line in server.stdout):
                raise SystemExit(f"{program} ended before it was ready")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
