"""The examples on the page about processes run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "processes.md").read_text("utf-8")
EXAMPLES = re.findall(r"^## ([^\n]+)$|^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Each program, with the heading that it stands under."""
    heading, found = "", list[tuple[str, str]]()
    for title, program in EXAMPLES:
        heading = title or heading
        if program:
            found.append((heading, program))
    return found


@pytest.mark.parametrize(("heading", "program"), examples(), ids=[heading for heading, _ in examples()])
def test_an_example_runs_as_it_stands(tmp_path: Path, heading: str, program: str) -> None:
    # From a file, since children that are spawned import it again.
    path = tmp_path / "example.py"
    path.write_text(program, "utf-8")
    done = subprocess.run([sys.executable, path], check=False, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
