"""Projects, keys and secrets: one set of duties, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import stat
import threading
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy import text as sql

from sojourn.home import Home
from sojourn_gateway.command.line import main
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.records import Keys, NewQueue, Projects, Queues, Records
from sojourn_gateway.records.tables import METADATA
from tests.gateway.postgres import WAY_BACK, postgres, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """A server that the tests of this file share; their projects keep them apart."""
    place = programs()
    if place is None:
        pytest.skip(WAY_BACK)
    with postgres(place) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, home: Path) -> Iterator[Records]:
    """Records of either kind."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    opened = Records.of(Home(home), url)
    yield opened
    opened.close()


@pytest.fixture
def project() -> str:
    return f"p-{uuid4().hex}"


def test_a_key_is_found_by_its_secret_and_tells_when_it_was_used(records: Records, project: str) -> None:
    now = [1_790_000_000 * SECOND]
    keys = Keys(records, now_ns=lambda: now[0])
    made = keys.make(project, "the crawler", permissions=["trace.write"])
    now[0] += SECOND

    found = keys.find(made.secret)

    assert found is not None
    assert (found.state, found.key) == ("live", made.key)
    (kept,) = keys.all(project)
    assert (kept.name, kept.permissions, kept.last_used_ns) == ("the crawler", ("trace.write",), now[0])
    assert made.secret.startswith(kept.prefix)


def test_nothing_that_is_kept_is_the_key(records: Records, project: str) -> None:
    made = Keys(records).make(project, "a")

    with records.reading() as connection:
        rows = [
            str(row) for table in METADATA.sorted_tables for row in connection.execute(table.select()).mappings().all()
        ]

    assert rows
    assert not any(made.secret in row for row in rows)


def test_a_revoked_key_opens_nothing_and_stays_revoked(records: Records, project: str) -> None:
    keys = Keys(records)
    made = keys.make(project, "a")

    assert keys.revoke(project, made.key.id)
    assert not keys.revoke(project, made.key.id)

    found = keys.find(made.secret)
    assert found is not None
    assert found.state == "revoked"


def test_a_key_of_another_project_cannot_be_revoked(records: Records, project: str) -> None:
    keys = Keys(records)
    made = keys.make(project, "a")

    assert not keys.revoke(f"{project}-other", made.key.id)


def test_a_key_expires(records: Records, project: str) -> None:
    now = [1_790_000_000 * SECOND]
    keys = Keys(records, now_ns=lambda: now[0])
    made = keys.make(project, "a", expires_ns=now[0] + SECOND)
    now[0] += SECOND

    found = keys.find(made.secret)

    assert found is not None
    assert (found.state, found.key.last_used_ns) == ("expired", None)


def test_an_unknown_key_is_none(records: Records) -> None:
    assert Keys(records).find("sj_nobody's") is None
    assert Keys(records).find("\ud800") is None


def test_a_key_may_have_the_shape_of_a_uuid(records: Records, project: str) -> None:
    made = Keys(records).make(project, "a", as_uuid=True)

    assert str(UUID(made.secret)) == made.secret


def test_a_project_is_made_once_and_found_by_name_and_id(records: Records, project: str) -> None:
    projects = Projects(records)

    made = projects.make(project)

    assert projects.make(project) == made
    assert projects.find(project) == projects.find(made.id) == made
    assert made in projects.all()
    assert projects.find("nobody's") is None


@pytest.mark.parametrize("name", ["", " a", "a\n", "x" * 129])
def test_a_name_that_nobody_could_type_is_refused(records: Records, name: str) -> None:
    with pytest.raises(GatewayFault, match="project's name"):
        Projects(records).make(name)


def test_a_secret_is_made_once_however_many_ask_at_the_same_time(records: Records) -> None:
    name = uuid4().hex
    told = list[bytes]()
    threads = [threading.Thread(target=lambda: told.append(records.secret(name))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 4
    assert len(set(told)) == 1
    assert len(told[0]) == 32


def test_queues_say_how_far_they_are(records: Records, project: str) -> None:
    queues = Queues(records)
    queue = queues.make(project, NewQueue("odd answers", ("tone",), reviewers_required=2), "ada")

    assert queues.add(project, queue.id, [("t-1", "trace"), ("t-2", "trace"), ("t-1", "trace")]) == 2
    assert queues.add(project, queue.id, [("t-1", "trace")]) == 0
    items, total = queues.items(project, queue.id, 50, 0)
    assert ([item.resource_id for item in items], total) == (["t-1", "t-2"], 2)

    _, first, done = queues.review(project, queue, items[0], "ada", "completed")
    assert (first.status, done) == ("in_progress", 1)
    _, first, done = queues.review(project, queue, first, "ada", "completed")
    assert (first.status, done) == ("in_progress", 1)
    _, first, done = queues.review(project, queue, first, "grace", "completed")
    assert (first.status, first.completed_by, done) == ("completed", "grace", 2)

    (listed,) = queues.all(project)
    assert (listed.progress.pending, listed.progress.completed, listed.progress.total) == (1, 1, 2)
    assert queues.all(f"{project}-other") == ()
    assert queues.delete(project, queue.id)
    assert queues.item(project, queue.id, first.id) is None


def test_the_steps_lead_to_the_tables_that_the_code_declares(records: Records) -> None:
    with records.reading() as connection:
        looked = inspect(connection)
        found = {
            table: {column["name"]: column["nullable"] for column in looked.get_columns(table)}
            for table in looked.get_table_names()
            if table != "alembic_version"
        }

    assert found == {
        table.name: {column.name: column.nullable for column in table.columns} for table in METADATA.sorted_tables
    }


def test_records_of_a_newer_release_are_refused_in_words(records: Records, home: Path) -> None:
    Records.of(Home(home)).open()
    engine = create_engine(f"sqlite:///{home}/records.db")
    with engine.begin() as connection:
        connection.execute(sql("update alembic_version set version_num = '9999'"))
    engine.dispose()

    with pytest.raises(GatewayFault, match="newer sojourn"):
        Records.of(Home(home)).open()


def test_only_the_owner_may_read_the_file(home: Path) -> None:
    records = Records.of(Home(home))
    records.open()
    records.close()

    assert stat.S_IMODE((home / "records.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["mysql://a@b/c", "not a url", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cannot_be_used_is_refused_in_words(url: str) -> None:
    with pytest.raises(GatewayFault, match="SOJOURN_RECORDS"):
        Records(url)


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    records = Records("postgresql://ada:hunter2@127.0.0.1:1/x")

    with pytest.raises(GatewayFault, match="cannot be used") as told:
        records.open()

    assert "hunter2" not in str(told.value)
    assert "hunter2" not in str(records)


def test_the_command_makes_shows_and_revokes_keys(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "crawler", "--project", "shop", "--role", "sdk", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    found = Keys(Records.of(Home(home))).find(made["key"])
    assert found is not None
    assert (found.key.project, found.state) == ("shop", "live")

    assert main(["keys", "list"]) == 0
    table = capsys.readouterr().out
    assert made["key"] not in table
    assert all(part in table for part in ("crawler", "shop", made["prefix"], "sdk", made["id"]))

    assert main(["keys", "revoke", made["id"]]) == 0
    assert main(["keys", "revoke", made["id"]]) == 1
    capsys.readouterr()
    assert main(["keys", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["state"] == "revoked"

    assert main(["projects", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["shop"]


def test_a_new_key_stands_alone_on_standard_output(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that `KEY=$(sojourn keys create x)` works."""
    assert main(["keys", "create", "x"]) == 0

    told = capsys.readouterr()
    assert Keys(Records.of(Home(home))).find(told.out.strip()) is not None
    assert "only time" in told.err
