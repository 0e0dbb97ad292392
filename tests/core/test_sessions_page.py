"""What the page about sessions shows is run, and says what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.core.journalled import read_home

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "sessions.md").read_text("utf-8")
SHOWN = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{title} {number}")
    for title, text in SHOWN
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
]
# What a comment behind `print(...)`, or in the line after it, says that is printed. Up to a colon: the rest explains.
SAYS = re.compile(r"^(?: *)print\(.*\)(?:  # |\n# )([^\n:]+|\{[^\n]+)", flags=re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_runs_and_prints_what_it_says(block: str, home: Path, tmp_path: Path) -> None:
    told = os.environ | {"SOJOURN_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", block], env=told, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr
    for said in SAYS.findall(block):
        if not said.startswith("what was"):
            assert re.sub(r"\d+\.\ds", "0.0s", said) in re.sub(r"\d+\.\ds", "0.0s", done.stdout)


def test_the_examples_leave_what_the_page_promises(home: Path, tmp_path: Path) -> None:
    facts = next(str(param.values[0]) for param in BLOCKS if param.id == "Facts 0")
    subprocess.run(
        [sys.executable, "-c", facts], env=os.environ | {"SOJOURN_HOME": str(home)}, check=True, cwd=tmp_path
    )

    told = {key: value for _, facts in read_home(home).events for key, value in facts.items()}
    assert told["user.id"] == "ada"
    assert told["sojourn.session.name"] == "order 4812"
    assert told["sojourn.metadata.items"] == 3
    assert told["sojourn.session.end_state"] == "Indeterminate"


def test_every_part_of_the_page_has_an_example() -> None:
    with_example = {str(param.id).rpartition(" ")[0] for param in BLOCKS}

    assert {title for title, _ in SHOWN} - with_example == set()
