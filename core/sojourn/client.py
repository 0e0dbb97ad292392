"""The one client of this process: what `init` makes, and what sessions are kept by."""

from __future__ import annotations

import atexit
import json
import os
import sys
import time
from importlib import import_module
from threading import Lock, RLock, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sojourn import current, faults, host, instruments, semconv
from sojourn.content import ContentPolicy
from sojourn.endstate import EndState
from sojourn.identity import new_session_id, parse_session_id
from sojourn.session import Session, parse_tags
from sojourn.signals import REASON, Watchman
from sojourn.summary import show_summary, wanted
from sojourn.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from uuid import UUID

    from sojourn.events import Step
    from sojourn.identity import SessionId
    from sojourn.recorder import Spool
    from sojourn.session import Value
    from sojourn.settings import Settings

__all__ = ["Client", "get_client", "open_client", "shutdown"]

EXIT_PATIENCE_S = 0.25
"""How long the exit of the program may wait for an endpoint that makes no progress."""

_client: Client | None = None
_opening = Lock()


class Client:
    """Keeps this process's sessions, its tracer, its journal and the thread that delivers it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.policy = ContentPolicy(settings.capture)
        self._sessions: dict[str, Session] = {}
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
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        from sojourn.companion import Companion
        from sojourn.recorder import Recorder
        from sojourn.sender import Sender

        ours = Resource(
            {
                semconv.SERVICE_NAME: host.program_name(),
                semconv.SERVICE_INSTANCE_ID: uuid4().hex,
                semconv.PROCESS_PID: os.getpid(),
                **({semconv.HOST_NAME: host.host_name()} if self.settings.host_facts else {}),
            }
        )
        # What the host program says of itself by OpenTelemetry's own variables beats what we found out.
        resource = ours.merge(OTELResourceDetector().detect())
        name = host.host_name if self.settings.host_facts else str
        self._recorder = Recorder(self.settings, resource, self, name)
        if self.settings.endpoint is not None:
            # Now, though only the sender's thread needs it: CPython forgets that Ctrl-C ended the program (and exits
            # with 1 instead of by the signal) when a module that runs `exec`, as dataclasses do, is imported after.
            import_module("sojourn.target")
        self._sender = Sender(self.settings)
        self._sender_pid = os.getpid()
        # Sampler and limits are given, so that variables meant for the host's own provider do not decide here.
        none = SpanLimits.UNSET
        self.provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(
                max_attributes=none,
                max_events=none,
                max_links=none,
                max_span_attributes=none,
                max_event_attributes=none,
                max_link_attributes=none,
                max_attribute_length=none,
                max_span_attribute_length=none,
            ),
        )
        self.provider.add_span_processor(self._recorder)
        self._tracer = self.provider.get_tracer("sojourn")
        self._companion = Companion(self._recorder, self.current_session_id, self.provider)
        self._companion.watch()
        self._previous_hook = sys.excepthook
        sys.excepthook = self._on_uncaught
        atexit.register(self.close)
        self._watchman = Watchman(self._on_dying, self._on_warned)
        self._watchman.stand()

    # --- sessions -------------------------------------------------------------------------------------------------

    def start_session(
        self,
        tags: str | Iterable[str] | None = None,
        inherited_session_id: str | UUID | None = None,
        name: str | None = None,
    ) -> Session:
        """Start a session, or join one; it is the current one of the calling context from here on."""
        joined = inherited_session_id is not None
        session_id = parse_session_id(inherited_session_id) if inherited_session_id is not None else new_session_id()
        with self._lock:
            known = self._sessions.get(session_id)
            if known is not None and known.is_running:
                current.enter(known)
                return known
            tally = known.tally if known is not None else Tally()
            if name is None and not joined:
                name = _default_name()
            session = Session(self, session_id, parse_tags(tags), name, tally, joined=joined)
            self._sessions[session_id] = session
        current.enter(session)
        facts: dict[str, Value] = {}
        if session.tags:
            facts[semconv.SESSION_TAGS_ADDED] = tuple(session.tags)
        if name:
            facts[semconv.SESSION_NAME] = name
        if self.settings.disabled:
            return session
        self.emit(semconv.SESSION_JOIN if joined else semconv.SESSION_START, session, facts)
        if self.settings.host_facts and not joined:
            Thread(target=self._tell_host, args=(session,), name="sojourn-host", daemon=True).start()
        return session

    def current_session(self) -> Session | None:
        """The running session of this context, else the first of the process that still runs."""
        session = current.chosen()
        if session is not None:
            return session
        return next((session for session in list(self._sessions.values()) if session.is_running), None)

    def sessions(self) -> list[Session]:
        """All sessions of this process that still run, oldest first."""
        return [session for session in list(self._sessions.values()) if session.is_running]

    def fail_all(self, reason: str) -> None:
        """End every running session that this process started as failed."""
        for session in self.sessions():
            if session.owned:
                session.finish(EndState.FAIL, reason, explicit=False)

    # --- what sessions ask of their keeper ------------------------------------------------------------------------

    def emit(self, name: str, session: Session, attributes: Mapping[str, Value], severe: bool = False) -> None:
        """Hand a session event to the journal."""
        if self.settings.disabled:
            return
        from sojourn.otlp import SessionEvent

        self._recorder.emit(
            SessionEvent(name, session.session_id, time.time_ns(), attributes, severity=17 if severe else 9)
        )

    def write(self, step: Step, session: Session) -> tuple[int, int]:
        """Make a span of a step that already happened."""
        if self.settings.disabled:
            return (0, 0)
        from opentelemetry.trace import SpanKind

        attributes: dict[str, Any] = {semconv.SESSION_ID: session.session_id, **step.attributes}
        for key, value in step.content.items():
            text = None if value is None else self.policy.render(value)
            if text is not None:
                attributes[key] = text
        kind = SpanKind.CLIENT if step.calls_out else SpanKind.INTERNAL
        span = self._tracer.start_span(step.name, kind=kind, attributes=attributes, start_time=step.start_ns)
        span.end(step.end_ns)
        made = span.get_span_context()
        return made.trace_id, made.span_id

    def settle(self) -> None:
        """Count what has ended."""
        if not self.settings.disabled:
            self._recorder.settle()

    def ended(self, session: Session) -> None:
        """Say what the session was, when somebody watches."""
        if self.settings.disabled or not wanted(self.settings.summary):
            return
        with faults.contained("client.summary"):
            self._recorder.flush()
            held = self._sender.wait(EXIT_PATIENCE_S)
            show_summary(session, self.url_of(session) if held else None)

    def url_of(self, session: Session) -> str:
        """The session's page at the endpoint, else at the running gateway, else where `sojourn dev` will show it."""
        from urllib.parse import quote

        gateway = self.settings.home.gateway()
        base = self.settings.endpoint or (gateway.url if gateway is not None else "http://127.0.0.1:9418")
        return f"{base}/sessions/{quote(session.session_id, safe='')}"

    # --- what the recorder asks of its ledger ---------------------------------------------------------------------

    def current_session_id(self) -> str | None:
        """The session that a span started now belongs to."""
        session = self.current_session()
        # The plain text: an exporter of the host's that looks at exact types must meet nothing unusual.
        return None if session is None else str.__str__(session.session_id)

    def tally_of(self, session_id: str) -> Tally | None:
        """Where spans of a session are counted."""
        session = self._sessions.get(session_id)
        return None if session is None else session.tally

    def open_session_ids(self) -> Sequence[str]:
        """The sessions that still run."""
        return [session.session_id for session in self.sessions()]

    def journalled(self, spool: Spool) -> None:
        """Frames were appended: have them delivered."""
        if self._sender_pid != os.getpid():
            from sojourn.sender import Sender

            self._sender, self._sender_pid = Sender(self.settings), os.getpid()
        self._sender.offer(spool)
        # For programs that hold OpenTelemetry's own `set_tracer_provider`, which tells nobody.
        self._companion.look()

    # --- the end --------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Write and deliver everything that has ended so far; False when not all of it was taken over in time."""
        if self.settings.disabled:
            return True
        self._recorder.flush()
        return self._sender.wait(timeout_s)

    def close(self) -> None:
        """End what this process started, write everything, and wait for the endpoint only while it makes progress."""
        if self._closed or self.settings.disabled:
            return
        self._closed = True
        with faults.contained("client.close"):
            for session in self.sessions():
                if session.owned:
                    state = EndState.INDETERMINATE if self._doom is None else EndState.FAIL
                    session.finish(state, self._doom, explicit=False)
            self._recorder.close()
            delivered = self._sender.wait(EXIT_PATIENCE_S)
            self._sender.stop()
            if self._recorder.spool is not None:
                self._recorder.spool.close(remove=delivered)
        self._companion.leave()
        self._watchman.leave()
        atexit.unregister(self.close)
        if sys.excepthook == self._on_uncaught:
            sys.excepthook = self._previous_hook

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        with faults.contained("client.uncaught"):
            said = str(error)
            reason = f"{kind.__name__}: {said}" if said else kind.__name__
            self.fail_all(REASON.format("SIGINT") if issubclass(kind, KeyboardInterrupt) else reason)
        self._previous_hook(kind, error, where)

    def _on_dying(self, reason: str) -> None:
        self.fail_all(reason)
        self.close()

    def _on_warned(self, reason: str) -> None:
        self._doom = reason

    def _tell_host(self, session: Session) -> None:
        with faults.contained("client.host"):
            self.emit(semconv.SESSION_UPDATE, session, {semconv.SESSION_HOST: json.dumps(host.host_facts())})


def _default_name() -> str | None:
    """The program's name makes a list of sessions readable; that of an interpreter says nothing."""
    name = host.program_name()
    return None if name in {"python", "ipykernel_launcher", "ipython"} else name


def get_client() -> Client | None:
    """The client of this process, or None before the first `init`."""
    return _client


def open_client(settings: Settings) -> Client:
    """Make the client, or give back the one that runs; RuntimeError when that has another endpoint or key."""
    global _client
    with _opening:
        if _client is None:
            _client = Client(settings)
            if not settings.disabled:
                instruments.install(_client.provider, _client.policy)
            return _client
    running = _client.settings
    for what, now, then in (
        ("endpoint", settings.endpoint, running.endpoint),
        ("api_key", settings.api_key, running.api_key),
    ):
        if now is not None and now != then:
            raise RuntimeError(f"sojourn already runs with another {what}; call sojourn.shutdown() before init()")
    return _client


def shutdown() -> None:
    """End everything: sessions as at exit, the journal delivered or left for later, libraries put back as they were."""
    global _client
    with _opening:
        client, _client = _client, None
    if client is not None:
        instruments.uninstall()
        client.close()
    current.enter(None)
