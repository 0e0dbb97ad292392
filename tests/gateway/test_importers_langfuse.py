"""What people leave behind in Langfuse reads as if it had been recorded here."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.keeping.importing import Left
from sojourn_gateway.keeping.made import Request, hex_span_id, hex_trace_id
from sojourn_gateway.model.score import ScoresAsk
from tests.gateway.exports import langfuse_files as files
from tests.gateway.importing import import_file, read_items

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.model.span import Span
    from tests.gateway.sender import Store

TRACE = files.TRACE.replace("-", "")


def by_name(store: Store) -> dict[str, Span]:
    """The spans of the trace."""
    found = store.queries.trace(store.project, TRACE)
    assert found is not None
    return {span.name: span for span in found.spans}


def facts(store: Store) -> dict[str, Any]:
    """What every shape of the same conversation comes to."""
    session = store.session(files.SESSION)
    summary, spans = session.summary, by_name(store)
    answer = spans["answer"]
    return {
        "traces": summary.trace_count,
        "calls": (summary.model_calls, summary.tool_calls, summary.errors),
        "tokens": (summary.tokens.input, summary.tokens.output, summary.tokens.cache_read, summary.tokens.reasoning),
        "cost": summary.cost.usd,
        "user": summary.user_id,
        "model": answer.model,
        "parents": (answer.parent_id, spans["carrier_status"].parent_id),
        "failed": (spans["carrier_status"].status, spans["carrier_status"].status_message),
        "asked": "Where is order 4812?" in (answer.input or ""),
        "said": "It arrives on Monday." in (answer.output or ""),
        "metadata": answer.attributes["sojourn.metadata.attempt"],
        "settings": (answer.attributes["gen_ai.request.temperature"], answer.attributes["gen_ai.request.max_tokens"]),
        "prompt": answer.attributes["gen_ai.prompt.name"],
        "first": answer.attributes["gen_ai.response.time_to_first_chunk"],
        "own": answer.attributes["sojourn.metadata.langfuse_id"],
    }


EXPECTED: dict[str, Any] = {
    "traces": 1,
    "calls": (1, 1, 1),
    "tokens": (120, 40, 20, 10),
    "cost": Decimal("0.0042"),
    "user": "ada",
    "model": "gpt-4o-mini",
    "parents": (hex_span_id("agent-one"), hex_span_id("agent-one")),
    "failed": ("error", "the carrier did not answer"),
    "asked": True,
    "said": True,
    "metadata": "1",
    "settings": (0.2, 256),
    "prompt": "support-answer",
    "first": 0.25,
    "own": "gen-one",
}


@pytest.mark.parametrize(
    "shapes",
    [
        pytest.param({"trace.json": files.of_api()}, id="api"),
        pytest.param({"trace.json": files.of_download()}, id="download"),
        pytest.param({"session.json": files.of_session()}, id="session"),
        pytest.param(files.of_lists(), id="lists"),
        pytest.param(files.of_tables(), id="tables"),
        pytest.param(files.of_bucket(), id="bucket"),
    ],
)
def test_every_shape_of_a_conversation_comes_to_the_same(store: Store, tmp_path: Path, shapes: dict[str, str]) -> None:
    for name, content in shapes.items():
        assert import_file(store, tmp_path, content, name).left == []

    assert facts(store) == EXPECTED


def test_coming_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        told = import_file(store, tmp_path, files.of_api())
        assert (told.spans, told.scores, told.left) == (4, 3, [])

    assert facts(store) == EXPECTED
    assert store.queries.scores(store.project, ScoresAsk()).total == 3


def test_a_trace_is_the_root_of_its_steps_with_what_was_said_of_it(store: Store, tmp_path: Path) -> None:
    import_file(store, tmp_path, files.of_api())

    root = by_name(store)["support"]
    assert root.parent_id is None
    assert by_name(store)["supporter"].parent_id == root.span_id
    assert root.duration_ns == 3_500_000_000
    assert root.step == "workflow"
    assert root.input == '{"question": "Where is order 4812?"}'
    assert root.output == "It arrives on Monday."
    told = {name.removeprefix("sojourn."): value for name, value in root.attributes.items()}
    assert told["tags"] == ["support", "orders"]
    assert {name: told[f"metadata.{name}"] for name in ("plan", "seats", "release", "environment")} == {
        "plan": "gold",
        "seats": "4",
        "release": "r7",
        "environment": "production",
    }
    assert told["metadata.langfuse_trace_id"] == files.TRACE
    assert told["version"] == "1.2"


def test_scores_keep_ids_values_words_and_who_gave_them(store: Store, tmp_path: Path) -> None:
    import_file(store, tmp_path, files.of_api())

    found = {score.name: score for score in store.queries.scores(store.project, ScoresAsk()).items}
    assert (found["helpful"].id, found["helpful"].kind, found["helpful"].resource_id) == ("score-1", "trace", TRACE)
    assert (found["helpful"].score, found["helpful"].reason) == (0.9, "says when")
    assert (found["helpful"].source, found["helpful"].user_id) == ("annotation", "grace")
    assert (found["tone"].kind, found["tone"].resource_id) == ("span", hex_span_id("gen-one"))
    assert (found["tone"].label, found["tone"].score) == ("friendly", 0.0)
    assert (found["solved"].kind, found["solved"].resource_id) == ("session", files.SESSION)
    assert {score.created_ns for score in found.values()} == {1_772_362_800_000_000_000}


def test_a_table_has_its_scores_in_columns(store: Store, tmp_path: Path) -> None:
    for name, content in files.of_tables().items():
        import_file(store, tmp_path, content, name)

    found = store.queries.scores(store.project, ScoresAsk()).items
    assert {(score.kind, score.resource_id, score.name, score.score, score.label) for score in found} == {
        ("trace", TRACE, "helpful", 0.9, ""),
        ("span", hex_span_id("gen-one"), "tone", 0.0, "friendly"),
    }


def test_lists_that_went_in_or_came_out_are_no_scores() -> None:
    lists: dict[str, Any] = {"input": ["one", "two"], "output": [0.1, 0.2], "metadata": ["a"]}

    for row in (files.generation(type="EMBEDDING", **lists), files.trace(**lists)):
        (found,) = read_items(json.dumps([row]))
        assert isinstance(found, Request)


def test_counts_that_a_program_told_itself_have_their_details_inside(store: Store, tmp_path: Path) -> None:
    usage = {"input": 120, "output": 40, "total": 160, "input_cached_tokens": 20, "output_reasoning_tokens": 10}
    step = files.generation(usageDetails=usage, costDetails={}, calculatedTotalCost=None, sessionId=files.SESSION)
    import_file(store, tmp_path, f"[{json.dumps(step)}]")

    tokens = store.session(files.SESSION).summary.tokens
    assert (tokens.input, tokens.output, tokens.cache_read, tokens.reasoning) == (120, 40, 20, 10)


def test_a_cost_of_nought_is_not_known_there_and_priced_here(store: Store, tmp_path: Path) -> None:
    step = files.generation(costDetails={}, calculatedTotalCost=0, totalCost=0)
    import_file(store, tmp_path, f"[{json.dumps(step)}]")

    assert by_name(store)["answer"].cost_source == "priced"


def test_ids_that_are_no_hexadecimal_numbers_become_some_that_stay(store: Store, tmp_path: Path) -> None:
    step = files.generation(traceId="order 4812", parentObservationId=None)
    import_file(store, tmp_path, f"[{json.dumps(step)}]")

    found = store.queries.trace(store.project, hex_trace_id("order 4812"))
    assert found is not None
    assert found.spans[0].attributes["sojourn.metadata.langfuse_trace_id"] == "order 4812"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"id": "x", "timestamp": "yesterday", "name": "t"}, "`timestamp` is no time: 'yesterday'"),
        ({"id": "x", "traceId": "t", "startTime": None}, "an observation without `startTime`"),
        ({"id": "x", "name": "n", "value": 1, "traceId": "t"}, "a score without `timestamp`"),
        (
            {"id": "x", "name": "n", "value": 1, "traceId": None, "sessionId": None, "timestamp": "2026-01-01"},
            "a score of neither an observation, a trace nor a session",
        ),
        ({"id": "x", "countTraces": 4}, "a row of Langfuse's table of sessions holds sums only"),
        ({"what": 1}, "an object with what is of no kind that is known"),
    ],
)
def test_a_record_that_cannot_be_taken_is_told_and_the_others_are_kept(record: dict[str, Any], why: str) -> None:
    found = read_items(json.dumps([record, files.generation(parentObservationId=None)]))

    assert [item.items for item in found if isinstance(item, Request)] == [1]
    (left,) = [item for item in found if isinstance(item, Left)]
    assert left.place == "[0]"
    assert left.why.startswith(why)
