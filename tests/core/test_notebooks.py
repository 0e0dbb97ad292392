"""Notebooks: cells run again and again in a real kernel, with `await` at their top level."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from jupyter_client.manager import KernelManager

from sojourn import semconv
from tests.core.journalled import plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from jupyter_client.blocking.client import BlockingKernelClient


class Notebook(Protocol):
    """Runs a cell, and gives what it printed; fails when the cell does."""

    def __call__(self, cell: str) -> str: ...


@contextmanager
def kernel() -> Generator[BlockingKernelClient]:
    """A kernel of its own, stopped as a notebook stops it."""
    # Sockets that are files: a port that was free when the kernel was told of it may be taken once it has started. The
    # folder of a test has too long a name for one.
    with TemporaryDirectory() as folder:
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(Path(folder) / "kernel"))
        # Who takes longer is ended by a signal, which is another end than the one that was asked for.
        manager.shutdown_wait_time = 240
        manager.start_kernel(env=dict(os.environ))
        try:
            client = manager.client()
            client.start_channels()
            try:
                client.wait_for_ready(timeout=300)
                yield client
            finally:
                client.stop_channels()
        finally:
            manager.shutdown_kernel()


@pytest.fixture
def notebook(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A kernel that finds nothing of the user's."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    # The debugger that comes with the kernel says at its start that it would like to be asked otherwise.
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    with kernel() as client:

        def run(cell: str) -> str:
            told: list[str] = []

            def hear(message: dict[str, Any]) -> None:
                if message["msg_type"] == "stream":
                    told.append(message["content"]["text"])

            answer = client.execute_interactive(cell, timeout=300, output_hook=hear)
            assert answer["content"]["status"] == "ok", "\n".join(answer["content"].get("traceback", []))
            return "".join(told)

        yield run


def test_a_cell_with_init_may_be_run_again_and_again(home: Path, notebook: Notebook) -> None:
    cell = "import sojourn\nsession = sojourn.init(tags=['notebook'])\nprint(session.session_id, session.name)"
    first = notebook(cell)
    assert notebook(cell) == first
    assert first.endswith("None\n"), "the kernel's own name says nothing"

    notebook("sojourn.record(sojourn.ActionEvent('one'))")
    assert notebook("print(sojourn.end_session('Success') is not None)") == "True\n"
    again = notebook(cell)
    assert again != first
    notebook("sojourn.record(sojourn.ActionEvent('two'))")
    notebook("sojourn.flush(0)")

    spans = {span.name: plain(span.attributes)[semconv.SESSION_ID] for span in read_home(home).spans}
    assert spans == {"one": first.split()[0], "two": again.split()[0]}


def test_await_at_the_top_of_a_cell_and_tasks_across_cells_stay_in_the_session(home: Path, notebook: Notebook) -> None:
    session_id = notebook("import asyncio, sojourn\nprint(sojourn.init().session_id)").strip()
    notebook("""
async def work(name):
    with sojourn.span(name):
        await asyncio.sleep(0)
        sojourn.record(sojourn.ActionEvent(name + " inside"))
task = asyncio.create_task(work("begun in one cell"))
""")
    notebook("await task\nawait asyncio.gather(work('a'), work('b'))")
    notebook("sojourn.flush(0)")

    spans = {span.name: span for span in read_home(home).spans}
    assert len(spans) == 6
    assert {plain(span.attributes)[semconv.SESSION_ID] for span in spans.values()} == {session_id}
    # A cell leaves nothing current behind: what each made stays below its own span.
    for name in ("begun in one cell", "a", "b"):
        assert spans[name].parent_span_id == b""
        assert spans[f"{name} inside"].parent_span_id == spans[name].span_id


def test_a_session_that_a_cell_starts_is_the_one_of_the_cells_that_follow(home: Path, notebook: Notebook) -> None:
    notebook("import sojourn\nsojourn.init()")
    inner = notebook("inner = sojourn.start_session()\nprint(inner.session_id)").strip()

    assert notebook("print(sojourn.current_session().session_id)").strip() == inner
    assert (
        notebook("async def f():\n    return sojourn.current_session().session_id\nprint(await f())").strip() == inner
    )


def test_an_interrupted_cell_leaves_the_session_running(home: Path, notebook: Notebook) -> None:
    notebook("import os, signal, sojourn\nsession = sojourn.init()")
    notebook(
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(30)\nexcept KeyboardInterrupt: pass"
    )

    assert notebook("print(session.is_running)") == "True\n"


def test_a_kernel_that_is_restarted_has_ended_its_session(home: Path) -> None:
    said: list[dict[str, Any]] = []
    with kernel() as client:
        client.execute_interactive("import sojourn\nsojourn.init()", timeout=300, output_hook=said.append)
        until(lambda: read_home(home).named(semconv.SESSION_START))

    [end] = read_home(home).named(semconv.SESSION_END)
    assert end[semconv.SESSION_END_STATE] == "Indeterminate"
