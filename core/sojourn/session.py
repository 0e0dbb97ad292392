"""Sessions: one stay of one or more agents, from its start to its end."""

from __future__ import annotations

import os
import sys
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, Self, TypeVar

from sojourn import clock, current, semconv
from sojourn.arguments import demand_facts, demand_function, demand_id, demand_path, demand_text, parse_tags
from sojourn.clock import now_iso
from sojourn.deciding import Deciding
from sojourn.endstate import EndState, is_success, parse_end_state
from sojourn.meter import Meter
from sojourn.scope import within_session
from sojourn.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal
    from enum import Enum
    from types import TracebackType
    from uuid import UUID

    from sojourn.census import Census
    from sojourn.configuration import Configuration
    from sojourn.content import ContentPolicy
    from sojourn.cost import Cost
    from sojourn.events import ErrorEvent, Event, Step
    from sojourn.home import Home
    from sojourn.identity import SessionId
    from sojourn.settings import Settings

__all__ = ["Keeper", "Session"]

P = ParamSpec("P")
R = TypeVar("R")
Value = str | bool | int | float | tuple[str, ...]


class Keeper(Protocol):
    """What a session asks of the client that keeps it."""

    @property
    def settings(self) -> Settings:
        """What holds for this process."""
        ...

    def sampled(self, session_id: str) -> bool:
        """Whether a session is recorded, rather than only counted."""
        ...

    @property
    def policy(self) -> ContentPolicy:
        """What may be recorded of content."""
        ...

    def emit(
        self,
        name: str,
        session: Session,
        attributes: Mapping[str, Value],
        severe: bool = False,
        at: tuple[int, int] = (0, 0),
    ) -> None:
        """Record something that happened to the session, within the trace and span `at` if that is known."""
        ...

    def write(self, step: Step, session: Session) -> tuple[int, int]:
        """Record a step that already happened; returns its trace and span id."""
        ...

    def write_now(self) -> None:
        """Have everything recorded so far in the journal."""
        ...

    def ending(self, session: Session, state: EndState) -> None:
        """The session is about to end."""
        ...

    @property
    def configuration(self) -> Configuration:
        """What the program configured."""
        ...

    def attachments(self) -> Home | None:
        """Where attachments are kept, if anything is."""
        ...

    def host_facts(self) -> dict[str, Any]:
        """What may be told of the machine."""
        ...

    def census(self, session: Session, start_ns: int, end_ns: int | None) -> Census:
        """What all processes of the session did; its times are those of this one."""
        ...

    def settle(self) -> None:
        """Bring the tallies up to date."""
        ...

    def ended(self, session: Session) -> None:
        """The session has ended: say so to the person who watches."""
        ...

    def url_of(self, session: Session) -> str:
        """Where the session can be looked at."""
        ...


class Session(Deciding):
    """A running or ended session. Made by `init` and `start_session`, never by hand.

    All methods may be called from any thread, and none of them waits for a network, apart from two: `get_analytics`
    of all processes, and the end of a session that is summed up on a terminal, which waits 0.2 s for its URL to work.
    """

    def __init__(
        self, keeper: Keeper, session_id: SessionId, tags: list[str], name: str | None, tally: Tally, *, joined: bool
    ) -> None:
        self._keeper = keeper
        # A signal handler may end the session while this very thread holds it.
        self._lock = RLock()
        self.pid = os.getpid()
        """The process that started or joined it; a fork carries it over into others."""
        self._start_ns = clock.now_ns()
        self._end_ns: int | None = None
        self.session_id = session_id
        self.name = name
        self.joined = joined
        """Whether it was taken over from another process, which alone ends it implicitly."""
        self.outer = current.chosen()
        """The session that this one was started in, and which is current again once this one has ended."""
        self.tally = tally
        self.meter: Meter | None = None
        """What its model calls ask before they leave; None while it has no limit."""
        self.tags = tags
        self.user_id: str | None = None
        self.metadata: dict[str, Value] = {}
        """What `set_metadata` was told, in this process."""
        self.video: str | None = None
        self.agents: dict[str, str] = {}
        """Names of the agents made by `create_agent`, by id."""
        self.init_timestamp = now_iso()
        self.end_timestamp: str | None = None
        self.end_state: EndState = EndState.INDETERMINATE
        self.end_state_reason: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether nobody in this process has ended it."""
        return self._end_ns is None

    @property
    def session_url(self) -> str:
        """The page of this session at the gateway that this program delivers to."""
        return self._keeper.url_of(self)

    @property
    def host_env(self) -> dict[str, Any]:
        """Facts of the machine and interpreter; empty when they are switched off."""
        return self._keeper.host_facts()

    @property
    def token_cost(self) -> Decimal:
        """US dollars so far, in this process."""
        self._keeper.settle()
        return self.tally.cost().amount

    @property
    def event_counts(self) -> dict[str, int]:
        """What this process did so far, under the names of AgentOps; `apis` is always 0."""
        self._keeper.settle()
        tally = self.tally
        return {
            "llms": tally.model_calls,
            "tools": tally.tool_calls,
            "actions": tally.actions,
            "errors": tally.errors,
            "apis": 0,
        }

    @property
    def config(self) -> Configuration:
        """What the program configured, under AgentOps's names."""
        return self._keeper.configuration

    @property
    def jwt(self) -> None:
        """None: no session needs a token of its own."""
        return

    @property
    def owned(self) -> bool:
        """Whether it was started by this very process, rather than joined or carried over a fork."""
        return not self.joined and self.pid == os.getpid()

    def kept_by(self, keeper: object) -> bool:
        """Whether this is its client."""
        return self._keeper is keeper

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Unite `tags` (one, or several) with those that the session has, in every process."""
        added = parse_tags(tags)
        with self._lock:
            self.tags = list(dict.fromkeys([*self.tags, *added]))
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.SESSION_TAGS_ADDED: tuple(added)})

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Replace the session's tags."""
        with self._lock:
            self.tags = parse_tags(tags)
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.SESSION_TAGS: tuple(self.tags)})

    def set_name(self, name: str) -> None:
        """Name the session for the people who look at it; the last name stands."""
        demand_text("set_name's name", name)
        self.name = name
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.SESSION_NAME: name})

    def set_user(self, user_id: str | UUID) -> None:
        """Say whose session it is, under an id of the program's own."""
        demand_id("set_user's user_id", user_id)
        self.user_id = str(user_id)
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.USER_ID: self.user_id})

    def set_metadata(self, metadata: Mapping[str, object]) -> None:
        """Record facts under names of the program's own; for each name the last value stands, in every process.

        What is no plain value is kept as JSON.
        """
        demand_facts("set_metadata's metadata", metadata)
        from sojourn.facts import stamped

        told: dict[str, Value] = {str(key): stamped(value) for key, value in metadata.items()}
        with self._lock:
            self.metadata = {**self.metadata, **told}
        self._keeper.emit(
            semconv.SESSION_UPDATE, self, {semconv.METADATA_PREFIX + key: value for key, value in told.items()}
        )

    def set_video(self, video: str | os.PathLike[str]) -> None:
        """Say where a recording of the session can be seen: a URL, or the path of a file."""
        demand_path("set_video's video", video)
        self.video = os.fspath(video)
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.SESSION_VIDEO: self.video})

    def attach(self, name: str, content: str | os.PathLike[str] | bytes) -> None:
        """Add a file to the session: one that lies at a path and stays there, or bytes, which are kept.

        Raises FileNotFoundError for a path with no file.
        """
        demand_text("attach's name", name)
        # Its checksums cost some milliseconds to import.
        from sojourn.attachments import attachment

        self._keeper.emit(semconv.SESSION_UPDATE, self, attachment(name, content, self._keeper.attachments()))

    def create_agent(self, name: str, agent_id: UUID | str | None = None) -> str:
        """Name an agent of this session; returns its id, which events may give as their `agent_id`."""
        demand_text("create_agent's name", name)
        demand_id("create_agent's agent_id", agent_id)
        made = str(agent_id or clock.new_uuid())
        self.agents[made] = name
        self._keeper.emit(semconv.SESSION_UPDATE, self, {semconv.AGENT_ID: made, semconv.AGENT_NAME: name})
        return made

    def patch(self, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, with this session the current one whenever it runs."""
        demand_function("patch's function", function)
        same: Callable[P, R] = within_session(function, self)
        return same

    def record(self, event: Event, flush_now: bool = False) -> None:
        """Record an `ActionEvent`, `LLMEvent`, `ToolEvent` or `ErrorEvent`, also after the session's end.

        `flush_now` waits until it is in the journal, which otherwise takes at most 50 ms.

        Raises TypeError for anything else, and ValueError for a time that is no ISO 8601.
        """
        # While the interpreter takes its modules apart, nothing can be written any more: see docs/processes.md.
        if sys.is_finalizing():
            return
        # Whoever has an event has imported its module; a program without any need not.
        from sojourn.events import ErrorEvent, LLMEvent, as_step, check_event

        check_event(event, times=isinstance(event, ErrorEvent))
        event.session_id = self.session_id
        if not isinstance(event, ErrorEvent):
            if event.end_timestamp is None:
                event.end_timestamp = now_iso()
            step = as_step(event)
            if self.meter is not None and isinstance(event, LLMEvent):
                self.meter.count_by_hand()
            event.recorded_as = self._keeper.write(step, self)
        else:
            self._record_error(event)
        if flush_now:
            self._keeper.write_now()

    def taking(self) -> ContentPolicy | None:
        keeper = self._keeper
        idle = sys.is_finalizing() or keeper.settings.disabled or not keeper.sampled(self.session_id)
        return None if idle else keeper.policy

    def note(self, name: str, facts: Mapping[str, Value]) -> None:
        from sojourn.events import Step

        now = clock.now_ns()
        self._keeper.write(Step(name, False, facts, {}, now, now), self)

    def _record_error(self, event: ErrorEvent) -> None:
        from sojourn.content import as_text

        facts: dict[str, Value] = {semconv.EXCEPTION_TYPE: event.error_type or "Error"}
        policy = self._keeper.policy
        said = None if event.details is None else policy.render_text(as_text(event.details))
        if said is not None:
            facts[semconv.EXCEPTION_MESSAGE] = said
        # A span that failed by the same exception may just have ended.
        self._keeper.settle()
        facts[semconv.ERROR_OWN] = self.tally.count_error_event(event.error_type or "Error", said)
        # As `ContentPolicy.stack` has it: a stack trace quotes messages and lines of code.
        if event.logs and policy.capture == "full":
            facts[semconv.EXCEPTION_STACKTRACE] = policy.redact(event.logs)
        if event.code is not None:
            facts[semconv.ERROR_TYPE] = as_text(event.code)
        trigger = event.trigger_event
        if trigger is not None:
            facts |= {semconv.TRIGGER_ID: str(trigger.id), semconv.TRIGGER_TYPE: trigger.event_type}
            event.recorded_as = trigger.recorded_as
        self._keeper.emit(semconv.EXCEPTION_EVENT, self, facts, severe=True, at=event.recorded_as)

    def end_session(
        self,
        end_state: EndState | str | Enum = EndState.INDETERMINATE,
        end_state_reason: str | None = None,
        video: str | os.PathLike[str] | None = None,
        **legacy: object,
    ) -> Cost:
        """End the session and return what it cost in this process, in US dollars.

        Understands `Success`, `Fail`, `Failure` and `Indeterminate` in any case, and raises ValueError for anything
        else: then the session stays open. Ending twice changes nothing and returns the same cost. What else is given
        by name is kept with the end, under `agentops.legacy.`.
        """
        state = parse_end_state(end_state)
        demand_text("end_state_reason", end_state_reason)
        demand_path("video", video)
        if video is not None:
            self.set_video(video)
        told: dict[str, Value] = {}
        if legacy:
            from sojourn.facts import stamped

            told = {semconv.LEGACY_PREFIX + key: stamped(value) for key, value in legacy.items()}
        self.finish(state, end_state_reason, explicit=True, facts=told)
        return self.tally.cost()

    def finish(
        self, state: EndState, reason: str | None, *, explicit: bool, facts: Mapping[str, Value] | None = None
    ) -> None:
        """End the session; `explicit` when the program said so, rather than its exit or a fault."""
        with self._lock:
            if self._end_ns is not None:
                return
            self._end_ns = clock.now_ns()
            self.end_timestamp = now_iso()
            self.end_state, self.end_state_reason = state, reason
        self._keeper.ending(self, state)
        told: dict[str, Value] = {
            **(facts or {}),
            semconv.SESSION_END_STATE: str(state),
            semconv.SESSION_END_EXPLICIT: explicit,
        }
        if reason is not None:
            told[semconv.SESSION_END_REASON] = reason
        self._keeper.emit(semconv.SESSION_END, self, told)
        self._keeper.settle()
        self._keeper.ended(self)

    def get_analytics(self, scope: Literal["process", "session"] = "process") -> dict[str, Any]:
        """What this process did so far: `LLM calls`, `Tool calls`, `Actions`, `Errors`, `Duration`, `Cost`.

        With the scope `"session"`, what all its processes did: as the running gateway tells, which is asked over the
        network, else as the journals of this machine do; `Processes` and `Counted` say how many, and by whom.
        """
        if scope not in {"process", "session"}:
            raise ValueError(f"scope is {scope!r}; it must be 'process' or 'session'")
        if scope == "session":
            return self._analytics_of_all()
        self._keeper.settle()
        tally, cost = self.tally, self.tally.cost()
        return {
            "LLM calls": tally.model_calls,
            "Tool calls": tally.tool_calls,
            "Actions": tally.actions,
            "Errors": tally.errors,
            "Duration": present_duration(self.duration_s),
            "Cost": str(cost) if cost.amount else "0.00",
        }

    def _analytics_of_all(self) -> dict[str, Any]:
        told = self._keeper.census(self, self._start_ns, self._end_ns)
        return {
            "LLM calls": told.model_calls,
            "Tool calls": told.tool_calls,
            "Actions": told.actions,
            "Errors": told.errors,
            "Duration": present_duration(told.duration_s),
            "Cost": str(told.cost) if told.cost.amount else "0.00",
            "Processes": told.processes,
            "Counted": told.counted,
        }

    @property
    def duration_s(self) -> float:
        """Seconds from its start in this process to its end, or to now."""
        return ((self._end_ns or clock.now_ns()) - self._start_ns) / 1e9

    def renew_in_child(self) -> None:
        """After `fork`, in the child: a lock that nobody holds, and counts of what this process does."""
        self._lock = RLock()
        self.tally = Tally()
        if self.meter is not None:
            self.meter = Meter(self.meter.limits, self.session_id, self.tally)

    def __enter__(self) -> Self:
        current.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is None or is_success(error):
            self.finish(EndState.SUCCESS, None, explicit=True)
        else:
            self.finish(EndState.FAIL, self._keeper.policy.reason(error), explicit=True)

    def __repr__(self) -> str:
        state = "running" if self.is_running else str(self.end_state)
        return f"<sojourn.Session {self.session_id} {state}>"


def present_duration(seconds: float) -> str:
    """`0.1s`, `1m 5.0s`, `2h 0.3s`: parts that are nought are left out, seconds never."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return " ".join([*([f"{hours}h"] if hours else []), *([f"{minutes}m"] if minutes else []), f"{rest:.1f}s"])
