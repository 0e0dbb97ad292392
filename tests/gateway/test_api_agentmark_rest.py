"""The rest of `/v1`: files of a project, datasets, experiments, queues, keys, exports, and what is not there."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.apis.agentmark.exporting import defused
from sojourn_gateway.engine import experiments
from sojourn_gateway.settings import Settings
from tests.gateway.sender import span, traces, usage
from tests.gateway.serving import served
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import httpx

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

CONFIG: Mapping[str, Any] = {
    "agentmarkPath": ".",
    "scores": {
        "tone": {"type": "categorical", "categories": [{"label": "kind", "value": 1}]},
        "length": {"type": "numeric", "min": 0, "max": 10, "description": "how long"},
        "right": {"type": "boolean"},
        "broken": {"type": "categorical"},
        "odd": 5,
    },
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A project's folder."""
    root = tmp_path / "shop"
    (root / "agentmark" / "more").mkdir(parents=True)
    (root / "agentmark.json").write_text(json.dumps(CONFIG))
    (root / "agentmark" / "greet.prompt.mdx").write_text("---\nname: greet\n---\n\n<User>Hello {props.name}</User>\n")
    (root / "agentmark" / "more" / "bye.prompt.mdx").write_text("---\nname: 'bye'\n---\n<User>Bye</User>\n")
    (root / "agentmark" / "orders.jsonl").write_text('{"input": {"order": 1}}\n\n{"input": {"order": 2}}\n')
    (root / "secret.txt").write_text("outside")
    return root


@pytest.fixture
def shop(engine: Engine, home: Path, files: Path) -> Iterator[Served]:
    """A gateway that serves that folder."""
    with served(engine, Home(home), Settings(project=f"p-{secrets.token_hex(6)}", files=str(files))) as running:
        yield running


def refused(answer: httpx.Response, status: int, code: str) -> Mapping[str, Any]:
    """The error of an answer that is as expected."""
    assert answer.status_code == status, answer.text
    told: Mapping[str, Any] = answer.json()["error"]
    assert told["code"] == code
    return told


def template(gateway: Served, path: str, **query: str) -> httpx.Response:
    """A file of the project."""
    return gateway.client.get("/v1/templates", params={"path": path, **query})


def run_item(
    gateway: Served, run: str, order: int, *, key: str = "shop", tree: str = "t-1", pending: bool = False
) -> str:
    """One item of an experiment, as the SDKs send it; its trace's id."""
    trace_id = secrets.token_bytes(16)
    root = span(
        trace_id,
        "item",
        lasts_s=None if pending else 1,
        attributes={
            "agentmark.dataset_run_id": run,
            "agentmark.dataset_run_name": f"run {run}",
            "agentmark.dataset_item_name": str(order),
            "agentmark.dataset_input": json.dumps({"order": order}),
            "agentmark.dataset_expected_output": "shipped",
            "agentmark.dataset_path": "orders.jsonl",
            "agentmark.experiment_key": key,
            "agentmark.source_tree_hash": tree,
            "agentmark.prompt_name": "status",
        },
    )
    call = span(trace_id, "chat", parent=root, attributes=usage(100, 10))
    assert gateway.send(traces([root, call])).status_code == 200
    assert gateway.engine.settle(60)
    return trace_id.hex()


def test_config_and_score_configs_come_from_the_folder(shop: Served) -> None:
    assert shop.data("/v1/config") == {"commit_sha": None, "config": CONFIG}

    told = shop.get("/v1/score-configs").json()
    assert [one["name"] for one in told["data"]] == ["length", "right", "tone"]
    assert told["pagination"] == {"total": 3, "limit": 50, "offset": 0}
    assert shop.data("/v1/score-configs/length") == {
        "id": "local:length",
        "name": "length",
        "commit_sha": "",
        "data_type": "numeric",
        "description": "how long",
        "min": 0,
        "max": 10,
    }
    refused(shop.get("/v1/score-configs/broken"), 404, "score_config_not_found")


def test_a_project_without_files_says_so(gateway: Served) -> None:
    refused(gateway.get("/v1/config"), 404, "config_not_found")
    assert gateway.data("/v1/score-configs") == []
    assert gateway.data("/v1/prompts") == {"paths": []}
    assert gateway.data("/v1/datasets") == []


def test_the_commit_is_that_of_the_checkout(shop: Served, files: Path) -> None:
    git = files / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text(f"{'a' * 40}\n")

    assert shop.data("/v1/config")["commit_sha"] == "a" * 40
    tree = template(shop, "greet.prompt.mdx").json()["data"]
    assert tree["children"][0]["value"] == f"name: greet\nagentmark_meta:\n  commit_sha: {'a' * 40}"


def test_prompts_are_found_by_the_name_in_their_head(shop: Served) -> None:
    assert shop.data("/v1/prompts")["paths"] == ["greet.prompt.mdx", "more/bye.prompt.mdx"]
    assert shop.data("/v1/prompts", name="bye")["paths"] == ["more/bye.prompt.mdx"]
    refused(shop.client.get("/v1/prompts?name="), 400, "invalid_query_params")


def test_a_prompt_comes_as_a_tree(shop: Served) -> None:
    tree = template(shop, "greet.prompt.mdx", promptKind="text").json()["data"]

    assert tree == {
        "type": "root",
        "children": [
            {"type": "yaml", "value": "name: greet"},
            {
                "type": "mdxJsxFlowElement",
                "name": "User",
                "attributes": [],
                "children": [
                    {"type": "text", "value": "Hello "},
                    {"type": "mdxTextExpression", "value": "props.name"},
                ],
            },
        ],
    }
    assert shop.data("/v1/templates/more/bye.prompt.mdx")["type"] == "root"


def test_a_dataset_comes_as_a_list_or_as_lines(shop: Served) -> None:
    rows = [{"input": {"order": 1}}, {"input": {"order": 2}}]

    assert template(shop, "orders.jsonl").json() == rows
    lines = shop.client.get("/v1/templates?path=orders.jsonl", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["Content-Type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == rows


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "a\x00b", "x" * 2000, "a//b"])
def test_a_path_that_leads_out_is_refused(shop: Served, path: str) -> None:
    answer = template(shop, path)

    assert "outside" not in answer.text
    refused(answer, 400, "invalid_query_params")


def test_a_link_that_leads_out_is_forbidden(shop: Served, files: Path) -> None:
    (files / "agentmark" / "link.prompt.mdx").symlink_to(files / "secret.txt")
    (files / "agentmark" / "rows.jsonl").symlink_to(files / "secret.txt")

    refused(template(shop, "link.prompt.mdx"), 403, "forbidden")
    refused(shop.client.post("/v1/datasets/rows/rows", json={"input": 1}), 403, "forbidden")
    assert [one["name"] for one in shop.data("/v1/datasets")] == ["orders.jsonl"]


def test_templates_that_are_not_there_or_broken_are_told_apart(shop: Served, files: Path) -> None:
    (files / "agentmark" / "bad.prompt.mdx").write_text("---\nname: bad\n---\n\n<User>Hello\n")

    refused(shop.get("/v1/templates"), 400, "invalid_query_params")
    refused(template(shop, "none.prompt.mdx"), 404, "not_found")
    told = refused(template(shop, "bad.prompt.mdx"), 400, "template_parse_error")
    assert "<User> is never closed" in told["message"]


def test_rows_are_added_to_a_dataset_which_is_made_when_it_is_not_there(shop: Served, files: Path) -> None:
    added = shop.client.post("/v1/datasets/orders/rows", json={"input": {"order": 3}, "expected_output": "shipped"})
    assert (added.status_code, added.json()) == (201, {"data": {"line_number": 2}})
    made = shop.client.post("/v1/datasets/more%2Ffresh.jsonl/rows", json={"input": "x", "metadata": {"a": 1}})
    assert made.json() == {"data": {"line_number": 0}}

    last = (files / "agentmark" / "orders.jsonl").read_text().splitlines()[-1]
    assert json.loads(last) == {"input": {"order": 3}, "expected_output": "shipped", "metadata": {}}
    listed = shop.get("/v1/datasets", name="fresh").json()
    assert [(one["name"], one["row_count"]) for one in listed["data"]] == [("more/fresh.jsonl", 1)]
    assert [one["name"] for one in shop.data("/v1/datasets")] == ["more/fresh.jsonl", "orders.jsonl"]


def test_rows_hold_numbers_of_any_kind(shop: Served, files: Path) -> None:
    body = '{"input": [0.5, 7200.0, 1e999], "expected_output": -0.25}'
    added = shop.client.post("/v1/datasets/numbers/rows", content=body, headers={"content-type": "application/json"})
    assert added.status_code == 201

    (line,) = (files / "agentmark" / "numbers.jsonl").read_text().splitlines()
    assert json.loads(line) == {"input": [0.5, 7200.0, "1E+999"], "expected_output": -0.25, "metadata": {}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": 1, "outcome": 2}, "outcome"),
        ({"input": 1, "metadata": 5}, "metadata"),
        ([], "_"),
        ("{", "_"),
    ],
    ids=str,
)
def test_a_row_that_is_wrong_is_refused_by_field(shop: Served, body: Any, field: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)

    told = refused(shop.client.post("/v1/datasets/orders/rows", content=content), 400, "invalid_request_body")

    assert field in told["details"]


@pytest.mark.parametrize("name", ["..%2Fx", "%2Fetc%2Fx", "a%00b", "a%5Cb", "con%3A"])
def test_a_dataset_that_would_lie_elsewhere_is_refused(shop: Served, name: str) -> None:
    refused(shop.client.post(f"/v1/datasets/{name}/rows", json={"input": 1}), 400, "invalid_path_params")


def test_rows_are_made_of_traces_and_spans(shop: Served) -> None:
    shop.keep(support_session("s-1"))
    trace = shop.data("/v1/traces")[-1]["id"]
    call = next(one for one in shop.data(f"/v1/traces/{trace}/spans") if one["type"] == "GENERATION")["id"]

    told = shop.client.post(
        "/v1/datasets/from/rows/from-traces",
        json={
            "trace_ids": [trace, "f" * 32],
            "mapping": {"input": "$.input[1].content", "metadata": {"name": "$.name", "none": "$.x[3].y"}},
        },
    )
    assert told.status_code == 207, told.text
    assert [one["status"] for one in told.json()["data"]["results"]] == ["created", "failed"]
    spans = shop.client.post("/v1/datasets/from/rows/from-spans", json={"span_ids": [call]})
    assert (spans.status_code, spans.json()["data"]["results"][0]["line_number"]) == (201, 1)

    first, second = template(shop, "from.jsonl").json()
    assert (first["input"], first["metadata"]) == (
        "Where is my order 4812?",
        {"name": "support agent", "none": None},
    )
    assert second["input"][0]["role"] == "system"
    refused(
        shop.client.post("/v1/datasets/a/rows/from-spans", json={"span_ids": [call], "mapping": {"input": "input"}}),
        400,
        "invalid_request_body",
    )


def test_experiments_are_traces_of_one_run(gateway: Served) -> None:
    first, second = run_item(gateway, "r-1", 1), run_item(gateway, "r-1", 2)
    for trace_id, score in ((first, 1), (second, 0)):
        kept = gateway.client.post("/v1/scores", json={"resource_id": trace_id, "name": "right", "score": score})
        assert kept.status_code == 201

    (listed,) = gateway.data("/v1/experiments")
    expected = {
        "id": "r-1",
        "name": "run r-1",
        "datasetPath": "orders.jsonl",
        "promptName": "status",
        "itemCount": 2,
        "totalTokens": 220,
        "avgScore": 0.5,
    }
    assert {name: listed[name] for name in expected} == expected
    whole = gateway.data("/v1/experiments/r-1")
    assert sorted((item["itemName"], item["input"], item["expectedOutput"]) for item in whole["items"]) == [
        ("1", '{"order": 1}', "shipped"),
        ("2", '{"order": 2}', "shipped"),
    ]
    assert {item["traceId"]: item["scores"][0]["score"] for item in whole["items"]} == {first: 1, second: 0}
    assert gateway.data("/v1/experiments", prompt_name="other") == []
    runs = gateway.get("/v1/runs/r-1/traces")
    assert (len(runs.json()["data"]), runs.headers["Deprecation"]) == (2, "true")
    refused(gateway.get("/v1/experiments/none"), 404, "not_found")
    refused(gateway.get("/v1/experiments", limit=201), 400, "invalid_query_params")


def test_the_mean_score_of_a_run_is_a_number_where_the_sum_is_none(gateway: Served) -> None:
    for number in (1, 2):
        graded = {"resource_id": run_item(gateway, "r-1", number), "name": "right", "score": 1.7e308}
        assert gateway.client.post("/v1/scores", json=graded).status_code == 201

    (listed,) = gateway.data("/v1/experiments")
    assert listed["avgScore"] == pytest.approx(1.7e308)


def test_a_run_goes_on_until_it_is_silent(gateway: Served) -> None:
    now_ns = time.time_ns()
    for run, began_ns in (("running", now_ns), ("silent", now_ns - 7_200 * 10**9)):
        item = span(secrets.token_bytes(16), "item", attributes={"agentmark.dataset_run_id": run}, lasts_s=None)
        item.start_time_unix_nano = began_ns
        assert gateway.send(traces([item])).status_code == 200
    assert gateway.engine.settle(60)

    assert [(one["id"], one["status"]) for one in gateway.data("/v1/experiments")] == [
        ("running", "running"),
        ("silent", "stalled"),
    ]


@pytest.mark.parametrize("many", [100, 1])
def test_runs_are_found_as_they_come(gateway: Served, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(experiments, "_MANY", many)
    assert gateway.data("/v1/experiments") == []
    found = list[int]()
    for number in range(3):
        run_item(gateway, f"r-{number % 2}", number)
        found.append(sum(one["itemCount"] for one in gateway.data("/v1/experiments")))
    assert found == [1, 2, 3]


def test_a_baseline_is_the_run_of_the_same_sources_else_the_newest(gateway: Served) -> None:
    trace_id = run_item(gateway, "r-1", 1)
    gateway.client.post("/v1/scores", json={"resource_id": trace_id, "name": "right", "score": 1})

    exact = gateway.data("/v1/experiments/baseline", experiment_key="shop", tree_hash="t-1")
    newest = gateway.data("/v1/experiments/baseline", experiment_key="shop", tree_hash="t-2")

    assert exact["resolved"] == {"runId": "r-1", "treeHash": "t-1", "matchedExactCommit": True}
    assert newest["resolved"]["matchedExactCommit"] is False
    assert [(row["scorer"], row["score"]) for row in exact["rows"]] == [("right", 1)]
    none = gateway.data("/v1/experiments/baseline", experiment_key="none", tree_hash="t-1")
    assert none == {"resolved": None, "rows": []}
    refused(gateway.get("/v1/experiments/baseline"), 400, "invalid_query_params")


def test_people_work_through_a_queue(gateway: Served) -> None:
    made = gateway.client.post(
        "/v1/annotation-queues", json={"name": "odd\u0000 answers", "score_config_names": ["tone"]}
    )
    assert made.status_code == 201
    queue = made.json()["data"]
    assert (queue["name"], queue["status"], queue["reviewers_required"]) == ("odd answers", "active", 1)
    path = f"/v1/annotation-queues/{queue['id']}"
    added = gateway.client.post(
        f"{path}/items", json={"items": [{"resource_id": "t-1"}, {"resource_id": "s", "resource_type": "session"}]}
    )
    assert added.json() == {"data": {"added": 2}}
    first, second = gateway.data(f"{path}/items")
    assert (first["resource_type"], second["resource_type"]) == ("trace", "session")

    reviewed = gateway.client.post(f"{path}/items/{first['id']}/reviews", json={"status": "completed"}).json()["data"]
    assert reviewed["item"]["status"] == "completed"
    assert reviewed["review_progress"] == {"completed": 1, "total": 1, "required": 1}
    changed = gateway.client.patch(f"{path}/items/{second['id']}", json={"assigned_to": "ada"})
    assert changed.json()["data"]["assigned_to"] == "ada"
    (listed,) = gateway.data("/v1/annotation-queues")
    assert listed["progress"] == {"pending": 1, "in_progress": 0, "completed": 1, "skipped": 0, "total": 2}
    renamed = gateway.client.patch(path, json={"description": "d", "status": "archived"}).json()["data"]
    assert (renamed["description"], renamed["status"], renamed["updated_at"] is None) == ("d", "archived", False)
    assert gateway.client.patch(path, json={"description": None}).json()["data"]["description"] is None
    assert gateway.client.delete(f"{path}/items/{first['id']}").status_code == 204
    assert gateway.client.delete(path).status_code == 204
    refused(gateway.get(path), 404, "not_found")
    refused(gateway.get(f"{path}/items/{second['id']}"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"score_config_names": ["a"]}, "name"),
        ({"name": "a"}, "score_config_names"),
        ({"name": "x" * 256, "score_config_names": ["a"]}, "name"),
        ({"name": "a", "score_config_names": []}, "score_config_names"),
        ({"name": "a", "score_config_names": ["a"], "reviewers_required": 0}, "reviewers_required"),
        ({"name": "a", "score_config_names": ["a"], "colour": "red"}, "colour"),
    ],
)
def test_a_queue_that_is_wrong_is_refused_by_field(gateway: Served, body: Any, field: str) -> None:
    told = refused(gateway.client.post("/v1/annotation-queues", json=body), 400, "invalid_request_body")

    assert list(told["details"]) == [field]


def test_keys_are_made_and_revoked_over_the_api(gateway: Served) -> None:
    made = gateway.client.post("/v1/api-keys", json={"name": "crawler", "permissions": ["trace.write"]})
    assert made.status_code == 201
    key = made.json()["data"]
    assert key["plaintext_key"].startswith(key["key_prefix"])

    (listed,) = gateway.data("/v1/api-keys")
    assert "plaintext_key" not in listed
    assert (listed["name"], listed["permissions"]) == ("crawler", ["trace.write"])
    shown = {"Authorization": f"Bearer {key['plaintext_key']}"}
    more = {"name": "more", "permissions": ["*"]}
    refused(gateway.client.post("/v1/api-keys", json=more, headers=shown), 403, "forbidden")
    assert gateway.client.delete(f"/v1/api-keys/{key['id']}").status_code == 204
    refused(gateway.client.delete(f"/v1/api-keys/{key['id']}"), 404, "not_found")
    bad = gateway.client.post("/v1/api-keys", json={"name": "a", "permissions": ["world.rule"]})
    assert "permissions" in refused(bad, 400, "invalid_request_body")["details"]


def test_spans_are_exported_as_lines_tables_and_chats(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    lines = [json.loads(line) for line in gateway.get("/v1/traces/export").text.splitlines()]
    assert len(lines) == 8
    assert lines[-1] == {"_export_meta": {"total": 7, "exported": 7, "skipped": 0, "next_cursor": None}}
    light = gateway.get("/v1/traces/export", lightweight="true").text
    # The number alone may stand in an id.
    assert re.search(r"order\W+4812", gateway.get("/v1/traces/export").text)
    assert not re.search(r"order\W+4812", light)
    chats = [json.loads(line) for line in gateway.get("/v1/traces/export", format="openai").text.splitlines()]
    assert chats[-1]["_export_meta"]["skipped"] > 0
    assert [one["role"] for one in chats[0]["messages"]][-1] == "assistant"
    table = list(csv.DictReader(io.StringIO(gateway.get("/v1/traces/export", format="csv").text)))
    assert {row["session_id"] for row in table} == {"s-1"}
    assert len(gateway.get("/v1/traces/export", type="GENERATION", format="csv").text.splitlines()) == 4


def test_an_export_goes_on_where_it_stopped(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    found = list[str]()
    cursor: Any = ""
    for _ in range(4):
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        *rows, last = map(json.loads, gateway.get("/v1/traces/export", **asked).text.splitlines())
        found += [row["id"] for row in rows]
        cursor = last["_export_meta"]["next_cursor"]

    assert cursor is None
    assert len(found) == len(set(found)) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "2001"), ("format", "xml"), ("cursor", "?"), ("minScore", "x"), ("metadata_key", "a"), ("colour", "x")],
)
def test_an_export_that_is_asked_for_wrongly_is_refused(gateway: Served, name: str, value: str) -> None:
    refused(gateway.get("/v1/traces/export", **{name: value}), 400, "invalid_query_params")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert defused(cell) == f"'{cell}"
    assert defused("plain") == "plain"
    assert defused(-1) == -1


def test_prices_are_per_thousand_tokens(gateway: Served) -> None:
    answer = gateway.get("/v1/pricing")

    assert answer.json()["gpt-4o"] == {"promptPrice": 0.0025, "completionPrice": 0.01}
    assert answer.headers["Cache-Control"] == "public, max-age=86400"


@pytest.mark.parametrize("service", ["ingestion", "files"])
def test_health_tells_of_each_part(gateway: Served, service: str) -> None:
    told = gateway.get(f"/v1/health/{service}").json()

    assert (told["status"], told["service"]) == ("healthy", service)
    assert all(one["status"] == "healthy" for one in told["dependencies"])


@pytest.mark.parametrize("path", ["alerts", "apps/1", "deployments", "environments", "connect"])
def test_what_only_the_hosted_product_has_says_so(gateway: Served, path: str) -> None:
    assert refused(gateway.get(f"/v1/{path}"), 501, "not_available_locally")["hint"]
