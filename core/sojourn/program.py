"""The rest of AgentOps's module functions, and `Client`: all of them as an object."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

import sojourn
from sojourn import configuration, instruments
from sojourn.arguments import demand_id, demand_text
from sojourn.client import get_client as running_client
from sojourn.endstate import EndState, parse_end_state
from sojourn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sojourn.configuration import Configuration, ConfigureOptions
    from sojourn.cost import Cost
    from sojourn.events import Event
    from sojourn.session import Session

__all__ = [
    "Client",
    "configure",
    "create_agent",
    "end_all_sessions",
    "get_api_key",
    "get_client",
    "get_session",
    "set_api_key",
    "set_parent_key",
    "stop_instrumenting",
]


def configure(**options: Unpack[ConfigureOptions]) -> None:
    """Say ahead what the next `init` is to do; options given to that call itself win.

    While sessions run, `default_tags` and `skip_auto_end_session` hold from now on; another endpoint or key raises
    RuntimeError. Unknown options raise TypeError.
    """
    chosen = configuration.given(options)
    client = running_client()
    if client is None:
        known = configuration.asked(chosen, "configure")
        # What is wrong is said here, and not by an `init` far away.
        Settings.read(
            api_key=known.api_key,
            endpoint=known.endpoint,
            inherited_session_id=chosen.get("inherited_session_id"),
            options=known.options,
        )
        configuration.configure_next(chosen)
        return
    before = client.configuration
    now = configuration.asked({**_as_options(before), **chosen}, "configure")
    wished = Settings.read(api_key=chosen.get("api_key"), endpoint=chosen.get("endpoint"), environ={})
    for what, wanted, running in (
        ("endpoint", wished.endpoint, client.settings.endpoint),
        ("api_key", wished.api_key, client.settings.api_key),
    ):
        if wanted is not None and wanted != running:
            raise RuntimeError(f"sojourn already runs with another {what}; call sojourn.shutdown() before configure()")
    client.configuration = now


def get_session(session_id: str | UUID) -> Session | None:
    """The session of this id that this process started or joined, also when it has ended; None for another."""
    if session_id is None:  # pyright: ignore[reportUnnecessaryComparison]  # callers may be untyped
        raise TypeError("session_id must be text or a UUID, not None")
    demand_id("session_id", session_id)
    client = running_client()
    return None if client is None else client.session_of(session_id)


def end_all_sessions(end_state: EndState | str = EndState.INDETERMINATE, end_state_reason: str | None = None) -> None:
    """End every session that runs in this process."""
    parse_end_state(end_state)
    demand_text("end_state_reason", end_state_reason)
    client = running_client()
    for session in [] if client is None else client.sessions():
        session.end_session(end_state, end_state_reason)


def create_agent(name: str, agent_id: UUID | str | None = None) -> str | None:
    """Name an agent of the current session and return its id; None when no session runs."""
    demand_text("name", name)
    demand_id("agent_id", agent_id)
    session = sojourn.current_session()
    return None if session is None else session.create_agent(name, agent_id)


def get_api_key() -> str | None:
    """The key in use, or the one that `init` would use."""
    client = running_client()
    if client is not None:
        return client.settings.api_key
    return configuration.asked({}).api_key or Settings.read(environ=os.environ).api_key


def set_api_key(api_key: str) -> None:
    """Set the key for the next `init`. Raises RuntimeError when recording already runs with another."""
    demand_text("api_key", api_key)
    configure(api_key=api_key)


def set_parent_key(parent_key: str) -> None:
    """Accepted for programs of AgentOps; keys have no parents here."""
    demand_text("parent_key", parent_key)
    configure(parent_key=parent_key)


def stop_instrumenting() -> None:
    """Put every observed library back as it was; what is recorded by hand goes on."""
    instruments.uninstall()


def get_client() -> Client:
    """The module's functions as an object."""
    return Client()


class Client:
    """The module's functions as an object, as programs of AgentOps hold it. All of them are the same one."""

    @property
    def config(self) -> Configuration:
        """What the program configured."""
        client = running_client()
        return configuration.asked({}) if client is None else client.configuration

    @property
    def is_initialized(self) -> bool:
        """Whether `init` was called."""
        return running_client() is not None

    @property
    def initialized(self) -> bool:
        """The same as `is_initialized`."""
        return self.is_initialized

    @property
    def host_env(self) -> dict[str, Any]:
        """Facts of the machine and interpreter; empty when they are switched off."""
        client = running_client()
        return {} if client is None else client.host_facts()

    @property
    def api_key(self) -> str | None:
        """The key in use."""
        return get_api_key()

    @property
    def parent_key(self) -> str | None:
        """What was set as such; it has no meaning here."""
        return self.config.parent_key

    @property
    def current_session_ids(self) -> list[str]:
        """The ids of the sessions that run in this process, oldest first."""
        client = running_client()
        return [] if client is None else [session.session_id for session in client.sessions()]

    @property
    def has_sessions(self) -> bool:
        """Whether any session runs."""
        return bool(self.current_session_ids)

    @property
    def is_multi_session(self) -> bool:
        """Whether several sessions run."""
        return len(self.current_session_ids) > 1

    @property
    def session_count(self) -> int:
        """How many sessions run."""
        return len(self.current_session_ids)

    def configure(self, **options: Unpack[ConfigureOptions]) -> None:
        """The same as `sojourn.configure`."""
        configure(**options)

    def initialize(self) -> Session | None:
        """Begin to record with what was configured."""
        return sojourn.init()

    def init(self, **options: Any) -> Session | None:
        """The same as `sojourn.init`."""
        started: Session | None = sojourn.init(**options)
        return started

    def start_session(
        self, tags: str | Iterable[str] | None = None, inherited_session_id: str | UUID | None = None
    ) -> Session:
        """The same as `sojourn.start_session`."""
        return sojourn.start_session(tags, inherited_session_id)

    def end_session(
        self,
        end_state: EndState | str = EndState.INDETERMINATE,
        end_state_reason: str | None = None,
        video: str | None = None,
        is_auto_end: bool | None = False,
    ) -> Cost | None:
        """The same as `sojourn.end_session`."""
        return sojourn.end_session(end_state, end_state_reason, video, is_auto_end)

    def end_all_sessions(self) -> None:
        """The same as `sojourn.end_all_sessions`."""
        end_all_sessions()

    def record(self, event: Event) -> None:
        """The same as `sojourn.record`."""
        sojourn.record(event)

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """The same as `sojourn.add_tags`."""
        sojourn.add_tags(tags)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """The same as `sojourn.set_tags`."""
        sojourn.set_tags(tags)

    def create_agent(self, name: str, agent_id: UUID | str | None = None, session: Session | None = None) -> str | None:
        """The same as `sojourn.create_agent`, or in the session given."""
        return create_agent(name, agent_id) if session is None else session.create_agent(name, agent_id)

    def get_session(self, session_id: str | UUID) -> Session | None:
        """The same as `sojourn.get_session`."""
        return get_session(session_id)

    def stop_instrumenting(self) -> None:
        """The same as `sojourn.stop_instrumenting`."""
        stop_instrumenting()


def _as_options(before: Configuration) -> dict[str, Any]:
    named = {name: getattr(before, name) for name in ("default_tags", "skip_auto_end_session", "parent_key")}
    return {**named, "env_data_opt_out": before.env_data_opt_out, "auto_start_session": before.auto_start_session}
