"""The schema on a cluster: generated from the same steps, and understood by the engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sojourn_gateway.command.line import main
from sojourn_gateway.command.schema import schema
from sojourn_gateway.engine import columns
from sojourn_gateway.engine.cluster import clustered, in_database, of_all_servers
from sojourn_gateway.engine.tables import STEPS
from sojourn_gateway.engine.where import compile_where
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query.filters import parse_filter
from tests.conftest import ROOT
from tests.gateway.sender import Store, span, trace_id

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine

CREATED = re.compile(r"create table if not exists (\w+)\.(\w+)( on cluster \w+)?(.*)", re.DOTALL)


@pytest.mark.parametrize("cluster", ["", "main"])
def test_the_engine_understands_every_statement(engine: Engine, cluster: str) -> None:
    for statement in schema(cluster, "agents"):
        assert engine.rows(f"explain ast {statement}")


def test_every_table_of_the_schema_is_replicated_and_spread_or_whole_on_every_server() -> None:
    one = {found[2] for statement in schema("", "agents") if (found := CREATED.match(statement.strip()))}
    many = [found for statement in schema("main", "agents") if (found := CREATED.match(statement.strip()))]
    engines = {found[2]: found[4] for found in many}
    assert all(found[1] == "agents" and found[3] == " on cluster main" for found in many)

    spread = {name.removesuffix("_local") for name in engines if name.endswith("_local")}
    whole = engines.keys() - spread - {f"{name}_local" for name in spread}
    assert spread | whole == one
    for name in spread:
        assert "engine = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/" in engines[f"{name}_local"]
        over = rf"engine = Distributed\(main, agents, {name}_local, cityHash64\(project, \w+\)\)"
        assert re.search(over, engines[name])
    for name in whole:
        assert "engine = ReplicatedReplacingMergeTree('/clickhouse/tables/all/" in engines[name]
        # A statement that changes such a table must not look for the part of it on a shard.
        assert clustered(f"delete from agents.{name} where 1", "main") == (
            f"delete from agents.{name} on cluster main where 1",
        )


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("spans", "trace_id"),
        ("trails", "trace_id"),
        ("places", "trace_id"),
        ("traces", "session_id"),
        ("sessions", "session_id"),
        ("session_events", "session_id"),
        ("logs", "uid"),
        ("scores", "id"),
    ],
)
def test_what_is_summed_up_together_lies_on_one_shard(table: str, key: str) -> None:
    above = next(one for one in schema("main", "agents") if f"as agents.{table}_local " in one)
    assert above.endswith(f"engine = Distributed(main, agents, {table}_local, cityHash64(project, {key}))")


def test_a_column_is_added_to_the_parts_and_to_the_table_over_them_an_index_to_the_parts_alone() -> None:
    column, index = "add column if not exists a Map(String, String)", "add index if not exists i a type minmax"
    assert clustered(f"alter table agents.spans {column}, {index}", "main") == (
        f"alter table agents.spans_local on cluster main {column}, {index}",
        f"alter table agents.spans on cluster main {column}",
    )


@pytest.mark.parametrize(
    ("statement", "turned"),
    [
        (
            "delete from agents.spans where project = {p:String}",
            ("delete from agents.spans_local on cluster main where project = {p:String}",),
        ),
        ("optimize table agents.spans final", ("optimize table agents.spans_local on cluster main final",)),
        (
            "drop table if exists agents.spans",
            (
                "drop table if exists agents.spans on cluster main",
                "drop table if exists agents.spans_local on cluster main",
            ),
        ),
        (
            "create database if not exists agents engine = Atomic",
            ("create database if not exists agents on cluster main engine = Atomic",),
        ),
        ("insert into agents.spans select 1", ("insert into agents.spans select 1",)),
        ("select 1 from agents.spans", ("select 1 from agents.spans",)),
        ("truncate table agents.touched", ("truncate table agents.touched",)),
    ],
)
def test_a_change_happens_on_all_servers_a_query_does_not(
    engine: Engine, statement: str, turned: tuple[str, ...]
) -> None:
    assert clustered(statement, "main") == turned
    for one in turned:
        assert engine.rows(f"explain ast {one}", {"p": "x"})


def test_a_change_to_which_each_server_would_have_its_own_answer_is_refused() -> None:
    for statement in (
        "alter table sojourn.spans delete where trace_id in (select id from sojourn.condemned)",
        "delete from sojourn.spans where trace_id in (select id from sojourn.late)",
    ):
        with pytest.raises(GatewayFault, match="a change of spans asks a query"):
            clustered(statement, "main")


def test_what_lies_on_disks_is_asked_of_every_shard() -> None:
    sql = "select sum(bytes_on_disk) from system.parts where database = 'system.parts'"
    assert of_all_servers(sql, "main") == (
        "select sum(bytes_on_disk) from cluster('main', system.parts) where database = 'system.parts'"
    )


@pytest.mark.parametrize("told", ["input contains 'an anemone in'", "metadata.plan = gold"])
def test_how_much_an_index_leaves_is_counted_on_all_shards_since_a_server_estimates_its_own(
    store: Store, told: str
) -> None:
    said = {"sojourn.input": "an anemone in the sea", "sojourn.metadata.plan": "gold"}
    store.send(span(trace_id(), attributes=said), span(trace_id(), attributes=said), span(trace_id()))
    where = compile_where(parse_filter("spans", told), columns.SPANS)
    asked = f"select count() from sojourn.spans final where project = {{project:String}} and {where.text}"
    of_all = of_all_servers(asked, "main")

    assert "explain estimate" in asked
    assert "explain" not in of_all
    values = {**where.values, "project": store.project}
    assert store.engine.rows(of_all, values) == store.engine.rows(asked, values) == [(2,)]
    # No further than it matters.
    few, counts = re.findall(r" <= (\d+) ", of_all)[0], re.findall(r"select 1 as rows from .*? limit (\d+)\)", of_all)
    assert set(counts) == {str(int(few) + 1)}


def test_tables_in_memory_stay_on_one_server() -> None:
    """Whoever adds one tells `cluster.py`."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "gateway/sojourn_gateway/engine").glob("*.py"))
    memory = set(re.findall(r"create table if not exists \{DATABASE\}\.(\w+)[^;\"]*?engine = Memory", code))
    assert {"touched", "touched_sessions"} <= memory
    for name in memory:
        create = f"create table if not exists sojourn.{name} (a String) engine = Memory"
        for statement in (create, f"truncate table sojourn.{name}", f"drop table if exists sojourn.{name}"):
            assert clustered(statement, "main") == (statement,)


def test_only_the_name_of_the_database_changes_with_the_database() -> None:
    assert in_database("select 'sojourn.x', a from sojourn.spans where b = 'it\\'s sojourn.'", "agents") == (
        "select 'sojourn.x', a from agents.spans where b = 'it\\'s sojourn.'"
    )


def test_steps_name_their_tables_in_a_way_that_a_cluster_understands() -> None:
    for step in STEPS:
        for statement in step.statements:
            is_insert = statement.lstrip().startswith("insert into")
            assert (clustered(statement, "main") == (statement,)) is is_insert, statement


def test_the_command_prints_the_statements(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--cluster", "main", "--database", "agents"]) == 0
    printed = capsys.readouterr().out
    assert [one.strip() for one in printed.split(";\n") if one.strip()] == [
        one.strip() for one in schema("main", "agents")
    ]
    assert main(["schema", "--cluster", "a b"]) == 1
    assert "'a b' is no plain name" in capsys.readouterr().err
