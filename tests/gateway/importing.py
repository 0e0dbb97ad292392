"""Takes files in as `sojourn import` does, into a project of a test's own."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sojourn.home import Home
from sojourn_gateway.keeping import Keeper
from sojourn_gateway.keeping.importing import Grades, read_file
from sojourn_gateway.keeping.made import Left

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.keeping.importing import Item
    from tests.gateway.sender import Store

__all__ = ["Imported", "import_file", "read_items"]


@dataclass(slots=True)
class Imported:
    """What became of a file."""

    spans: int = 0
    logs: int = 0
    scores: int = 0
    left: list[str] = field(default_factory=list[str])


def read_items(content: str | bytes, name: str = "file") -> list[Item]:
    """What a file holds, without taking it in."""
    return list(read_file(io.BytesIO(content.encode() if isinstance(content, str) else content), name))


def import_file(store: Store, home: Path, content: str | bytes, name: str = "file") -> Imported:
    """Take a file in, and say what became of it."""
    keeper = Keeper(store.engine, Home(home))
    told = Imported()
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    for item in read_file(file, name):
        match item:
            case Left():
                told.left.append(f"{item.place}: {item.why}")
            case Grades():
                keeper.keep_scores(store.project, item.scores)
                told.scores += len(item.scores)
            case _:
                receipt = store.ingest.submit_now(item.signal, store.project, item.body)
                assert receipt.rejected == ()
                assert receipt.accepted == item.items
                if item.signal == "traces":
                    told.spans += receipt.accepted
                else:
                    told.logs += receipt.accepted
    assert store.engine.settle(60)
    return told
