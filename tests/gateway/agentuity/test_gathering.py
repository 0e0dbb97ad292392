"""What is gathered of spans when somebody asks: whole after a death, and readable whatever a span says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sojourn import semconv
from sojourn_gateway.apis.agentuity.bodies import parse_begun, parse_done
from sojourn_gateway.asgi.faults import translate
from sojourn_gateway.engine.request_rows import PLAIN_COLUMNS
from sojourn_gateway.ingest.agentuity_runs import Told, encode_request, evaluation_span_id, request_span_id
from sojourn_gateway.ingest.limits import LONGEST_VALUE
from sojourn_gateway.model.faults import GatewayFault, TooLarge
from sojourn_gateway.model.request import RequestsAsk
from sojourn_gateway.query import Queries
from tests.gateway.agentuity.by_hand import AT_MS, session_id
from tests.gateway.agentuity.test_refusals import BEGUN, DONE
from tests.gateway.sender import span, trace_id, traces

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine
    from tests.gateway.agentuity.by_hand import Runtime
    from tests.gateway.sender import Store


def test_what_a_death_left_half_gathered_is_gathered_by_the_next_process(store: Store, engine: Engine) -> None:
    trace = trace_id()
    store.send(span(trace, "work", attributes={semconv.AGENT_NAME: "planner"}))
    (commit,) = engine.rows(
        "select max(commit) from sojourn.spans where project = {project:String}", {"project": store.project}
    )[0]
    # Plain spans of the same and of later commits were there already when it died.
    plain = ["dead", trace_id(), trace[:8], 1, 2, 1, commit, "top", -1]
    engine.insert("requests", (*PLAIN_COLUMNS, "role", "devmode"), [plain])

    (found,) = Queries(engine).requests.page(store.project, "own", RequestsAsk(agent="planner"))
    assert found.trace_id == trace.hex()


def test_no_span_keeps_all_others_from_being_read(runtime: Runtime) -> None:
    forged = (
        {semconv.REQUEST_BEGUN: "[]", semconv.REQUEST_DONE: '{"statusCode":"x"}'},
        {
            semconv.REQUEST_BEGUN: '{"url":"\\ud800","metadata":{"\\udfff":NaN}}',
            semconv.REQUEST_DONE: '{"statusCode":null}',
        },
        {semconv.REQUEST_BEGUN: "[" * 5000, semconv.REQUEST_DONE: '{"agentIds":["\\ud800",7]}'},
        {semconv.EVALUATION_BEGUN: '{"evalId":"\\udfff"}', semconv.EVALUATION_DONE: '{"result":[1e999,"\\ud800"]}'},
    )
    spans = [span(trace_id(), attributes=attributes) for attributes in forged]
    runtime.gateway.send(traces(spans))
    own_id = runtime.serve()

    told = {one["id"]: one for one in runtime.data("/session")}
    assert {own_id, *(f"sess_{one.trace_id.hex()}" for one in spans)} <= told.keys()
    assert told[f"sess_{spans[1].trace_id.hex()}"]["metadata"] == {"?": "NaN"}
    (run,) = runtime.data("/cli/eval-run")
    assert (run["evalId"], run["result"]) == ("?", ["Infinity", "?"])


FORGED: tuple[dict[str, Any], ...] = (
    {},
    {"id": "{own}", "metadata": []},
    {"id": "{own}", "timestamp": 10**40},
)


def test_a_forged_begin_is_none(runtime: Runtime) -> None:
    """Anybody can compute which span a request that is told by hand becomes, and send one that looks like it."""
    own_id, run = session_id(), "evalrun_forged"
    trace = bytes.fromhex(own_id.removeprefix("sess_"))
    done = {"id": own_id, "threadId": None, "statusCode": 200, "timestamp": AT_MS}
    for number, begun in enumerate([*FORGED, None]):
        told = "[" * 5000 if begun is None else json.dumps(begun).replace("{own}", own_id)
        forged = {
            request_span_id(own_id): {semconv.REQUEST_BEGUN: told},
            evaluation_span_id(run): {
                semconv.EVALUATION_BEGUN: told.replace(own_id, run),
                semconv.REQUEST_BEGUN: told,
                "@agentuity/evalId": "e",
                "@agentuity/evalRunId": run,
            },
        }
        spans = [
            span(trace, span_id=span_id, at_s=number, lasts_s=None, attributes=attributes)
            for span_id, attributes in forged.items()
        ]
        runtime.gateway.send(traces(spans))
        assert runtime.gateway.engine.settle(60)
        runtime.refused(404, "NOT_FOUND", "/session", "PUT", json=done)
        runtime.refused(404, "NOT_FOUND", "/evalrun", "PUT", json={"id": run, "timestamp": AT_MS})
    # Whoever tells it in earnest is heard.
    runtime.begin(own_id)
    runtime.done(own_id)
    assert runtime.data(f"/session/{own_id}")["session"]["success"]


def test_more_than_is_kept_whole_is_refused() -> None:
    begun = parse_begun(BEGUN)
    done = parse_done({**DONE, "userData": "x" * LONGEST_VALUE})

    with pytest.raises(TooLarge, match="16 MiB"):
        encode_request(Told(begun, done))


def test_a_question_that_needs_too_much_is_refused_in_words(engine: Engine) -> None:
    for needs, words in (
        ("groupArray(number) from numbers(100000000) settings max_memory_usage = 10000000", "memory"),
        ("sleepEachRow(0.1) from numbers(10) settings max_execution_time = 0.1", "longer"),
    ):
        with pytest.raises(GatewayFault, match=words) as told:
            engine.rows(f"select {needs}")
        assert translate(told.value).status == 503
