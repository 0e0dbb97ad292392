"""Deletes on a cluster: the rows that a query found, by what tells them apart, and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sojourn_gateway.engine import deleting
from sojourn_gateway.engine.cluster import clustered, key_of
from sojourn_gateway.engine.deleting import find_deletion
from sojourn_gateway.engine.tables import DATABASE, STEPS
from sojourn_gateway.engine.values import text
from tests.gateway.test_served_cluster import CREATED

if TYPE_CHECKING:
    import pytest

    from sojourn_gateway.engine import Engine
    from tests.gateway.sender import Store


def delete_where(condition: str) -> str:
    """The statement that deletes scores."""
    return f"alter table {DATABASE}.scores delete where {condition} settings mutations_sync = 2"


def test_only_a_delete_that_asks_a_query_is_one_that_servers_would_answer_apart() -> None:
    assert find_deletion(delete_where("id in (select id from b)")) is not None
    assert find_deletion(delete_where("id = {id:String}")) is None
    assert find_deletion(f"insert into {DATABASE}.scores select 1") is None


def test_rows_are_told_apart_by_their_key_and_their_version_as_the_engine_has_them(engine: Engine) -> None:
    statements = [sql for step in STEPS for sql in step.statements if CREATED.match(sql.strip())]
    assert statements
    for sql in statements:
        told = CREATED.match(sql.strip())
        assert told is not None
        values = {"database": DATABASE, "table": told[2]}
        (rows,) = engine.rows(
            """select sorting_key, engine_full from system.tables
            where database = {database:String} and name = {table:String}""",
            values,
        )
        key, version = text(rows[0]).split(", "), re.search(r"ReplacingMergeTree\((\w+)", text(rows[1]))
        kinds = {
            text(name): re.sub(r"LowCardinality\((.*)\)", r"\1", text(kind))
            for name, kind in engine.rows(
                """select name, type from system.columns
                where database = {database:String} and table = {table:String}""",
                values,
            )
        }
        columns = [*key, version[1]] if version else key
        assert key_of(sql) == tuple((name, kinds[name]) for name in columns)


def test_exactly_the_rows_that_were_found_go_piece_by_piece(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text may hold any bytes, and what replaced a row since it was found stays."""
    monkeypatch.setattr(deleting, "_LONGEST", 100)
    columns = ("project", "created_ns", "id", "resource_id", "version")
    odd = b"it's \xff"
    store.engine.insert("scores", columns, [[store.project, at, odd + bytes([at]), "goes", 1] for at in range(1, 6)])
    store.engine.insert("scores", columns, [[store.project, 9, odd, "stays", 1]])
    deletion = find_deletion(delete_where("project = {project:String} and resource_id in (select 'goes' where 1)"))
    assert deletion is not None
    with store.engine.beside() as handle:
        rows = handle.rows(deletion.finding, {"project": store.project, "most": 100})
        assert len(rows) == 5
        store.engine.insert("scores", columns, [[store.project, 3, odd + bytes([3]), "goes", 2]])
        statements = list(deletion.removing(rows))
        assert len(statements) > 1
        for sql, values in statements:
            assert "select" not in clustered(sql, "main")[0]
            handle.run(sql, values)
    left = store.engine.rows(
        f"select created_ns, version from {DATABASE}.scores where project = {{project:String}} order by created_ns",
        {"project": store.project},
    )
    assert list(left) == [(3, 2), (9, 1)]
