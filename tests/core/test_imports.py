"""Hearing of imports, and leaving no trace on them."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import subprocess
import sys
import zipfile
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from sojourn.imports import forget_imports, once_imported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
loader_within = type(__spec__.loader)
traces = [name for name in vars(__spec__.loader) if name == "exec_module"]
"""


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder on the path for modules, and nothing left of them or of the listener."""
    forget_imports()
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]  # pytest says no type
    yield
    forget_imports()
    # No others: a thread that a test before left behind may be importing something just now.
    for name in [name for name in sys.modules.copy() if name.startswith("heard_")]:
        del sys.modules[name]


def test_a_module_is_heard_of_once_it_has_run(tmp_path: Path) -> None:
    (tmp_path / "heard_plain.py").write_text(SOURCE)
    heard: list[bool] = []
    once_imported("heard_plain", lambda: heard.append("traces" in vars(sys.modules["heard_plain"])))

    importlib.import_module("heard_plain")
    importlib.reload(sys.modules["heard_plain"])

    assert heard == [True]


def test_a_module_that_is_there_is_heard_of_at_once() -> None:
    heard: list[str] = []

    once_imported("json", lambda: heard.append("json"))

    assert heard == ["json"]


def test_a_submodule_is_heard_of_by_its_full_name(tmp_path: Path) -> None:
    (tmp_path / "heard_parent").mkdir()
    (tmp_path / "heard_parent" / "__init__.py").touch()
    (tmp_path / "heard_parent" / "child.py").write_text(SOURCE)
    heard: list[str] = []
    once_imported("heard_parent.child", lambda: heard.append("child"))

    importlib.import_module("heard_parent")
    assert heard == []
    importlib.import_module("heard_parent.child")

    assert heard == ["child"]


def test_the_module_and_its_own_code_meet_the_loader_as_it_always_is(tmp_path: Path) -> None:
    (tmp_path / "heard_loader.py").write_text(SOURCE)
    once_imported("heard_loader", lambda: None)

    module = importlib.import_module("heard_loader")

    assert module.loader_within is importlib.machinery.SourceFileLoader
    assert module.traces == []
    assert module.__loader__ is module.__spec__.loader if module.__spec__ else False
    assert "loader_within" in inspect.getsource(module)


def test_looking_for_a_module_without_importing_it_tells_nobody(tmp_path: Path) -> None:
    (tmp_path / "heard_looked_for.py").write_text(SOURCE)
    heard: list[str] = []
    once_imported("heard_looked_for", lambda: heard.append("it"))

    spec = importlib.util.find_spec("heard_looked_for")

    assert spec is not None
    assert type(spec.loader) is importlib.machinery.SourceFileLoader
    assert heard == []
    importlib.import_module("heard_looked_for")
    assert heard == ["it"]


def test_a_module_that_fails_is_heard_of_when_it_succeeds(tmp_path: Path) -> None:
    source = tmp_path / "heard_failing.py"
    source.write_text("raise RuntimeError('not today')")
    heard: list[str] = []
    once_imported("heard_failing", lambda: heard.append("it"))

    with pytest.raises(RuntimeError, match="not today"):
        importlib.import_module("heard_failing")
    assert heard == []
    source.write_text("now = 'it works, and is longer than before'")
    importlib.invalidate_caches()
    importlib.import_module("heard_failing")

    assert heard == ["it"]


def test_a_module_that_does_not_exist_is_missed_as_always() -> None:
    once_imported("heard_nowhere", lambda: None)

    with pytest.raises(ModuleNotFoundError, match="No module named 'heard_nowhere'"):
        importlib.import_module("heard_nowhere")


def test_modules_of_one_archive_share_their_loader_and_are_each_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        archive.writestr("heard_first.py", "import heard_second")
        archive.writestr("heard_second.py", "")
    monkeypatch.syspath_prepend(tmp_path / "both.zip")  # pyright: ignore[reportUnknownMemberType]  # the same
    heard: list[str] = []
    once_imported("heard_first", lambda: heard.append("first"))
    once_imported("heard_second", lambda: heard.append("second"))

    importlib.import_module("heard_first")

    assert heard == ["second", "first"]


def test_a_module_imported_by_several_threads_at_once_is_heard_of_once(tmp_path: Path) -> None:
    (tmp_path / "heard_by_many.py").write_text("import time\ntime.sleep(0.05)")
    heard: list[str] = []
    once_imported("heard_by_many", lambda: heard.append("it"))
    threads = [Thread(target=importlib.import_module, args=("heard_by_many",)) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert heard == ["it"]


def test_a_finder_that_asks_all_others_again_meets_no_end_of_mirrors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the hooks of other agents do."""

    class Asking:
        asking = False

        def find_spec(self, name: str, path: object = None, target: object = None) -> object:
            if self.asking or not name.startswith("heard_"):
                return None
            self.asking = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.asking = False

    (tmp_path / "heard_mirrored.py").write_text(SOURCE)
    heard: list[str] = []
    once_imported("heard_mirrored", lambda: heard.append("it"))
    monkeypatch.setattr(sys, "meta_path", [Asking(), *sys.meta_path, Asking()])

    importlib.import_module("heard_mirrored")

    assert heard == ["it"]


def test_nobody_is_told_any_more_after_forgetting(tmp_path: Path) -> None:
    (tmp_path / "heard_forgotten.py").write_text(SOURCE)
    before = [*sys.meta_path]
    heard: list[str] = []
    once_imported("heard_forgotten", lambda: heard.append("it"))
    assert sys.meta_path != before

    forget_imports()
    importlib.import_module("heard_forgotten")

    assert heard == []
    assert sys.meta_path == before


def test_starting_the_recorder_imports_neither_asyncio_nor_what_reads_metadata(home: Path) -> None:
    """Together they cost as much as everything else that `init` does."""
    dear = ["asyncio", "importlib.metadata", "wrapt", "psutil", "email", "ssl", "hashlib", "http.client", "zipfile"]
    program = (
        "import sys, opentelemetry.sdk.trace, opentelemetry.sdk.resources\n"
        "before = set(sys.modules)\n"
        "import sojourn\n"
        "sojourn.init()\n"
        f"print([name for name in {dear} if name in sys.modules and name not in before])"
    )
    environ = os.environ | {"SOJOURN_HOME": str(home)}

    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environ)

    assert ran.stdout.strip() == "[]"
