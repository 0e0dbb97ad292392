"""Scores over `/v1`: kept, listed, summed up, taken back; and what else can be chosen by them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.sender import T0
from tests.gateway.story import support_session

if TYPE_CHECKING:
    import httpx

    from tests.gateway.serving import Served

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACE = "5b8efff798038103d269b633813fc60c"


def score(gateway: Served, path: str = "", **body: Any) -> httpx.Response:
    """POST a score."""
    # With escapes, so that half a character can be sent.
    return gateway.client.post(f"/v1/scores{path}", content=json.dumps(body))


def kept(gateway: Served, **body: Any) -> str:
    """Its id."""
    whole: dict[str, Any] = {"resource_id": TRACE, "name": "quality", "score": 1} | body
    answer = score(gateway, **whole)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_score_is_kept_and_comes_back(gateway: Served) -> None:
    answer = score(
        gateway, resource_id=TRACE.upper(), name="quality", score=0.7, label="good", reason="short", source="annotation"
    )

    told = answer.json()
    assert (answer.status_code, set(told)) == (201, {"id", "message", "data"})
    assert UUID.fullmatch(told["id"])
    found = gateway.data(f"/v1/scores/{told['id']}")
    expected = {
        "id": told["id"],
        "resource_id": TRACE,
        "resource_type": "trace",
        "name": "quality",
        "score": 0.7,
        "label": "good",
        "reason": "short",
        "source": "annotation",
        "user_id": None,
    }
    assert {name: found[name] for name in expected} == expected
    assert gateway.data("/v1/scores") == [found]


def test_a_score_as_the_sdks_send_it_is_kept(gateway: Served) -> None:
    answer = score(gateway, resourceId="0123456789abcdef", name="x", score=1, type="numeric", label=None, source=None)

    assert answer.json()["data"]["id"] == answer.json()["id"]
    (found,) = gateway.data("/v1/scores")
    assert (found["resource_id"], found["resource_type"], found["source"]) == ("0123456789abcdef", "span", "api")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"resource_id": ""}, "resource_id"),
        ({"resource_id": 5}, "resource_id"),
        ({"resource_id": "x" * 513}, "resource_id"),
        ({"name": ""}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"score": "1"}, "score"),
        ({"score": True}, "score"),
        ({"score": None}, "score"),
        ({"label": 1}, "label"),
        ({"reason": "x" * 10_001}, "reason"),
        ({"source": "eval"}, "source"),
        ({"resource_type": "dataset"}, "resource_type"),
    ],
)
def test_a_wrong_score_is_400_and_names_the_field(gateway: Served, body: dict[str, Any], field: str) -> None:
    whole: dict[str, Any] = {"resource_id": TRACE, "name": "quality", "score": 1} | body
    answer = score(gateway, **whole)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], set(error["details"])) == (400, "invalid_request_body", {field})
    assert gateway.data("/v1/scores") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999", "1e99999999999999999999", "9" * 400])
def test_a_score_that_is_no_finite_number_is_400(gateway: Served, number: str) -> None:
    body = f'{{"resource_id": "{TRACE}", "name": "quality", "score": {number}}}'

    answer = gateway.client.post("/v1/scores", content=body)

    assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, {"score"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"text"'])
def test_a_body_that_is_no_object_is_400(gateway: Served, body: bytes) -> None:
    answer = gateway.client.post("/v1/scores", content=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_body")


def test_a_batch_keeps_what_is_good_and_says_what_is_not(gateway: Served) -> None:
    items: list[Any] = [
        {"resource_id": TRACE, "name": "a", "score": 1, "client_id": "one"},
        {"resource_id": TRACE, "name": "b", "client_id": "two"},
        {"resource_id": TRACE, "name": "c", "score": "high"},
        "nothing",
        {"resource_id": TRACE, "name": "d", "score": 2.5},
    ]

    answer = score(gateway, "/batch", scores=items)

    told = answer.json()["data"]
    assert answer.status_code == 207
    assert told["summary"] == {"total": 5, "succeeded": 2, "failed": 3}
    assert [one["status"] for one in told["results"]] == ["success", "error", "error", "error", "success"]
    assert [one.get("client_id") for one in told["results"]] == ["one", "two", None, None, None]
    codes = [one["error"]["code"] for one in told["results"] if "error" in one]
    assert codes == ["missing_required_field", "invalid_field_value", "invalid_field_value"]
    listed = gateway.data("/v1/scores")
    assert [(one["name"], one["id"]) for one in listed] == [
        ("d", told["results"][4]["id"]),
        ("a", told["results"][0]["id"]),
    ]


@pytest.mark.parametrize(
    ("scores", "status"),
    [
        ([{"resource_id": TRACE, "name": "a", "score": 1}], 201),
        ([{"resource_id": TRACE, "name": "a"}], 400),
        ([], 400),
        (None, 400),
        ([{"resource_id": TRACE, "name": "a", "score": 1}] * 1001, 413),
    ],
)
def test_a_batch_answers_by_how_much_of_it_is_good(gateway: Served, scores: Any, status: int) -> None:
    assert score(gateway, "/batch", scores=scores).status_code == status


def test_a_score_that_is_taken_back_is_gone_everywhere(gateway: Served) -> None:
    first, second = kept(gateway), kept(gateway, name="other")

    assert gateway.client.delete(f"/v1/scores/{first}").status_code == 204
    assert gateway.client.delete(f"/v1/scores/{first}").status_code == 404
    assert gateway.get(f"/v1/scores/{first}").json()["error"]["code"] == "not_found"
    assert [one["id"] for one in gateway.data("/v1/scores")] == [second]
    assert gateway.data("/v1/scores/names") == ["other"]


def test_scores_are_listed_newest_first_by_what_they_are_about(gateway: Served) -> None:
    gateway.keep(support_session("s-1", started_ns=T0))
    trace = gateway.data("/v1/traces")[0]["id"]
    span = gateway.data("/v1/spans")[0]["id"]
    kept(gateway, name="far")
    kept(gateway, name="near", resource_id=trace, source="experiment")
    kept(gateway, name="step", resource_id=span)
    kept(gateway, name="whole", resource_id="s-1")

    def names(**query: Any) -> list[str]:
        return [one["name"] for one in gateway.data("/v1/scores", **query)]

    assert names() == ["whole", "step", "near", "far"]
    assert names(resource_type="trace") == ["near", "far"]
    assert names(resource_id=span) == ["step"]
    assert names(source="experiment") == ["near"]
    assert names(name="far") == ["far"]
    assert names(session_id="s-1") == ["whole", "step", "near"]
    assert names(session_id="s-2") == []
    assert names(filter="name starts with n and score = 1") == ["near"]
    assert names(start_date="2020-01-01", end_date="2020-01-02") == []
    assert gateway.get("/v1/scores", limit=1, offset=1).json()["pagination"] == {"total": 4, "limit": 1, "offset": 1}
    assert gateway.get("/v1/scores", start_date="2020-01-01T00:00:00Z").status_code == 400


def test_scores_are_summed_up_by_name(gateway: Served) -> None:
    for number in (1, 0.5, 0):
        kept(gateway, score=number)
    kept(gateway, name="a", score=-2)

    assert gateway.data("/v1/scores/aggregations") == [
        {"name": "a", "avg_score": -2.0, "count": 1, "min_score": -2.0, "max_score": -2.0},
        {"name": "quality", "avg_score": 0.5, "count": 3, "min_score": 0.0, "max_score": 1.0},
    ]
    assert gateway.data("/v1/scores/aggregations", start_date="2020-01-01", end_date="2020-01-02") == []


def test_the_mean_of_scores_whose_sum_is_no_number_is_one(gateway: Served) -> None:
    for number in (1.7e308, 1.5e308):
        kept(gateway, score=number)

    (told,) = gateway.data("/v1/scores/aggregations")
    assert told["avg_score"] == pytest.approx(1.6e308)


def test_a_trace_shows_its_scores_and_those_of_its_spans(gateway: Served) -> None:
    gateway.keep(support_session("s-1", started_ns=T0))
    trace = gateway.data("/v1/traces")[0]["id"]
    span = gateway.data(f"/v1/traces/{trace}/spans")[0]["id"]
    kept(gateway, name="far")
    kept(gateway, name="near", resource_id=trace)
    kept(gateway, name="step", resource_id=span)

    assert "scores" not in gateway.data(f"/v1/traces/{trace}")
    told = gateway.data(f"/v1/traces/{trace}", fields="scores")["scores"]
    assert [(one["name"], one["resource_id"]) for one in told] == [("near", trace), ("step", span)]


def test_traces_spans_and_sessions_are_chosen_by_scores(gateway: Served) -> None:
    gateway.keep(support_session("s-1", started_ns=T0))
    later, earlier = (trace["id"] for trace in gateway.data("/v1/traces"))
    span = gateway.data(f"/v1/traces/{earlier}/spans")[1]["id"]
    kept(gateway, name="quality-2", resource_id=later, score=0.7)
    kept(gateway, name="quality-2", resource_id=span, score=0.2)
    kept(gateway, name="csat", resource_id="s-1", score=5)

    def found(resource: str, told: str) -> list[str]:
        return [one["id"] for one in gateway.data(f"/v1/{resource}", filter=told)]

    assert found("traces", "score__quality-2 = 0.7") == [later]
    assert found("traces", "score__quality-2 < 0.5") == [earlier]
    assert found("traces", "score__quality-2 != 0.7") == [earlier]
    assert found("traces", "score__other > 0") == []
    assert found("spans", "score__quality-2 <= 0.2") == [span]
    assert found("sessions", "score__csat = 5 and score__quality-2 > 0.5") == ["s-1"]
    assert found("sessions", '[{"field": "score__csat", "operator": "between", "value": [1, 4]}]') == []


def test_an_unknown_score_is_404_whatever_it_is_called(gateway: Served) -> None:
    for name in (TRACE, "' or 1=1 --", "%00", "x" * 5000):
        assert gateway.get(f"/v1/scores/{name}").status_code == 404
        assert gateway.client.delete(f"/v1/scores/{name}").status_code == 404


def test_a_score_of_what_is_no_span_spoils_no_filter(gateway: Served) -> None:
    kept(gateway, resource_id="a long name" * 9, resource_type="span", name="odd")

    for resource in ("traces", "spans", "sessions"):
        assert gateway.data(f"/v1/{resource}", filter="score__odd > 0") == []
