"""A session written through any door reads the same through every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.crosscheck.door import Door
from tests.gateway.crosscheck.facts import FACTS
from tests.gateway.crosscheck.matrix import READERS, WRITERS, compared, is_quick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine import Engine
    from tests.gateway.crosscheck.door import Reader, Writer, Written
    from tests.gateway.crosscheck.facts import Told

pytestmark = pytest.mark.timeout(900)


class _Shelf:
    """What each writer wrote, written when it is first asked for."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._written: dict[str, tuple[Written, Told]] = {}

    def written(self, writer: Writer) -> tuple[Written, Told]:
        """The session, and what the first reader says of it."""
        if writer.id not in self._written:
            found = writer.write(self._door)
            self._written[writer.id] = (found, READERS[0].read(found))
        return self._written[writer.id]


@pytest.fixture(scope="module")
def shelf(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Shelf]:
    """Shared by all tests of this file, since some writers take seconds."""
    door = Door(engine, tmp_path_factory.mktemp("crosscheck"))
    yield _Shelf(door)
    door.close()


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        pytest.param(
            writer, reader, id=f"{writer.id}-{reader.id}", marks=[] if is_quick(writer, reader) else [pytest.mark.soak]
        )
        for writer in WRITERS
        for reader in READERS
        if compared(writer, reader)
    ],
)
def test_what_was_written_through_one_door_reads_the_same_through_another(
    writer: Writer, reader: Reader, shelf: _Shelf
) -> None:
    written, first = shelf.written(writer)
    told = reader.read(written)
    assert told.keys() == set(FACTS) - reader.unsaid.keys()

    expected = {**first, **writer.says, **(reader.while_open if first["state"] == "open" else {})}
    facts = compared(writer, reader)
    assert {fact: told[fact] for fact in facts} == {fact: expected[fact] for fact in facts}
