"""Borders that import-linter cannot say: which parts of OpenTelemetry a package may use, and what imports cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

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
