"""What a client watches over: the libraries that it observes, the program's log lines, and the limits of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sojourn import instruments, limits
from sojourn.meter import Meter
from sojourn.tally import load_prices, use_price_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from opentelemetry.trace import TracerProvider

    from sojourn.content import ContentPolicy
    from sojourn.limits import Limits
    from sojourn.logs import LogCapture, Taker
    from sojourn.session import Session
    from sojourn.settings import Settings

__all__ = ["Oversight"]


class Watched(Protocol):
    """What it asks of the client."""

    settings: Settings
    """Replaced as a whole."""

    @property
    def policy(self) -> ContentPolicy:
        """What may be recorded of content."""
        ...

    @property
    def provider(self) -> TracerProvider:
        """What instrumentors make their spans with. Not to be asked when disabled."""
        ...

    def current_session(self) -> Session | None:
        """The session that the calling code belongs to."""
        ...

    def current_session_id(self) -> str | None:
        """Its id, which may be that of a session that only another process knows."""
        ...

    def sampled(self, session_id: str) -> bool:
        """Whether the session is recorded, rather than only counted."""
        ...

    def settle(self) -> None:
        """Count what has ended."""
        ...


class Oversight:
    """Begins with `begin`, rests and resumes while a test captures, ends with `end`."""

    def __init__(self, client: Watched, taker: Callable[[], Taker]) -> None:
        self._client = client
        self._taker = taker
        self._logs: LogCapture | None = None

    def begin(self) -> None:
        """Observe the libraries and log lines of the settings, and price their calls."""
        settings = self._client.settings
        if not settings.disabled:
            use_price_file(settings.prices)
            self._install()
            self.capture_logs(settings.capture_logs)

    def end(self) -> None:
        """Let go of log lines and limits; libraries are let go by whoever replaces the client."""
        self.capture_logs(None)
        if limits.ask == self._ask:
            limits.set_ask(None)

    def rest(self) -> None:
        """Observe nothing until `resume`."""
        if not self._client.settings.disabled:
            instruments.uninstall()
            if self._logs is not None:
                self._logs.leave()

    def resume(self) -> None:
        """Observe again what is to be observed."""
        if not self._client.settings.disabled:
            self._install()
            if self._logs is not None:
                self.capture_logs(self._logs.level)

    def limit(self, session: Session, chosen: Limits | None) -> None:
        """Have the model calls of a session ask first, or no longer; None changes nothing."""
        if chosen is None or self._client.settings.disabled:
            return
        session.meter = Meter(chosen, session.session_id, session.tally) if chosen.any else None
        if chosen.max_cost is not None:
            load_prices()
        limits.set_ask(self._ask)

    def adjust(self, settings: Settings, given: Collection[str], *, tested: bool) -> None:
        """Take over what a later `init` says. Raises RuntimeError for what cannot change while sessions run.

        A program under test gets all that it asks for: its client was opened before it asked.
        """
        client = self._client
        running = client.settings
        for what, now, then in (
            ("sample_rate", settings.sample_rate, running.sample_rate),
            ("global_provider", settings.global_provider, running.global_provider),
            ("instrument", instruments.select(settings.instrument), instruments.select(running.instrument)),
        ):
            if what in given and now != then and not tested:
                raise RuntimeError(f"sojourn already runs with another {what}; call sojourn.shutdown() before init()")
        if tested:
            chosen = {name: getattr(settings, name) for name in ("sample_rate", "instrument") if name in given}
            client.settings = running._replace(**chosen)
            client.policy.sampled = self.sampling()
            self.rest()
            self.resume()
        if "redact" in given:
            client.policy.redactors = settings.redact
        if "capture_logs" in given:
            self.capture_logs(settings.capture_logs)

    def sampling(self) -> Callable[[], bool] | None:
        """What the content policy asks: whether the session of the calling code is recorded; None when all are."""
        return None if self._client.settings.sample_rate >= 1 else self._samples_here

    def capture_logs(self, level: int | None) -> None:
        """Take log lines from `level` on into the session that they are written in; None: no longer."""
        if self._logs is not None:
            self._logs.leave()
            self._logs = None
        if level is not None and not self._client.settings.disabled:
            # Its imports are for programs that ask for it.
            from sojourn.logs import LogCapture

            self._logs = LogCapture(self._taker(), self._client, self._client.policy, level)

    def _install(self) -> None:
        client = self._client
        instruments.install(client.provider, client.policy, instruments.select(client.settings.instrument))

    def _samples_here(self) -> bool:
        session_id = self._client.current_session_id()
        return session_id is None or self._client.sampled(session_id)

    def _ask(self) -> None:
        session = self._client.current_session()
        if session is not None and session.meter is not None:
            self._client.settle()
            session.meter.admit()
