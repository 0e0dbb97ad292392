"""What the README shows is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sojourn import settings
from sojourn_gateway.demo.replay import ReplayServer
from tests.conftest import ROOT
from tests.replay import recorded
from tools.recordings.readme import README, python_blocks

if TYPE_CHECKING:
    from pathlib import Path

MODULES = [path for package in ("core/sojourn", "gateway/sojourn_gateway") for path in (ROOT / package).rglob("*.py")]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_program_of_the_readme_runs(home: Path, tmp_path: Path) -> None:
    with ReplayServer(recorded("readme/blocks")) as server:
        environ = os.environ | {
            "OPENAI_API_KEY": "replayed",
            "OPENAI_BASE_URL": server.base_url,
            "SOJOURN_HOME": str(home),
        }
        for block in python_blocks():
            ran = subprocess.run(
                [sys.executable, "-c", block], env=environ, cwd=tmp_path, check=False, capture_output=True, text=True
            )
            assert ran.returncode == 0, f"{block}\n{ran.stderr}"
            assert ran.stderr == ""

        assert server.unmatched == []
        assert server.left == ()


def test_the_readme_tells_every_setting_as_the_code_does() -> None:
    assert settings.__doc__ is not None
    table = [line for line in settings.__doc__.splitlines() if line.startswith("|")]

    assert len(table) > 2
    assert "\n".join(table) in README.read_text("utf-8")


def test_the_readme_names_every_variable_that_the_code_reads() -> None:
    variable = re.compile(r"SOJOURN_[A-Z_]+")
    read = {name for path in MODULES for name in variable.findall(path.read_text("utf-8"))}

    assert read - set(variable.findall(README.read_text("utf-8"))) == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8"))

    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_readme_names_targets_that_exist() -> None:
    makefile = (README.parent / "Makefile").read_text("utf-8")
    text = README.read_text("utf-8") + (README.parent / "CONTRIBUTING.md").read_text("utf-8")
    named = {word.split("`")[0].split()[0] for word in text.split("`make ")[1:]}

    assert named
    assert {target for target in named if f".PHONY: {target}\n" not in makefile} == set()
