"""The one client of this process: what `init` makes, and what sessions are kept by."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any

from sojourn import clock, configuration, current, exits, faults, host, instruments, limits, semconv
from sojourn.arguments import parse_tags
from sojourn.configuration import Configuration
from sojourn.content import ContentPolicy
from sojourn.endstate import EndState
from sojourn.forgetting import forget_oldest
from sojourn.health import Health, parting_words, take
from sojourn.held import HeldSteps
from sojourn.identity import new_session_id, parse_session_id
from sojourn.oversight import Oversight
from sojourn.roster import Roster
from sojourn.sampling import is_sampled
from sojourn.session import Session
from sojourn.signals import REASON, Watchman
from sojourn.summary import show_summary, wanted
from sojourn.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from types import TracebackType
    from uuid import UUID

    from opentelemetry.trace import Tracer

    from sojourn.census import Census
    from sojourn.events import Step
    from sojourn.home import Home
    from sojourn.identity import SessionId
    from sojourn.limits import Limits
    from sojourn.recorder import Spool
    from sojourn.session import Value
    from sojourn.settings import Settings
    from sojourn.tally import Tally

__all__ = ["Client", "get_client", "is_sheltered", "open_client", "sheltered", "shutdown"]

MAX_NAMED = 1024
"""Sessions whose name is remembered, so that it is not said again with each of their spans."""
EXIT_PATIENCE_S = 0.2
"""How long the exit of the program may wait for an endpoint that makes no progress."""

_client: Client | None = None
_shelter: Callable[[Settings], Settings] | None = None
_opening = RLock()  # a signal handler may shut down in the middle of `init`


class Client:
    """Keeps this process's sessions, its tracer, its journal and the thread that delivers it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.oversight = Oversight(self, lambda: self._recorder)
        self.policy: ContentPolicy = ContentPolicy(settings.capture, settings.redact, self.oversight.sampling())
        self._roster = Roster()
        self.visits = Visits(self._visited)
        self._before = faults.counted()
        self._names: dict[str, str] = {}
        self.steps = HeldSteps()
        self.configuration = Configuration()
        # A signal handler may end sessions while this very thread holds it.
        self._lock = RLock()
        self._closed = False
        self._doom: str | None = None
        """The signal that the program was told of, and may yet end by."""
        self.kept_inheritance: SessionId | None = None
        """Given to `init` without starting a session; the next start takes it."""
        if not settings.disabled:
            self._open()

    def _open(self) -> None:
        # Here, not above: importing the package must stay cheap for those who only read its leaves.
        from sojourn.companion import Companion
        from sojourn.parentage import Provider
        from sojourn.recorder import Recorder
        from sojourn.sender import Sender

        resource = host.resource(named=self.settings.host_facts)
        name = host.host_name if self.settings.host_facts else str
        self._recorder = Recorder(self.settings, resource, self, name)
        if self.settings.endpoint is not None:
            # Now, though only the sender's thread needs it: CPython forgets that Ctrl-C ended the program (and exits
            # with 1 instead of by the signal) when a module that runs `exec`, as dataclasses do, is imported after.
            import_module("sojourn.target")
        self._sender = Sender(self.settings)
        self.provider = Provider(resource, self.settings.parent)
        self.provider.add_span_processor(self._recorder)
        self._companion = Companion(self._recorder, self.current_session_id, self.provider, self.policy)
        self._companion.watch(make=self.settings.global_provider)
        self._previous_hook = sys.excepthook
        sys.excepthook = self._on_uncaught
        exits.at_exit(self.close)
        exits.in_children(_renew)
        self._watchman = Watchman(self._on_dying, self._on_warned)
        self._watchman.stand()

    # --- sessions -------------------------------------------------------------------------------------------------

    def start_session(
        self,
        tags: str | Iterable[str] | None = None,
        inherited_session_id: str | UUID | None = None,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> Session:
        """Start a session, or join one; it is the current one of the calling context from here on."""
        joined = inherited_session_id is not None
        session_id = parse_session_id(inherited_session_id) if inherited_session_id is not None else new_session_id()
        with self._lock:
            known = self.session_of(session_id)
            if known is not None and known.is_running:
                self._roster.begin(known)
                current.enter(known)
                if limits is not None:
                    self.oversight.limit(known, limits)
                return known
            tally = self.tally_of(session_id)
            if name is None and not joined:
                name = host.session_name()
            session = Session(self, session_id, parse_tags(tags), name, tally, joined=joined)
            self._roster.begin(session)
        current.enter(session)
        self._begun(session, limits)
        if self.settings.disabled:
            return session
        if self.settings.host_facts and not joined:
            if host.QUICK:
                self._tell_host(session)
            else:
                Thread(target=self._tell_host, args=(session,), name="sojourn-host", daemon=True).start()
        return session

    def _visited(self, session_id: SessionId, last: Session | None) -> Session:
        session = self._roster.find(session_id)
        if session is None or not session.is_running:
            last = last or session
            tally = self.tally_of(session_id) if last is None else last.tally
            session = Session(self, session_id, [], None, tally, joined=True)
            session.outer = None
            self._begun(session, None)
        return session

    def _begun(self, session: Session, limits: Limits | None) -> None:
        self.oversight.limit(session, limits or self.settings.limits)
        facts: dict[str, Value] = {}
        if session.tags:
            facts[semconv.SESSION_TAGS_ADDED] = tuple(session.tags)
        if session.name:
            facts[semconv.SESSION_NAME] = session.name
        self.emit(semconv.SESSION_JOIN if session.joined else semconv.SESSION_START, session, facts)

    def current_session(self) -> Session | None:
        """The running session of this context, else the first of the process that still runs."""
        session = current.chosen()
        # Not one of a client that was shut down, which another task or thread may still be in.
        if isinstance(session, Session) and session.kept_by(self):
            return session
        # What is recorded at the very end belongs somewhere too.
        return self._roster.first() or (self._roster.first_known() if self._closed else None)

    def sessions(self) -> list[Session]:
        """All sessions of this process that still run, oldest first."""
        return self._roster.running()

    def fail_all(self, reason: str) -> None:
        """End every running session that this process started as failed."""
        for session in self.sessions():
            if session.owned:
                session.finish(EndState.FAIL, reason, explicit=False)

    def session_of(self, session_id: str | UUID) -> Session | None:
        """The session of this id that this process started or joined.

        Ended ones included: the last ones, and all that the program still holds.
        """
        return self._roster.find(str(session_id)) or self.visits.find(str(session_id))

    # --- steps ----------------------------------------------------------------------------------------------------

    @cached_property
    def tracer(self) -> Tracer:
        """Where steps by hand begin. Not to be asked when disabled."""
        # On the first of them: OpenTelemetry compiles regular expressions for it.
        return self.provider.get_tracer("sojourn")

    def name_session(self, session_id: str, name: str) -> None:
        """Name a session, which another process may keep; said once for each name."""
        if self._names.get(session_id) == name or self.settings.disabled or not self.sampled(session_id):
            return
        from sojourn.otlp import SessionEvent

        self._names[session_id] = name
        forget_oldest(self._names, MAX_NAMED)
        facts = {semconv.SESSION_NAME: self.policy.redact(name)}
        self._recorder.emit(SessionEvent(semconv.SESSION_UPDATE, session_id, clock.now_ns(), facts))

    # --- what sessions ask of their keeper ------------------------------------------------------------------------

    def emit(
        self,
        name: str,
        session: Session,
        attributes: Mapping[str, Value],
        severe: bool = False,
        at: tuple[int, int] = (0, 0),
    ) -> None:
        """Hand a session event to the journal; `at` is the trace and span that it belongs to."""
        if self.settings.disabled or not self.sampled(session.session_id):
            return
        from sojourn.otlp import SessionEvent

        facts = self.policy.redact_facts(attributes)
        self._recorder.emit(SessionEvent(name, session.session_id, clock.now_ns(), facts, 17 if severe else 9, *at))

    def write(self, step: Step, session: Session) -> tuple[int, int]:
        """Make a span of a step that already happened."""
        if self.settings.disabled:
            return (0, 0)
        attributes: dict[str, Any] = {semconv.SESSION_ID: session.session_id, **step.attributes}
        if session.agents and semconv.AGENT_ID in attributes:
            agent = session.agents.get(str(attributes[semconv.AGENT_ID]))
            if agent is not None:
                attributes[semconv.AGENT_NAME] = agent
        if semconv.TOOL_NAME in attributes:
            attributes[semconv.TOOL_NAME] = self.policy.redact(attributes[semconv.TOOL_NAME])
        for key, value in step.content.items() if self.sampled(session.session_id) else ():
            text = None if value is None else self.policy.render(value)
            if text is not None:
                attributes[key] = text
        for key, fact in self.policy.redact_facts(current.stamps()).items():
            attributes.setdefault(key, fact)
        times_ns = step.start_ns, step.end_ns
        span = self.provider.bygone(self.policy.redact(step.name), attributes, times_ns, calls_out=step.calls_out)
        self._recorder.on_end(span)
        made = span.get_span_context()
        return (0, 0) if made is None else (made.trace_id, made.span_id)

    def ending(self, session: Session, state: EndState) -> None:
        """End the steps that would outlive the session."""
        self.steps.end(state, session.session_id)

    def attachments(self) -> Home | None:
        """Where files are kept that programs hand over as bytes."""
        return None if self.settings.disabled else self.settings.home

    def host_facts(self) -> dict[str, Any]:
        """What may be told of the machine."""
        return host.host_facts() if self.settings.host_facts else {}

    def write_now(self) -> None:
        """Have everything that has ended so far in the journal."""
        if not self.settings.disabled:
            self._recorder.flush()

    def census(self, session: Session, start_ns: int, end_ns: int | None) -> Census:
        """What all processes of the session did."""
        # For the few that ask.
        from sojourn.census import Own, take

        delivered = self.flush()
        # After it, since the journal begins with the first thing that is written.
        own = Own(session.tally, start_ns, end_ns, self.health().journal)
        return take(self.settings, session.session_id, own, delivered=delivered)

    def settle(self) -> None:
        """Count what has ended."""
        if not self.settings.disabled:
            self._recorder.settle()

    def ended(self, session: Session) -> None:
        """Say what the session was, when somebody watches."""
        self._roster.end(session)
        if self.settings.disabled or not wanted(self.settings.summary) or not self.sampled(session.session_id):
            return
        with faults.contained("client.summary"):
            self._recorder.flush()
            show_summary(session, self.url_of(session) if self._sender.wait_seldom(EXIT_PATIENCE_S) else None)

    def url_of(self, session: Session) -> str:
        """The session's page at the endpoint, else at the running gateway, else where `sojourn dev` will show it."""
        from urllib.parse import quote

        gateway = self.settings.home.gateway()
        base = self.settings.endpoint or (gateway.url if gateway is not None else "http://127.0.0.1:9418")
        return f"{base}/sessions/{quote(session.session_id, safe='')}"

    # --- what the recorder asks of its ledger ---------------------------------------------------------------------

    def current_session_id(self) -> str | None:
        """The session that a span started now belongs to."""
        stamped = current.stamps().get(semconv.SESSION_ID)
        if isinstance(stamped, str):
            return stamped
        session = self.current_session()
        # The plain text: an exporter of the host's that looks at exact types must meet nothing unusual.
        return None if session is None else str.__str__(session.session_id)

    def tally_of(self, session_id: str) -> Tally:
        """Where spans of a session are counted, also of one that this process has not joined."""
        return self._roster.tally_of(session_id) if (session := self.session_of(session_id)) is None else session.tally

    def sampled(self, session_id: str) -> bool:
        """Whether the session is recorded, rather than only counted."""
        return is_sampled(session_id, self.settings.sample_rate)

    def open_session_ids(self) -> Sequence[str]:
        """The sessions that still run, and are recorded."""
        running = [*self.sessions(), *self.visits.under_way()]
        return list(dict.fromkeys(session.session_id for session in running if self.sampled(session.session_id)))

    def owned_session_ids(self) -> Sequence[str]:
        """Those of them that this process started, and must end."""
        running = [session for session in self.sessions() if session.owned]
        return [session.session_id for session in running if self.sampled(session.session_id)]

    def carried_over(self, session_id: str) -> None:
        """This process is a forked child, and records in a session that may be its parent's."""
        session = self.session_of(session_id)
        if session is not None and session.pid != os.getpid():
            session.pid, session.joined = os.getpid(), True
            self.emit(semconv.SESSION_JOIN, session, {})

    def begun_in_child(self) -> None:
        """This process is a forked child, and has begun to record."""
        exits.in_pool(self.close)

    def journalled(self, spool: Spool) -> None:
        """Frames were appended: have them delivered."""
        self._sender.offer(spool)
        # For programs that hold OpenTelemetry's own `set_tracer_provider`, which tells nobody.
        self._companion.look()

    def health(self) -> Health:
        """Whether recording works."""
        if self.settings.disabled:
            return Health()
        return take(self._recorder, self._sender, self.settings.endpoint, self._before)

    # --- the end --------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Write and deliver everything that has ended so far; False when not all of it was taken over in time."""
        if self.settings.disabled:
            return True
        written = self._recorder.flush()
        return self._sender.wait(timeout_s) and written

    def close(self) -> None:
        """End what this process started, write everything, and wait for the endpoint only while it makes progress."""
        if self._closed or self.settings.disabled:
            return
        self._closed = True
        self.oversight.end()
        with faults.contained("client.close"):
            for session in self.sessions():
                if session.owned:
                    state = EndState.INDETERMINATE if self._doom is None else EndState.FAIL
                    session.finish(state, self._doom, explicit=False)
            self.steps.end(EndState.INDETERMINATE)
            self._recorder.close()
            delivered = self._sender.wait(EXIT_PATIENCE_S)
            self._sender.stop()
            self._recorder.give_up(lambda: delivered and self._sender.delivered)
            said = parting_words(self.health())
            # A program without a console has no stderr.
            if said is not None and sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
                print(said, file=sys.stderr)
        self._companion.leave()
        self._watchman.leave()
        exits.not_at_exit(self.close)
        if sys.excepthook == self._on_uncaught:
            sys.excepthook = self._previous_hook

    def renew_in_child(self) -> None:
        """After `fork`, in the child: nothing of the parent's is written, waited for, ended or counted here."""
        self._lock = RLock()
        self.visits.renew_in_child()
        for session in {*self.sessions(), *self.visits.known()}:
            session.renew_in_child()
        if not self.settings.disabled:
            from sojourn.sender import Sender

            self._recorder.leave_in_child()
            self._sender = Sender(self.settings)
            self._before = faults.counted()

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        with faults.contained("client.uncaught"):
            interrupted = issubclass(kind, KeyboardInterrupt)
            self.fail_all(REASON.format("SIGINT") if interrupted else self.policy.reason(error))
        self._previous_hook(kind, error, where)

    def _on_dying(self, reason: str) -> None:
        self.fail_all(reason)
        self.close()
        if not self.settings.disabled:
            # The signal may have come in the middle of `close`, which then did nothing more just now.
            self._recorder.flush()

    def _on_warned(self, reason: str) -> None:
        self._doom = reason

    def _tell_host(self, session: Session) -> None:
        with faults.contained("client.host"):
            self.emit(semconv.SESSION_UPDATE, session, {semconv.SESSION_HOST: json.dumps(host.host_facts())})


def get_client() -> Client | None:
    """The client of this process, or None before the first `init`."""
    return _client


def open_client(settings: Settings) -> Client:
    """Make the client, or give back the one that runs; RuntimeError when that has another endpoint or key."""
    global _client
    if _shelter is not None:
        settings = _shelter(settings)
    with _opening:
        if _client is None:
            # First, since it refuses names that it does not know.
            instruments.select(settings.instrument)
            _client = Client(settings)
            current.stamp_user(settings.user_id)
            _client.oversight.begin()
            return _client
    running = _client.settings
    for what, now, then in (
        ("endpoint", settings.endpoint, running.endpoint),
        ("api_key", settings.api_key, running.api_key),
    ):
        if now is not None and now != then:
            raise RuntimeError(f"sojourn already runs with another {what}; call sojourn.shutdown() before init()")
    return _client


def _renew() -> None:
    global _opening
    _opening = RLock()
    if _client is not None:
        _client.renew_in_child()


@contextmanager
def sheltered(shelter: Callable[[Settings], Settings]) -> Generator[None]:
    """Have the clients that are opened inside work with the settings that `shelter` makes of theirs.

    The one that runs outside rests meanwhile, and goes on afterwards. For tests of programs that record.
    """
    global _client, _shelter
    with _opening:
        outer, _client = _client, None
        around, _shelter = _shelter, shelter
    entered = current.innermost()
    current.enter(None)
    asked = limits.ask
    limits.set_ask(None)
    if outer is not None:
        outer.oversight.rest()
    try:
        yield
    finally:
        shutdown()
        with _opening:
            _client, _shelter = outer, around
        current.stamp_user(None if outer is None else outer.settings.user_id)
        current.enter(entered)
        limits.set_ask(asked)
        if outer is not None:
            outer.oversight.resume()


def is_sheltered() -> bool:
    """Whether the running client is that of a test."""
    return _shelter is not None


def shutdown() -> None:
    """End everything: sessions as at exit, the journal delivered or left for later, libraries put back as they were."""
    global _client
    with _opening:
        client, _client = _client, None
    if client is not None:
        instruments.uninstall()
        client.close()
    current.stamp_user(None)
    configuration.reset()
    current.enter(None)
