"""Programs as users write them. Nothing runs here: mypy and pyright read it in `make check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type
from uuid import UUID, uuid4

import sojourn
from sojourn import ActionEvent, EndState, ErrorEvent, LLMEvent, Session, ToolEvent

if TYPE_CHECKING:
    from collections.abc import Callable


def one_line() -> None:
    """`init` gives a session that can be used at once."""
    session = sojourn.init()
    assert_type(session, Session)
    print(session.session_id)


def with_every_option() -> None:
    """Tags as a list, ids as text or UUID."""
    assert_type(sojourn.init("key", tags=["a", "b"], endpoint="http://127.0.0.1:9418"), Session)
    assert_type(sojourn.init(inherited_session_id=uuid4(), auto_start_session=True), Session)
    assert_type(sojourn.init(inherited_session_id="any text"), Session)


def without_a_session() -> None:
    """`auto_start_session=False` may give none, and `start_session` always gives one."""
    maybe = sojourn.init(auto_start_session=False)
    if maybe is None:
        assert_type(sojourn.start_session(tags=["later"]), Session)


def ids_are_text(session: Session) -> str:
    """An id goes wherever text goes, and into a UUID."""
    UUID(session.session_id)
    return session.session_id


def events(session: Session) -> None:
    """The four kinds, recorded by module and by session."""
    action = ActionEvent("plan", params={"depth": 2}, returns=["a", "b"])
    sojourn.record(action)
    session.record(LLMEvent(model="m-1", prompt="Hi", completion="Hello", prompt_tokens=1, completion_tokens=1))
    session.record(ToolEvent(name="search", params={"query": "x"}))
    try:
        int("no")
    except ValueError as fault:
        session.record(ErrorEvent(exception=fault, trigger_event=action))


def tags(session: Session) -> None:
    """Both forms, both owners."""
    session.add_tags(["more"])
    session.set_tags(["only"])
    sojourn.add_tags("one")
    sojourn.set_tags(["these", "two"])


def ends(session: Session) -> tuple[str, float]:
    """A cost is text that also counts; an end state is an enum member or its name."""
    cost = session.end_session(EndState.SUCCESS, "done")
    other = sojourn.end_session("Fail", end_state_reason="broken")
    assert cost is not None
    assert other is not None
    return cost.upper(), float(other)


def analytics(session: Session) -> list[object]:
    """Counted so far."""
    return [session.get_analytics(), sojourn.get_analytics()]


def decisions(session: Session) -> None:
    """What a program decides, told by module and by session; a guardrail is a decorator, and a call as well."""
    sojourn.decision("billing", kind="escalation", matched=True, candidates=["sales", {"target": "billing"}])
    sojourn.handoff("billing", from_="triage", task="count the boxes")
    sojourn.state_change("cart", old=None, new=[1])
    sojourn.response("done", format="text")
    sojourn.guardrail("pii", spec="input", passed=False, action="block", score=1, reason="a card number")
    session.decision(EndState.SUCCESS)
    session.guardrail("tone", passed=True)

    @sojourn.guardrail(spec="output")
    def check(text: str) -> bool:
        return bool(text)

    assert_type(check("x"), bool)


SURFACE: tuple[Callable[..., object], ...] = (
    sojourn.init,
    sojourn.start_session,
    sojourn.end_session,
    sojourn.record,
    sojourn.decision,
    sojourn.handoff,
    sojourn.state_change,
    sojourn.response,
    sojourn.guardrail,
    sojourn.add_tags,
    sojourn.set_tags,
    sojourn.get_analytics,
)
