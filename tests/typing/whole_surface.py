"""The rest of the public names as users write them. Nothing runs here: mypy and pyright read it in `make check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type
from uuid import UUID, uuid4

import sojourn
from sojourn import (
    AgentMarkGroupingProcessor,
    AgentMarkSDK,
    AsyncLangchainCallbackHandler,
    Client,
    Configuration,
    Cost,
    Health,
    LangchainCallbackHandler,
    LimitReached,
    Session,
    SpanContext,
    TraceContext,
    TraceState,
    create_pii_masker,
    validate_trace_spans,
)
from sojourn.redaction import API_KEY, EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path

    from langchain_core.callbacks.base import BaseCallbackHandler
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span


def settings() -> None:
    """Options of every origin."""
    sojourn.configure(default_tags=["a"], endpoint="http://127.0.0.1:9418", skip_auto_end_session=True)
    sojourn.init(max_cost=1.5, max_tokens=1000, max_calls=3, on_limit="warn")
    sojourn.init(redact=[EMAIL, API_KEY, str.strip], sample_rate=0.5, capture_logs="INFO", instrument=["openai"])
    sojourn.init(redact=create_pii_masker(email=True, custom=[(r"\d+", "#")]), capture_logs=True, instrument=False)
    sojourn.init(trace_name="run", env_data_opt_out=True, log_level="DEBUG", exporter_endpoint="http://127.0.0.1:1")
    sojourn.set_api_key("k")
    sojourn.set_parent_key("p")
    assert_type(sojourn.get_api_key(), str | None)
    sojourn.stop_instrumenting()
    sojourn.shutdown()


def a_limit(reached: LimitReached) -> None:
    """What a program may do when a limit is reached."""
    assert_type(reached.limit, str)
    raise reached


def sessions(path: Path) -> None:
    """Every fact of a session, and every way to its end."""
    with sojourn.start_session(tags={"plan": "pro"}, name="n", max_calls=1, on_limit=a_limit) as session:
        assert_type(session, Session)
        session.set_name("checkout")
        session.set_user(uuid4())
        session.set_metadata({"n": 1, "deep": {"k": [1]}})
        session.set_video(path)
        session.attach("log", path)
        session.attach("log", b"bytes")
        assert_type(session.create_agent("A"), str)
        assert_type(session.user_id, str | None)
        assert_type(session.tags, list[str])
        assert_type(session.is_running, bool)
        assert_type(session.session_url, str)
        assert_type(session.event_counts, dict[str, int])
        assert_type(session.host_env, dict[str, Any])
        assert_type(session.config, Configuration)
        assert_type(session.end_timestamp, str | None)
        cost: Decimal = session.token_cost
        print(cost)
    assert_type(session.end_session("Fail", end_state_reason="r", video=path, anything=1), Cost)
    assert_type(sojourn.end_session(session, end_state="Success"), Cost | None)
    assert_type(sojourn.end_session(TraceState.SUCCESS, anything="else"), Cost | None)
    assert_type(sojourn.get_session(UUID(int=1)), Session | None)
    assert_type(sojourn.current_session(), Session | None)
    assert_type(sojourn.create_agent("A"), str | None)
    sojourn.end_all_sessions("Fail", "r")


def the_client() -> None:
    """The module as an object."""
    client = sojourn.get_client()
    assert_type(client, Client)
    assert_type(client.initialize(), Session | None)
    assert_type(client.start_session(["a"]), Session)
    assert_type(client.current_session_ids, list[str])
    assert_type(client.host_env, dict[str, Any])
    assert_type(client.initialized, bool)
    client.configure(default_tags=["a"])
    client.create_agent("A", session=client.start_session())
    client.end_session("Success")


async def health() -> None:
    """What can be asked of the recorder."""
    assert_type(sojourn.flush(1), bool)
    found = sojourn.health()
    assert_type(found, Health)
    assert_type(found.dropped, int)


def traces() -> None:
    """Traces by hand."""
    trace = sojourn.start_trace("turn", tags={"n": 1})
    assert_type(trace, TraceContext)
    assert_type(trace.trace_id, str)
    span: Span = trace.span
    print(span)
    assert_type(sojourn.update_trace_metadata({"n": 1}, prefix="mine"), bool)
    sojourn.end_trace(trace, TraceState.ERROR)
    sojourn.end_trace(end_state="Success")
    sojourn.print_validation_summary(validate_trace_spans(trace_context=trace, check_llm=False))


def steps(context: SpanContext) -> None:
    """What may be said of a step: anything."""
    context.set_attribute("fact", {"deep": [1]})
    context.set_metadata("fact", object())
    context.set_input(object())
    context.set_output([1])
    context.add_event("happened", {"n": 1, "deep": {}})
    with context.span("inner", {"n": 1}) as inner:
        assert_type(inner, SpanContext)
    with sojourn.with_agentmark(session_id=uuid4(), user_id="u", tags=["a", 1], metadata={"k": {}}):
        pass


@sojourn.record_action(event_name="named")
def acted(n: int) -> str:
    """By the keyword of AgentOps."""
    return str(n)


@sojourn.record_tool(tool_name="named")
async def used(n: int) -> str:
    """By the keyword of AgentOps."""
    return str(n)


@sojourn.track_tool
def tracked(n: int) -> str:
    """Without parentheses."""
    return str(n)


@sojourn.track_agent
class Bare:
    """Without parentheses."""


@sojourn.track_agent(name="Named")
class Named:
    """With a name."""


async def decorated() -> None:
    """Everything keeps its type."""
    assert_type(acted(1), str)
    assert_type(await used(1), str)
    assert_type(tracked(1), str)
    assert_type(Bare(), Bare)
    assert_type(Named(), Named)


async def agentmark(function: Callable[[str], str]) -> None:
    """What programs of AgentMark begin with."""
    sdk = AgentMarkSDK("key", "app", base_url="http://127.0.0.1:9418", mask=function)
    provider: TracerProvider = sdk.init_tracing(disable_batch=True)
    provider.add_span_processor(AgentMarkGroupingProcessor())
    assert_type(await sdk.score("id", "quality", 0.5, label="good"), dict[str, Any])
    assert_type(sdk.score_sync("id", "quality", 1), dict[str, Any])


def langchain() -> list[BaseCallbackHandler]:
    """Handlers go where LangChain takes handlers."""
    return [LangchainCallbackHandler(tags=["a"]), AsyncLangchainCallbackHandler(api_key="k")]


def more_misuse() -> None:
    """What the checkers catch."""
    sojourn.start_session(max_cst=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # no limit
    sojourn.end_trace("Success")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no trace
    sojourn.init(sample_rate="half")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]  # no number
    sojourn.record("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no event
