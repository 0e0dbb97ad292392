"""What searches need is built while the store rests, and nothing waits for it."""

from __future__ import annotations

import logging
import secrets
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.upkeep import Upkeep, build_indexes, count_bare
from sojourn_gateway.ingest import Ingest
from sojourn_gateway.keeping import keeper as keeping
from sojourn_gateway.keeping.keeper import Keeper
from sojourn_gateway.keeping.rounds import Rounds
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.query import Queries
from tests.gateway.sender import Store, span, trace_id
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

SPANS: Final = 500
MINUTE_NS: Final = 60_000_000_000
WORD: Final = "anemone"


def never() -> bool:
    """Whatever comes, it does not give way."""
    return False


def at_once() -> bool:
    """It gives way to anything."""
    return True


def switch_merges(engine: Engine, how: str) -> None:
    with engine.beside() as handle:
        handle.run(f"system {how} merges {DATABASE}.spans")


@pytest.fixture
def unmerged(store: Store) -> Iterator[Store]:
    """Spans that say much, one of them a rare word, in a part that has no index, as long as nothing is merged."""
    switch_merges(store.engine, "stop")
    try:
        say_much(store)
        yield store
    finally:
        switch_merges(store.engine, "start")


def say_much(store: Store) -> None:
    said = [" ".join(secrets.token_hex(4) for _ in range(20)) for _ in range(SPANS)]
    said[7] += f" {WORD}"
    store.send(*(span(trace_id(), f"span {at}", attributes={"sojourn.input": one}) for at, one in enumerate(said)))


def bare_parts(store: Store) -> int:
    """Of the parts that hold spans of the project."""
    rows = store.engine.rows(
        f"""select count() from system.parts
        where active and database = {{database:String}} and table = 'spans'
            and secondary_indices_compressed_bytes < rows
            and name in (select distinct _part from {DATABASE}.spans where project = {{project:String}})""",
        {"database": DATABASE, "project": store.project},
    )
    return int(rows[0][0])


def found(store: Store) -> list[str]:
    return [one.name for one in store.queries.spans(store.project, SpansAsk(search=WORD)).items]


def commands(engine: Engine) -> list[str]:
    """What the engine has yet to do to rows of spans that are stored."""
    rows = engine.rows(
        "select command from system.mutations where database = {database:String} and table = 'spans' and not is_done",
        {"database": DATABASE},
    )
    return [command.decode() for (command,) in rows]


def under_way(engine: Engine) -> int:
    return len(commands(engine))


def warnings_in(records: list[logging.LogRecord]) -> list[str]:
    return [one.getMessage() for one in records if "what searches need" in one.getMessage()]


def test_spans_that_no_merge_took_up_are_indexed_and_found_as_before(unmerged: Store) -> None:
    engine = unmerged.engine
    assert bare_parts(unmerged) > 0
    assert count_bare(engine) >= SPANS
    assert found(unmerged) == ["span 7"]
    switch_merges(engine, "start")
    rested = Upkeep(engine, now_ns=lambda: engine.rolled_up + 2 * MINUTE_NS, worth=1)
    # Unless merges were faster.
    rested.look(never)
    assert bare_parts(unmerged) == 0
    assert found(unmerged) == ["span 7"]


def test_nothing_is_built_while_spans_come_in(unmerged: Store) -> None:
    engine = unmerged.engine
    assert not Upkeep(engine, now_ns=lambda: engine.rolled_up + MINUTE_NS // 2, worth=1).look(never)
    assert not Upkeep(engine, now_ns=lambda: engine.rolled_up + 2 * MINUTE_NS, worth=2**40).look(never)
    assert bare_parts(unmerged) > 0


def test_it_gives_way_and_waits_longer_for_its_next_turn(unmerged: Store) -> None:
    engine = unmerged.engine
    # Nothing is built as long as nothing is merged.
    rested = Upkeep(engine, now_ns=lambda: engine.rolled_up + MINUTE_NS * 3 // 2, worth=1)
    assert rested.look(at_once)
    assert under_way(engine) == 0
    assert not rested.look(never)
    assert bare_parts(unmerged) > 0


def test_what_erases_rows_does_not_wait_for_it(unmerged: Store) -> None:
    engine = unmerged.engine
    with engine.beside() as handle:
        handle.run(
            f"""alter table {DATABASE}.spans delete where project = {{project:String}} and name = 'span 7'
            settings mutations_sync = 0""",
            {"project": unmerged.project},
        )
    assert not build_indexes(engine, never)
    assert under_way(engine) >= 1
    switch_merges(engine, "start")
    until(lambda: under_way(engine) == 0)
    assert found(unmerged) == []


def test_an_erasure_does_not_wait_for_a_build_that_nobody_watches(unmerged: Store, tmp_path: Path) -> None:
    """A gateway that was killed while it built: the engine goes on with it when it is opened again."""
    engine, keeper = unmerged.engine, Keeper(unmerged.engine, Home(tmp_path))
    unmerged.send(span(trace_id(), attributes={"session.id": "gone"}))
    with engine.beside() as handle:
        handle.run(f"alter table {DATABASE}.spans materialize index by_word settings mutations_sync = 0")
    assert under_way(engine) == 1

    def only_erased() -> bool:
        told = commands(engine)
        return bool(told) and not any("MATERIALIZE" in one for one in told)

    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(keeper.erase_session, unmerged.project, "gone")
        try:
            until(only_erased)
        finally:
            # Rows are not erased either as long as nothing is merged.
            switch_merges(engine, "start")
        erased = erasing.result()
    assert erased is not None
    assert (erased.sessions, erased.spans) == (1, 1)


def test_who_builds_knows_that_an_erasure_stopped_it(unmerged: Store, tmp_path: Path) -> None:
    """Else it would take what is still missing for what cannot be built."""
    engine, keeper = unmerged.engine, Keeper(unmerged.engine, Home(tmp_path))
    unmerged.send(span(trace_id(), attributes={"session.id": "gone"}))
    with ThreadPoolExecutor(2) as pool:
        building = pool.submit(build_indexes, engine, never)
        erasing = None
        try:
            until(lambda: under_way(engine))
            erasing = pool.submit(keeper.erase_session, unmerged.project, "gone")
            assert not building.result()
        finally:
            switch_merges(engine, "start")
        assert erasing.result() is not None


def test_what_never_comes_to_an_end_is_tried_less_and_less_and_said_once(
    unmerged: Store, caplog: pytest.LogCaptureFixture
) -> None:
    engine = unmerged.engine
    now_ns = engine.rolled_up + 2 * MINUTE_NS

    def waits_an_hour() -> bool:
        nonlocal now_ns
        now_ns += 60 * MINUTE_NS
        return True

    rested = Upkeep(engine, now_ns=lambda: now_ns, worth=1)
    waits_min = 2
    for _ in range(8):
        # Nothing is built as long as nothing is merged.
        assert rested.look(waits_an_hour)
        now_ns += waits_min * MINUTE_NS - 1
        assert not rested.look(waits_an_hour)
        now_ns += 1
        waits_min = min(2 * waits_min, 60)
    assert waits_min == 60
    assert len(warnings_in(caplog.records)) == 1


def test_what_cannot_be_built_is_said_once_and_again_when_it_could_be_meanwhile(tmp_path: Path) -> None:
    # In a process of its own, since there is one store a process, and this one is damaged.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        said = pool.submit(build_what_is_damaged, tmp_path).result()
    assert [len(lines) for lines in said] == [1, 1, 1, 2]
    # The begin of what the engine says, since as much of it is shown.
    assert all(": Code: " in line for line in said[-1])


def parts(engine: Engine) -> list[Path]:
    """The files with the data of spans."""
    rows = engine.rows(
        "select path from system.parts where active and database = {database:String} and table = 'spans'",
        {"database": DATABASE},
    )
    return [Path(folder.decode()) / "data.bin" for (folder,) in rows]


def build_what_is_damaged(home: Path) -> list[list[str]]:
    """What was said by then when a part could not be read, still could not, was mended, and could not once more."""
    engine = Engine.open(Home(home))
    ingest = Ingest(engine)
    store, records, said = Store(engine, ingest, Queries(engine)), list[logging.LogRecord](), list[list[str]]()

    def keep(record: logging.LogRecord) -> bool:
        records.append(record)
        return True

    logging.getLogger("sojourn.gateway").addFilter(keep)
    now_ns = 0
    upkeep = Upkeep(engine, now_ns=lambda: now_ns, worth=1)

    def look() -> None:
        nonlocal now_ns
        now_ns = max(now_ns, engine.rolled_up) + 60 * MINUTE_NS
        assert upkeep.look(never)
        said.append(warnings_in(records))

    say_much(store)
    (data,) = parts(engine)
    whole = data.read_bytes()
    data.write_bytes(bytes(len(whole)))
    look()
    look()
    data.write_bytes(whole)
    look()
    # So that nothing is merged, and thereby indexed, before it is damaged.
    switch_merges(engine, "stop")
    say_much(store)
    for data in parts(engine):
        data.write_bytes(bytes(data.stat().st_size))
    switch_merges(engine, "start")
    look()
    ingest.close()
    engine.close()
    return said


def test_retention_does_not_wait_for_what_may_never_be_built(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk too full to write a part anew is as good as no merges: the engine waits, and says nothing."""
    monkeypatch.setattr(keeping, "Upkeep", partial(Upkeep, worth=1))
    engine, rests, hours = store.engine, False, count()
    keeper = Keeper(engine, Home(tmp_path), now_ns=lambda: engine.rolled_up + (2 * MINUTE_NS if rests else 0))
    rounds = Rounds(keeper, Home(tmp_path), 0, clock=lambda: next(hours) * 3600.0)
    rounds.look()
    switch_merges(engine, "stop")
    try:
        say_much(store)
        rests = True
        rounds.look()
        assert next(hours) >= 6
        assert under_way(engine) == 0
        assert bare_parts(store) > 0
    finally:
        switch_merges(engine, "start")
