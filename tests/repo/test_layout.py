"""The shape of the repository."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

from sojourn import semconv
from tests.conftest import ROOT

CONTAINERS = {"core": "sojourn", "instrumentors": "sojourn_instrumentors", "gateway": "sojourn_gateway"}
PACKAGES = [ROOT / container / package for container, package in CONTAINERS.items()]
MODULES = sorted(module for package in PACKAGES for module in package.rglob("*.py"))
PUBLIC_TEXT = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        ROOT / "Makefile",
        ROOT / "pyproject.toml",
        *(ROOT / ".ci").iterdir(),
        *(path for folder in ("docs", "benchmarks", "tools") for path in (ROOT / folder).rglob("*")),
        *(path for package in PACKAGES for path in package.rglob("*")),
        *(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)),
    )
    if path.suffix in {".py", ".md", ".toml", ".sh", ".html", ".css", ".js", ".sql", ""}
    and path.is_file()
    and "__pycache__" not in path.parts
)
SETTINGS_MODULES = {
    "core/sojourn/settings.py",
    "gateway/sojourn_gateway/settings.py",
    # OpenTelemetry's own variable about content, for instrumentors that its tools start.
    "instrumentors/sojourn_instrumentors/_kit/settings.py",
    # How wide a terminal is (COLUMNS) is the terminal's business and no setting of ours.
    "gateway/sojourn_gateway/command/output.py",
}

MAX_LINES = 500


def _name(path: object) -> str:
    return path.relative_to(ROOT).as_posix() if isinstance(path, Path) else str(path)


@pytest.mark.parametrize(("container", "package"), CONTAINERS.items())
def test_a_container_holds_its_package_and_nothing_else(container: str, package: str) -> None:
    held = {path.name for path in (ROOT / container).iterdir() if path.name != "__pycache__"}

    assert held == {package}


@pytest.mark.parametrize("package", PACKAGES, ids=_name)
def test_a_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


def test_a_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in MODULES}

    assert [_name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_file_of_the_packages_is_too_long_to_be_read_from_the_top() -> None:
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_every_module_says_in_a_docstring_what_it_is() -> None:
    silent = [_name(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]

    # A package's own file may be empty.
    assert [name for name in silent if not name.endswith("__init__.py")] == []


def test_no_module_is_named_after_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "misc"}

    assert [_name(path) for path in MODULES if path.stem.strip("_") in banned] == []


def test_names_of_generative_ai_attributes_are_written_in_semconv_only() -> None:
    ours = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    assert semconv.USAGE_INPUT_TOKENS in ours
    found: dict[str, list[str]] = {}
    for path in MODULES:
        if path == PACKAGES[0] / "semconv.py":
            continue
        if told := _literals_with("gen_ai.", path):
            found[_name(path)] = told

    assert found == {}


def _literals_with(prefix: str, path: Path) -> list[str]:
    """String literals of a module that hold this prefix; docstrings are prose and do not count."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if prefix in node.value and id(node) not in prose
    ]


def test_the_environment_is_read_in_the_settings_modules_only() -> None:
    # Handing the environment whole to a settings module is what a program's entry does, and reads nothing itself.
    reads = re.compile(r"\bos\.getenv\b|\bos\.environ\b(?![),])")
    readers = {_name(path) for path in MODULES if reads.search(path.read_text("utf-8"))}

    assert readers - SETTINGS_MODULES == set()


def test_public_text_names_no_folder_of_a_machine_it_was_written_on() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|tmp|root|home/\w+|opt/(?:pypi|wheels))\b")
    found = {_name(path): machine.findall(path.read_text("utf-8")) for path in PUBLIC_TEXT}

    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize("script", [".ci/run", "tools/browser.sh", "tools/environment.sh"])
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: str) -> None:
    path = ROOT / script

    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text("utf-8")
    subprocess.run(["bash", "-n", path], check=True)
