"""Every name that AgentOps 0.3, AgentOps 0.4 and AgentMark document is here, and takes what is documented."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

import sojourn
from sojourn import semconv
from tests.core.collector import Collector, Reply, Request
from tests.core.recorded import steps

if TYPE_CHECKING:
    from collections.abc import Generator

S: Any = sojourn

# A name, and one call for each way in which it is documented to be called.
NAMES_OF_03: dict[str, list[str]] = {
    "init": [
        "api_key, parent_key=, endpoint=, max_wait_time=, max_queue_size=, tags=, default_tags=",
        "instrument_llm_calls=, auto_start_session=, inherited_session_id=, skip_auto_end_session=",
    ],
    "configure": [
        "api_key=, parent_key=, endpoint=, max_wait_time=, max_queue_size=, default_tags=",
        "instrument_llm_calls=, auto_start_session=, skip_auto_end_session=, env_data_opt_out=",
    ],
    "start_session": ["tags, inherited_session_id", "tags=, inherited_session_id="],
    "end_session": ["end_state, end_state_reason, video, is_auto_end", "end_state=, end_state_reason=, video="],
    "record": ["event", "event="],
    "add_tags": ["tags", "tags="],
    "set_tags": ["tags", "tags="],
    "create_agent": ["name", "name=, agent_id="],
    "get_session": ["session_id", "session_id="],
    "end_all_sessions": [""],
    "get_api_key": [""],
    "set_api_key": ["api_key", "api_key="],
    "set_parent_key": ["parent_key", "parent_key="],
    "stop_instrumenting": [""],
    "record_action": ["", "event_name", "event_name="],
    "record_tool": ["", "tool_name", "tool_name="],
    "record_function": ["event_name", "event_name="],
    "track_agent": ["", "name", "name="],
    "Client": [""],
    "Client.configure": ["api_key=, default_tags="],
    "Client.initialize": [""],
    "Client.record": ["event"],
    "Client.start_session": ["tags, inherited_session_id"],
    "Client.end_session": ["end_state, end_state_reason, video, is_auto_end"],
    "Client.create_agent": ["name, agent_id, session"],
    "Client.add_tags": ["tags"],
    "Client.set_tags": ["tags"],
    "Client.get_session": ["session_id"],
    "Client.end_all_sessions": [""],
    "Client.stop_instrumenting": [""],
    "Configuration": ["api_key=, parent_key=, endpoint=, max_wait_time=, max_queue_size=, default_tags="],
    "Session.record": ["event, flush_now", "event=, flush_now="],
    "Session.end_session": ["", "end_state, end_state_reason, video", "end_state=, end_state_reason=, video="],
    "Session.add_tags": ["tags", "tags="],
    "Session.set_tags": ["tags", "tags="],
    "Session.get_analytics": [""],
    "Session.create_agent": ["name, agent_id", "name=, agent_id="],
    "Session.set_video": ["video", "video="],
    "Session.patch": ["func"],
    "Event": ["event_type, params, returns, init_timestamp, end_timestamp, agent_id, id, session_id"],
    "ActionEvent": ["event_type", "action_type=, logs=, screenshot=, params=, returns="],
    "LLMEvent": ["thread_id=, prompt=, prompt_tokens=, completion=, completion_tokens=, cost=, model="],
    "ToolEvent": ["name=, logs=, params=, returns="],
    "ErrorEvent": ["trigger_event=, exception=, error_type=, code=, details=, logs=, timestamp="],
    "LangchainCallbackHandler": ["", "api_key=, endpoint=, max_wait_time=, max_queue_size=, default_tags="],
    "AsyncLangchainCallbackHandler": ["", "api_key=, endpoint=, max_wait_time=, max_queue_size=, default_tags="],
}
NAMES_OF_04: dict[str, list[str]] = {
    "init": [
        "api_key=, endpoint=, app_url=, max_wait_time=, max_queue_size=, tags=, default_tags=, trace_name=",
        "instrument_llm_calls=, auto_start_session=, auto_init=, skip_auto_end_session=, env_data_opt_out=",
        "log_level=, fail_safe=, log_session_replay_url=, exporter_endpoint=",
    ],
    "configure": ["exporter=, processor=, trace_name=, log_level="],
    "start_trace": ["", "trace_name, tags", "trace_name=, tags="],
    "end_trace": ["", "trace_context, end_state", "trace_context=, end_state="],
    "update_trace_metadata": ["metadata", "metadata=, prefix="],
    "start_session": ["", "tags="],
    "end_session": ["", "session_or_status", "session_or_status=", "end_state=, anything=, else_=", "s, end_state="],
    "end_all_sessions": [""],
    "record": ["event"],
    "track_agent": ["", "name="],
    "track_tool": ["", "tool_name", "tool_name="],
    **{
        name: ["", "given", "name=, version=, tags="]
        for name in ("trace", "session", "agent", "task", "operation", "workflow")
    },
    "tool": ["", "given", "name=, version=, tags=, cost="],
    "guardrail": ["", "given", "name=, version=, tags=, spec="],
    "track_endpoint": ["", "given", "name=, version=, tags=, capture_request=, capture_response="],
    "get_client": [""],
    "Client": [""],
    "Client.init": ["api_key=, tags="],
    "validate_trace_spans": [
        "trace_id=, check_llm=, min_spans=, api_key=",
        "trace_context=, max_retries=, retry_delay=",
    ],
    "print_validation_summary": ["result"],
    "Session.record": ["", "event="],
    "Session.create_agent": ["name=, agent_id="],
    "Session.end_session": ["", "end_state=, anything="],
    "LangchainCallbackHandler": ["api_key=, tags=, auto_session="],
    "AsyncLangchainCallbackHandler": ["api_key=, tags=, auto_session="],
}
NAMES_OF_AGENTMARK: dict[str, list[str]] = {
    "AgentMarkSDK": ["api_key, app_id", "api_key=, app_id=, base_url=, mask="],
    "AgentMarkSDK.init_tracing": ["", "disable_batch="],
    "AgentMarkSDK.score": ["resource_id, name, score", "resource_id=, name=, score=, label=, reason=, type=, source="],
    "AgentMarkSDK.score_sync": ["resource_id=, name=, score=, label=, reason=, type=, source="],
    "SpanOptions": [
        "name, metadata",
        "name=, metadata=, session_id=, session_name=, user_id=, prompt_name=, prompt_path=, dataset_run_id=",
        "name=, dataset_run_name=, dataset_item_name=, dataset_expected_output=, dataset_input=, dataset_path=",
    ],
    "span": ["options, fn, arg, kw="],
    "span_context": ["options", "options="],
    "span_context_sync": ["options", "options="],
    "SpanContext.set_attribute": ["key, value", "key=, value="],
    "SpanContext.set_input": ["value"],
    "SpanContext.set_output": ["value"],
    "SpanContext.add_event": ["name", "name=, attributes="],
    "SpanContext.span": ["name", "name=, metadata="],
    "observe": ["", "fn", "name=, kind=, capture_input=, capture_output=, process_inputs=, process_outputs="],
    "with_agentmark": ["session_id=, session_name=, user_id=, trace_name=, tags=, metadata="],
    "AgentMarkGroupingProcessor": [""],
    "create_pii_masker": ["", "email=, phone=, ssn=, credit_card=, ip_address=, custom="],
}
ATTRIBUTES = {
    "Session": (
        "session_id init_timestamp end_timestamp end_state end_state_reason tags video host_env config jwt token_cost"
        " event_counts is_running session_url"
    ),
    "Client": (
        "is_initialized initialized has_sessions is_multi_session session_count current_session_ids api_key parent_key"
        " config host_env"
    ),
    "SpanContext": "trace_id span_id",
    "TraceContext": "span",
    "TraceState": "SUCCESS ERROR UNSET",
    "EndState": "SUCCESS FAIL INDETERMINATE",
    "SpanKind": "FUNCTION LLM TOOL AGENT RETRIEVAL EMBEDDING GUARDRAIL",
    "SpanResult": "",
    "ValidationError": "",
    "SUCCESS": "",
    "ERROR": "",
    "UNSET": "",
}
CALLS = [
    pytest.param(name, call, id=f"{era} {name}({call})")
    for era, names in (("0.3", NAMES_OF_03), ("0.4", NAMES_OF_04), ("AgentMark", NAMES_OF_AGENTMARK))
    for name, calls in names.items()
    for call in calls
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_each_documented_name_takes_what_is_documented(name: str, call: str) -> None:
    owner, _, method = name.partition(".")
    function = getattr(S, owner)
    # A method is taken unbound: `None` stands for the object.
    args: list[object] = [None] if method else []
    function = getattr(function, method) if method else function
    words = [word.strip() for word in call.split(",") if word.strip()]
    if name == "Session.record" and call in {"", "event="}:
        words = ["event="]
    args += [None for word in words if not word.endswith("=")]

    inspect.signature(function).bind(*args, **{word[:-1]: None for word in words if word.endswith("=")})


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_documented_object_has_what_is_documented(name: str) -> None:
    S.init()
    with S.start_trace("t") as trace, S.span("s") as step:
        made = {"Session": S.current_session(), "Client": S.Client(), "SpanContext": step, "TraceContext": trace}
        owner = made.get(name, getattr(S, name))

        assert [part for part in ATTRIBUTES[name].split() if not hasattr(owner, part)] == []


def test_every_name_is_offered_by_the_package() -> None:
    promised = {name.partition(".")[0] for names in (NAMES_OF_03, NAMES_OF_04, NAMES_OF_AGENTMARK) for name in names}
    needs_langchain = {"LangchainCallbackHandler", "AsyncLangchainCallbackHandler"}

    assert (promised | ATTRIBUTES.keys()) - needs_langchain <= set(sojourn.__all__)
    assert all(hasattr(sojourn, name) for name in needs_langchain)


# --- names that need more than a program of their own -----------------------------------------------------------------


def fake_model(*answers: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(map(AIMessage, answers)))


@pytest.mark.parametrize("observed", ["all", "nothing", "before init"])
async def test_langchains_handlers_record_each_run_once(home: Path, observed: str) -> None:
    if observed != "before init":
        sojourn.init(instrument=observed == "all")
    handler = sojourn.LangchainCallbackHandler(default_tags=["langchain"])
    twin = sojourn.AsyncLangchainCallbackHandler()
    model = fake_model("one", "two", "three")

    model.invoke("x", config={"callbacks": [handler]})
    await model.ainvoke("y", config={"callbacks": [twin]})

    session = sojourn.current_session()
    assert session is not None
    assert handler.current_session_ids == twin.current_session_ids == [session.session_id]
    assert session.tags == (["langchain"] if observed == "before init" else [])
    assert [step.name.partition(" ")[0] for step in steps(home)] == ["chat", "chat"]


def test_the_package_offers_its_handlers_only_where_langchain_is(home: Path) -> None:
    program = """
import sys
sys.modules["langchain_core"] = None
from sojourn import *
import sojourn
try:
    sojourn.LangchainCallbackHandler
except ImportError as fault:
    print(fault)
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert "langchain_core" in told.stdout


async def test_a_score_is_sent_as_agentmark_sends_it() -> None:
    answers = [Reply(201), Reply(400), Reply(503)]

    def decide(request: Request) -> Reply:
        return answers.pop(0) if request.path == "/v1/scores" else Reply()

    with Collector(decide) as collector:
        sdk = sojourn.AgentMarkSDK("key", "app", base_url=collector.url)
        await sdk.score("t1", "quality", 1, label="good", source="api")
        with pytest.raises(ValueError, match="refused the score"):
            sdk.score_sync("t1", "quality", 0.5)
        with pytest.raises(ConnectionError, match="503"):
            sdk.score_sync("t1", "quality", 0.5)
        [first, *_] = [request for request in collector.requests if request.path == "/v1/scores"]

    assert first.body == b'{"resource_id": "t1", "name": "quality", "label": "good", "score": 1.0, "source": "api"}'
    assert first.headers["Authorization"] == "Bearer key"


def test_without_a_gateway_a_score_says_what_to_do() -> None:
    with pytest.raises(ConnectionError, match="sojourn dev"):
        sojourn.AgentMarkSDK().score_sync("t1", "quality", 1)


@contextmanager
def gateway(home: Path) -> Generator[str]:
    """The real gateway over this home, in a process of its own."""
    command = [str(Path(sys.executable).with_name("sojourn")), "serve", "--port", "0"]
    environ = os.environ | {"SOJOURN_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            # It says its word when it is ready.
            yield process.stdout.readline()
        finally:
            process.terminate()


def test_a_trace_is_validated_against_the_running_gateway(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(home):
        sojourn.init()
        with sojourn.start_trace("turn") as trace:
            sojourn.record(sojourn.LLMEvent(model="gpt-4o", prompt="Hi", prompt_tokens=10, completion_tokens=5))
        result = sojourn.validate_trace_spans(trace_context=trace, min_spans=2, max_retries=600, retry_delay=0.2)
        with pytest.raises(sojourn.ValidationError, match="3 are expected"):
            sojourn.validate_trace_spans(trace.trace_id, min_spans=3, max_retries=1, retry_delay=0)
        with pytest.raises(sojourn.ValidationError, match="does not know it"):
            sojourn.validate_trace_spans("0" * 31 + "1", max_retries=1, retry_delay=0)

    sojourn.print_validation_summary(result)
    assert (result["trace_id"], result["span_count"], result["has_llm_spans"]) == (trace.trace_id, 2, True)
    assert result["llm_span_names"] == ["chat gpt-4o"]
    assert (result["metrics"]["prompt_tokens"], result["metrics"]["total_tokens"]) == (10, 15)
    assert "tokens: 15" in capsys.readouterr().out


def test_without_a_gateway_a_validation_says_so() -> None:
    with pytest.raises(sojourn.ValidationError, match="no gateway is known"):
        sojourn.validate_trace_spans("0" * 31 + "1", max_retries=1, retry_delay=0)


def test_a_span_of_the_programs_own_provider_carries_the_group() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(sojourn.AgentMarkGroupingProcessor())
    with sojourn.with_agentmark(session_id="s-1", user_id="ada", tags=["a"]):
        span: Any = provider.get_tracer("own").start_span("own", attributes={semconv.USER_ID: "bob"})

    assert dict(span.attributes) == {semconv.USER_ID: "bob", semconv.SESSION_ID: "s-1", semconv.TAGS: ("a",)}


def test_the_client_object_is_the_module_in_another_form() -> None:
    assert not sojourn.get_client().initialized
    session = sojourn.init(tags=["a"])
    client = sojourn.get_client()

    assert client.initialized
    assert client.host_env == session.host_env
    assert client.create_agent("A", session=session) in session.agents
    client.end_session("Success")
    assert not client.has_sessions
