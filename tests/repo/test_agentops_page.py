"""The page about AgentOps names tests that exist, and goes through every row."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "agentops-behaviour.md"
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ") and "::" in line]
NODE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$")


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_row_names_a_test_that_exists(row: str) -> None:
    found = NODE.search(row)

    assert found is not None
    assert found[2] in functions(found[1])


def test_no_row_is_left_out() -> None:
    numbers = [int(row.split("|")[1]) for row in ROWS if row.split("|")[1].strip().isdigit()]

    assert numbers == [*range(1, 30), *range(1, 11)]
    assert len(ROWS) - len(numbers) == 15
