"""What is wrong is refused at once, in words that say what to do; every public function is in the table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import sojourn

if TYPE_CHECKING:
    from collections.abc import Callable

# The point of this file is to call as no type checker would let us.
S: Any = sojourn


def in_session(call: Callable[[Any], object]) -> Callable[[], object]:
    """The call, with a session that runs."""
    return lambda: call(S.init())


def in_step(call: Callable[[Any], object]) -> Callable[[], object]:
    """The call, with a step that is open."""

    def run() -> object:
        S.init()
        with S.span("step") as step:
            return call(step)

    return run


def recorded(event: Callable[[], object]) -> Callable[[], object]:
    """Recording an event, in a session and by the module without one."""

    def run() -> object:
        with pytest.raises((TypeError, ValueError)):
            S.record(event())
        return S.init().record(event())

    return run


def scoped(**facts: Any) -> Callable[[], object]:
    def run() -> object:
        with S.with_agentmark(**facts):
            return None

    return run


def function() -> None: ...


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    # --- beginning
    "init: a key that is no text": (lambda: S.init(7), TypeError, "api_key must be text, not int"),
    "init: an endpoint that is no text": (lambda: S.init(endpoint=7), TypeError, "endpoint must be text"),
    "init: an endpoint that is no URL": (
        lambda: S.init(endpoint="nowhere"),
        ValueError,
        "must be a base URL like http",
    ),
    "init: tags that are a number": (lambda: S.init(tags=7), TypeError, "tags must be text or several texts, not int"),
    "init: tags that are numbers": (lambda: S.init(tags=[1]), TypeError, "tags must be text, not int"),
    "init: tags that are bytes": (lambda: S.init(tags=b"ab"), TypeError, "tags must be text, not int"),
    "init: tags that are facts": (lambda: S.init(tags={"a": 1}), TypeError, "facts by name are metadata"),
    "init: a name that is no text": (lambda: S.init(name=7), TypeError, "name must be text"),
    "init: a switch that is none": (lambda: S.init(auto_start_session="yes"), TypeError, "must be True or False"),
    "init: an id that is no text": (lambda: S.init(inherited_session_id=7), TypeError, "text or a UUID, not int"),
    "init: an id that is empty": (lambda: S.init(inherited_session_id="  "), ValueError, "is empty"),
    "init: an unknown option": (lambda: S.init(endpont="x"), TypeError, "unknown options: endpont; known are api_key"),
    "init: a provider of one's own": (lambda: S.init(global_provider="x"), TypeError, "must be True or False, not str"),
    "init: libraries by number": (lambda: S.init(instrument=3), TypeError, "instrument must be a list of names"),
    "init: a library that nobody knows": (lambda: S.init(instrument=["opnai"]), ValueError, "what can be observed is"),
    "init: a rate above 1": (lambda: S.init(sample_rate=2), ValueError, "must be a number from 0 to 1"),
    "init: a rate that is no number": (lambda: S.init(sample_rate=[]), TypeError, "must be a number from 0 to 1"),
    "init: a level that is none": (
        lambda: S.init(capture_logs="LOUD"),
        ValueError,
        "a level of logging such as 'INFO'",
    ),
    "init: a redactor that is none": (lambda: S.init(redact=["x"]), TypeError, "functions that take a text"),
    "init: a limit that is no number": (lambda: S.init(max_cost="5"), TypeError, "max_cost must be a number"),
    "init: a limit that is negative": (lambda: S.init(max_calls=-1), ValueError, "must be 0 or more"),
    "init: a limit that is no whole number": (lambda: S.init(max_tokens=1.5), TypeError, "must be a whole number"),
    "init: an answer to limits that is none": (
        lambda: S.init(on_limit="stop"),
        ValueError,
        "'raise', 'warn' or a func",
    ),
    "init: default tags": (lambda: S.init(default_tags=3), TypeError, "default_tags must be text"),
    "init: another switch": (lambda: S.init(env_data_opt_out=1), TypeError, "env_data_opt_out must be True or False"),
    "init: a trace name": (lambda: S.init(trace_name=1), TypeError, "trace_name must be text"),
    "configure: a switch": (lambda: S.configure(skip_auto_end_session="no"), TypeError, "must be True or False"),
    "configure: an endpoint": (lambda: S.configure(endpoint="nowhere"), ValueError, "must be a base URL like http"),
    "configure: a rate": (lambda: S.configure(sample_rate=7), ValueError, "must be a number from 0 to 1"),
    "configure: an unknown option": (lambda: S.configure(endpont="x"), TypeError, "unknown options: endpont"),
    "start_session: tags": (lambda: S.start_session(3), TypeError, "tags must be text or several texts"),
    "start_session: an id": (lambda: S.start_session(inherited_session_id=3), TypeError, "text or a UUID, not int"),
    "start_session: a name": (lambda: S.start_session(name=3), TypeError, "name must be text"),
    "start_session: a limit": (lambda: S.start_session(max_calls="3"), TypeError, "max_calls must be a whole number"),
    "start_session: an unknown option": (lambda: S.start_session(max_cst=1), TypeError, "unknown options: max_cst"),
    "set_api_key": (lambda: S.set_api_key(3), TypeError, "api_key must be text"),
    "set_parent_key": (lambda: S.set_parent_key(3), TypeError, "parent_key must be text"),
    # --- ending
    "end_session: a state": (in_session(lambda _: S.end_session("Done")), ValueError, "'Success', 'Fail' or 'Indet"),
    "end_session: a state, without a session": (lambda: S.end_session("Done"), ValueError, "'Success', 'Fail' or 'I"),
    "end_session: a reason": (in_session(lambda _: S.end_session("Fail", 3)), TypeError, "reason must be text"),
    "end_session: a video": (
        in_session(lambda _: S.end_session("Fail", video=3)),
        TypeError,
        "video must be text or a",
    ),
    "end_session: a switch": (lambda: S.end_session(is_auto_end="no"), TypeError, "is_auto_end must be True or False"),
    "end_all_sessions: a state": (lambda: S.end_all_sessions("Done"), ValueError, "'Success', 'Fail' or 'Indet"),
    "end_all_sessions: a reason": (lambda: S.end_all_sessions("Fail", 3), TypeError, "end_state_reason must be text"),
    "Session.end_session: a state": (in_session(lambda s: s.end_session(None)), ValueError, "'Success', 'Fail' or"),
    "Session.end_session: a reason": (in_session(lambda s: s.end_session("Fail", [1])), TypeError, "must be text"),
    # --- facts
    "add_tags": (lambda: S.add_tags(3), TypeError, "tags must be text"),
    "set_tags": (lambda: S.set_tags([None]), TypeError, "tags must be text, not NoneType"),
    "Session.add_tags": (in_session(lambda s: s.add_tags({"a": 1})), TypeError, "facts by name are metadata"),
    "Session.set_tags": (in_session(lambda s: s.set_tags(3)), TypeError, "tags must be text"),
    "Session.set_name": (in_session(lambda s: s.set_name(3)), TypeError, "name must be text"),
    "Session.set_user": (in_session(lambda s: s.set_user(3)), TypeError, "user_id must be text or a UUID"),
    "Session.set_metadata": (in_session(lambda s: s.set_metadata("a")), TypeError, "must be a dict of facts by name"),
    "Session.set_metadata: keys": (in_session(lambda s: s.set_metadata({1: 1})), TypeError, "texts as keys, not int"),
    "Session.set_video": (in_session(lambda s: s.set_video(b"v")), TypeError, "must be text or a path, not bytes"),
    "Session.attach: a name": (in_session(lambda s: s.attach(3, b"")), TypeError, "attach's name must be text"),
    "Session.attach: content": (in_session(lambda s: s.attach("a", 3)), TypeError, "the path of a file, or bytes"),
    "Session.attach: no file": (in_session(lambda s: s.attach("a", "nowhere")), FileNotFoundError, "no such file"),
    "Session.create_agent": (in_session(lambda s: s.create_agent(3)), TypeError, "name must be text"),
    "Session.patch": (in_session(lambda s: s.patch("f")), TypeError, "patch's function must be a function"),
    "create_agent: a name": (lambda: S.create_agent(3), TypeError, "name must be text"),
    "create_agent: an id": (lambda: S.create_agent("a", 3), TypeError, "agent_id must be text or a UUID"),
    "get_session": (lambda: S.get_session(3), TypeError, "session_id must be text or a UUID"),
    "get_session: None": (lambda: S.get_session(None), TypeError, "session_id must be text or a UUID"),
    "flush": (lambda: S.flush("5"), TypeError, "timeout_s must be a number"),
    # --- events
    "record: no event": (recorded(lambda: "hello"), TypeError, "takes an event such as ActionEvent, not str"),
    "Event: a type": (recorded(lambda: S.Event(event_type=3)), TypeError, "Event.event_type must be text"),
    "ActionEvent: a name": (recorded(lambda: S.ActionEvent(action_type=3)), TypeError, "action_type must be text"),
    "ActionEvent: a time": (recorded(lambda: S.ActionEvent(init_timestamp="now")), ValueError, "must be ISO 8601"),
    "ActionEvent: a number as time": (recorded(lambda: S.ActionEvent(end_timestamp=3)), TypeError, "ISO 8601 as text"),
    "ActionEvent: an agent": (
        recorded(lambda: S.ActionEvent(agent_id=3)),
        TypeError,
        "agent_id must be text or a UUID",
    ),
    "LLMEvent: a model": (recorded(lambda: S.LLMEvent(model=3)), TypeError, "LLMEvent.model must be text"),
    "LLMEvent: tokens": (recorded(lambda: S.LLMEvent(prompt_tokens="5")), TypeError, "must be a whole number, not str"),
    "LLMEvent: a cost": (recorded(lambda: S.LLMEvent(cost="cheap")), TypeError, "LLMEvent.cost must be a number"),
    "LLMEvent: a cost that is none": (recorded(lambda: S.LLMEvent(cost=float("nan"))), ValueError, "finite number"),
    "ToolEvent: a name": (recorded(lambda: S.ToolEvent(name=3)), TypeError, "ToolEvent.name must be text"),
    "ErrorEvent: a trigger": (recorded(lambda: S.ErrorEvent(trigger_event="a")), TypeError, "must be an event such as"),
    "ErrorEvent: an error": (
        recorded(lambda: S.ErrorEvent(exception="no")),
        TypeError,
        "must be an exception, not str",
    ),
    # --- traces
    "start_trace: a name": (lambda: S.start_trace(3), TypeError, "trace_name must be text"),
    "start_trace: tags": (lambda: S.start_trace("t", 3), TypeError, "tags must be text or several texts"),
    "end_trace: a state in place of a trace": (
        lambda: S.end_trace("Success"),
        TypeError,
        "given as end_state='Success'",
    ),
    "end_trace: a state": (lambda: S.end_trace(end_state="Done"), ValueError, "'Success', 'Fail' or 'Indet"),
    "update_trace_metadata: facts": (lambda: S.update_trace_metadata(["a"]), TypeError, "a dict of facts by name"),
    "update_trace_metadata: a prefix": (lambda: S.update_trace_metadata({}, 3), TypeError, "prefix must be text"),
    "validate_trace_spans: an id": (lambda: S.validate_trace_spans(3), TypeError, "trace_id must be text"),
    "validate_trace_spans: no trace": (S.validate_trace_spans, ValueError, "no trace is open; give trace_id"),
    "validate_trace_spans: a context": (lambda: S.validate_trace_spans(trace_context=3), TypeError, "start_trace gave"),
    # --- steps
    "span: options": (lambda: S.span(3), TypeError, "takes a name or SpanOptions, not int"),
    "span: a function that is none": (lambda: S.span("s", "f"), TypeError, "span's function must be a function"),
    "span: arguments without a function": (lambda: S.span("s", None, 1), TypeError, "only for a function"),
    "span_context": (lambda: S.span_context(3), TypeError, "takes a name or SpanOptions"),
    "span_context_sync": (lambda: S.span_context_sync(3), TypeError, "takes a name or SpanOptions"),
    "SpanOptions: a name": (lambda: S.span(S.SpanOptions(None)), TypeError, "SpanOptions.name must be text"),
    "SpanOptions: a user": (lambda: S.span(S.SpanOptions("s", user_id=3)), TypeError, "user_id must be text"),
    "SpanOptions: metadata": (lambda: S.span(S.SpanOptions("s", metadata=3)), TypeError, "a dict of facts by name"),
    "SpanContext.set_attribute": (in_step(lambda s: s.set_attribute(3, 1)), TypeError, "key must be text"),
    "SpanContext.set_metadata": (in_step(lambda s: s.set_metadata(3, 1)), TypeError, "key must be text"),
    "SpanContext.add_event": (in_step(lambda s: s.add_event(3)), TypeError, "name must be text"),
    "SpanContext.add_event: facts": (in_step(lambda s: s.add_event("e", 3)), TypeError, "a dict of facts by name"),
    "SpanContext.span": (in_step(lambda s: s.span(3)), TypeError, "name must be text"),
    "with_agentmark: a session": (scoped(session_id=3), TypeError, "session_id must be text or a UUID"),
    "with_agentmark: tags": (scoped(tags=3), TypeError, "tags must be several values"),
    "with_agentmark: metadata": (scoped(metadata=3), TypeError, "metadata must be a dict of facts by name"),
    "observe: no function": (lambda: S.observe(3), TypeError, "neither a function nor a class"),
    "observe: a kind": (lambda: S.observe(kind="magic"), ValueError, "one of function, llm, tool"),
    "observe: a switch": (lambda: S.observe(capture_input=1), TypeError, "capture_input must be True or False"),
    "observe: a processor": (lambda: S.observe(process_inputs="x"), TypeError, "process_inputs must be a function"),
    "record_action": (lambda: S.record_action(3), TypeError, "neither a function nor a class"),
    "record_action: a name": (lambda: S.record_action(event_name=3), TypeError, "name of an action must be text"),
    "record_function": (lambda: S.record_function(3), TypeError, "neither a function nor a class"),
    "record_tool": (lambda: S.record_tool(3), TypeError, "neither a function nor a class"),
    "track_tool": (lambda: S.track_tool(3), TypeError, "neither a function nor a class"),
    "track_agent": (lambda: S.track_agent(3), TypeError, "neither a function nor a class"),
    "agent: a name in place of a function": (lambda: S.agent("a"), TypeError, "given by name, as in name='search'"),
    "task: tags": (lambda: S.task(tags=3), TypeError, "tags must be text"),
    "operation: a name": (lambda: S.operation(name=3), TypeError, "name of an operation must be text"),
    "workflow": (lambda: S.workflow(3), TypeError, "neither a function nor a class"),
    "trace": (lambda: S.trace(3), TypeError, "neither a function nor a class"),
    "session": (lambda: S.session(3), TypeError, "neither a function nor a class"),
    "tool: a cost": (lambda: S.tool(cost="much"), TypeError, "cost must be a number"),
    "guardrail: a spec": (lambda: S.guardrail(spec="both"), ValueError, "must be 'input' or 'output'"),
    "guardrail: a result without a name": (lambda: S.guardrail(passed=True), TypeError, "recorded under a name"),
    "guardrail: a list as spec": (lambda: S.guardrail(spec=[]), ValueError, "must be 'input' or 'output'"),
    "track_endpoint": (lambda: S.track_endpoint(capture_request=1), TypeError, "capture_request must be True or False"),
    "inject": (lambda: S.inject(3), TypeError, "writes into a mapping such as a dict, not int"),
    # --- objects
    "AgentMarkSDK: a key": (lambda: S.AgentMarkSDK(3), TypeError, "api_key must be text"),
    "AgentMarkSDK: a mask": (lambda: S.AgentMarkSDK(mask="x"), TypeError, "mask must be a function"),
    "AgentMarkSDK.init_tracing": (lambda: S.AgentMarkSDK().init_tracing(1), TypeError, "must be True or False"),
    "AgentMarkSDK.score": (lambda: S.AgentMarkSDK().score_sync("t", "n", "1"), TypeError, "score must be a number"),
    "AgentMarkSDK.score: no name": (lambda: S.AgentMarkSDK().score_sync("t", "", 1), ValueError, "a name and a number"),
    "Client.start_session": (lambda: S.Client().start_session(3), TypeError, "tags must be text"),
    "Client.record": (lambda: S.Client().record(3), TypeError, "takes an event"),
    "Client.configure": (lambda: S.Client().configure(endpont=1), TypeError, "unknown options: endpont"),
    "Client.init": (lambda: S.Client().init(endpont=1), TypeError, "unknown options: endpont"),
    "create_pii_masker": (lambda: S.create_pii_masker(email=1), TypeError, "email must be True or False"),
    "create_pii_masker: custom": (lambda: S.create_pii_masker(custom=["x"]), TypeError, "pairs of a pattern and"),
}

TAKES_NOTHING = {
    "current_session",
    "get_analytics",
    "get_api_key",
    "get_client",
    "health",
    "shutdown",
    "stop_instrumenting",
}
MADE_BY_US = {"Session", "SpanContext", "SpanResult", "TraceContext", "Health", "LimitReached", "Cost", "Configuration"}
NO_FUNCTIONS = {"ERROR", "SUCCESS", "UNSET", "EndState", "SpanKind", "TraceState", "ValidationError"}
HEADERS = {"environment", "extract"}
"""What they are given comes from outside, and what is malformed there is ignored: tests of theirs say so."""
DECIDING = {"decision", "handoff", "response", "state_change"}
"""They are told in passing, and take what they can use of anything: tests of theirs say so."""
PROCESSORS = {"AgentMarkGroupingProcessor", "print_validation_summary"}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_at_once_in_words(case: str) -> None:
    call, kind, words = WRONG[case]

    with pytest.raises(kind) as refused:
        call()

    assert words in str(refused.value)


@pytest.mark.parametrize("name", sorted(sojourn.__all__))
def test_every_public_function_is_in_the_table(name: str) -> None:
    told = {case.partition(":")[0].partition(".")[0] for case in WRONG}

    assert name in told | TAKES_NOTHING | MADE_BY_US | NO_FUNCTIONS | PROCESSORS | HEADERS | DECIDING


@pytest.mark.parametrize("name", sorted(set(sojourn.__all__) - MADE_BY_US - NO_FUNCTIONS - PROCESSORS))
def test_an_option_that_no_function_knows_is_refused(name: str) -> None:
    """All but `end_session`: AgentOps 0.4 keeps whatever it is given."""
    function = getattr(S, name)
    if name == "end_session":
        assert function(surprise=1) is None
        return
    given = [
        "x"
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]

    with pytest.raises(TypeError, match=r"surprise|takes no arguments|only for a function"):
        _used(function(*given, surprise=1))


def _used(made: Any) -> None:
    """A context manager looks at its arguments when it is entered."""
    if hasattr(made, "__enter__"):
        with made:
            pass


def test_what_is_refused_leaves_nothing_behind() -> None:
    with pytest.raises(TypeError):
        S.init(tags=7)

    assert S.current_session() is None
    assert S.init().tags == []
