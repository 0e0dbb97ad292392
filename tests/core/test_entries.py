"""Entry points, found without `importlib.metadata`: the same ones."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import DistributionFinder, MetadataPathFinder, entry_points
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.entries import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution
    from pathlib import Path

GROUP = "sojourn.tried"


def announce(folder: Path, distribution: str, text: str) -> None:
    """Install a distribution that announces something."""
    (folder / distribution).mkdir(parents=True)
    (folder / distribution / "entry_points.txt").write_text(text, "utf-8")
    # The library looks here when the folder's own name does not tell.
    (folder / distribution / "PKG-INFO").write_text(f"Name: {folder.name.partition('-')[0]}\n", "utf-8")


def told_by_the_library(group: str) -> list[Entry]:
    return [Entry(entry.name, entry.value) for entry in entry_points(group=group)]


@pytest.mark.parametrize("group", ["sojourn.instrumentors", "sojourn.commands", "console_scripts", "pytest11", "none"])
def test_what_is_installed_here_is_found_as_the_library_finds_it(group: str) -> None:
    assert entries(group) == told_by_the_library(group)


def test_every_shape_of_a_distribution_is_found_as_the_library_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, egg = tmp_path / "first", tmp_path / "second", tmp_path / "whole-3.0-py3.11.egg"
    announce(first, "Plain_One-1.0.dist-info", f"# said\n[{GROUP}]\none = module.one:ONE\n\n[other]\nno = no:no\n")
    announce(first, "old_one-1.0-py3.11.egg-info", f"[{GROUP}]\n two=module.two : A.B [extra]\n")
    announce(first, "nameless.egg-info", f"[{GROUP}]\nfour = module.four\n")
    announce(second, "plain.one-2.0.dist-info", f"[{GROUP}]\none = shadowed:ONE\n")
    announce(egg, "EGG-INFO", f"[{GROUP}]\nthree = module.three:THREE\n")
    (second / "silent-1.0.dist-info").mkdir()
    for folder in (tmp_path / "missing", egg, second, first):
        monkeypatch.syspath_prepend(folder)  # pyright: ignore[reportUnknownMemberType]  # pytest says no type

    found = entries(GROUP)

    assert sorted(found) == sorted(told_by_the_library(GROUP))
    assert sorted(entry.name for entry in found) == ["four", "one", "three", "two"]
    assert Entry("one", "module.one:ONE") in found


def test_an_archive_on_the_path_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("packed-1.0.dist-info/METADATA", "Name: packed\nVersion: 1.0\n")
        archive.writestr("packed-1.0.dist-info/entry_points.txt", f"[{GROUP}]\npacked = module:OBJECT\n")
    monkeypatch.syspath_prepend(tmp_path / "packed.zip")  # pyright: ignore[reportUnknownMemberType]  # the same

    assert entries(GROUP) == [Entry("packed", "module:OBJECT")]


def test_distributions_of_a_finder_of_its_own_kind_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(tmp_path / "elsewhere", "hidden-1.0.dist-info", f"[{GROUP}]\nhidden = module:OBJECT\n")

    class Elsewhere:
        @staticmethod
        def find_spec(*_: Any) -> None:
            return None

        @staticmethod
        def find_distributions(_: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
            there = DistributionFinder.Context(path=[str(tmp_path / "elsewhere")])
            return MetadataPathFinder.find_distributions(there)

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Elsewhere()])

    assert entries(GROUP) == [Entry("hidden", "module:OBJECT")]


@pytest.mark.parametrize("value", ["json.decoder:JSONDecoder.decode", "json.decoder : JSONDecoder.decode [extra]"])
def test_an_entry_gives_the_object_that_it_names(value: str) -> None:
    from json.decoder import JSONDecoder

    entry = Entry("decode", value)

    assert entry.module == "json.decoder"
    assert entry.load() is JSONDecoder.decode
    assert Entry("json", "json.decoder").load() is sys.modules["json.decoder"]
