"""Borders that import-linter cannot say: which parts of OpenTelemetry a package may use, and what imports cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import grimp
import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

INSTRUMENTORS = ROOT / "instrumentors" / "sojourn_instrumentors"
GATEWAY = ROOT / "gateway" / "sojourn_gateway"
SDK_ONLY = ("opentelemetry.sdk", "opentelemetry.exporter")


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("package", [INSTRUMENTORS, GATEWAY], ids=lambda path: path.name)
def test_only_the_sdk_builds_on_the_sdk_of_opentelemetry(package: Path) -> None:
    found = {
        path.name: sorted(filter(lambda name: name.startswith(SDK_ONLY), imported(path)))
        for path in package.rglob("*.py")
    }

    assert {name: told for name, told in found.items() if told} == {}


def test_nobody_reaches_into_private_modules_of_opentelemetry() -> None:
    found = {
        path.name: sorted(name for name in imported(path) if re.match(r"opentelemetry\.(.+\.)?_", name))
        for container in ("core", "instrumentors", "gateway")
        for path in (ROOT / container).rglob("*.py")
    }

    assert {name: told for name, told in found.items() if told} == {}


def test_importing_and_starting_the_recorder_loads_no_observed_library(home: Path) -> None:
    heavy = [
        "openai",
        "langchain_core",
        "langgraph",
        "httpx",
        "requests",
        "fastapi",
        "chdb",
        "pydantic",
        "genai_prices",
    ]
    program = f"import sys, sojourn; sojourn.init(); print([name for name in {heavy} if name in sys.modules])"

    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=home.parent)

    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["sojourn", "sojourn_instrumentors", "sojourn_gateway"])
def test_no_modules_of_a_package_import_each_other_in_a_circle(package: str) -> None:
    """Nor for their types alone; the package's own file, which offers the names of all, apart."""
    graph = grimp.build_graph(package)
    imports = {name: graph.find_modules_directly_imported_by(name) - {package} for name in graph.modules - {package}}

    # Whoever imports nothing that is left cannot be in a circle, nor can, without it, whoever imports only it.
    while free := {name for name, needed in imports.items() if not needed & imports.keys()}:
        imports = {name: needed for name, needed in imports.items() if name not in free}

    assert {name: sorted(needed & imports.keys()) for name, needed in imports.items()} == {}
