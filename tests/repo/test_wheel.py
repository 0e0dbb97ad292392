"""What is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tools.wheel import build, faults

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Source archive and wheel, built once."""
    return build(tmp_path_factory.mktemp("dist"))


def test_source_archive_and_wheel_hold_what_they_should_and_nothing_else(built: tuple[Path, Path]) -> None:
    assert faults(*built) == []


def test_the_wheel_brings_the_command_and_the_instrumentors(built: tuple[Path, Path]) -> None:
    with ZipFile(built[1]) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        entries = archive.read(name).decode()

    assert "sojourn = sojourn.command:main" in entries
    assert "openai = sojourn_instrumentors.openai:INSTRUMENTOR" in entries
    assert "langchain_core = sojourn_instrumentors.langchain:INSTRUMENTOR" in entries
