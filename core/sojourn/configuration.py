"""The options of AgentOps: what programs written for it give to `init` and `configure`, and what it means here.

| option | meaning here |
|---|---|
| `default_tags` | tags that every session of this process starts with |
| `instrument_llm_calls=False` | the same as `instrument=False` |
| `skip_auto_end_session` | `end_session(is_auto_end=True)`, by which frameworks end sessions, does nothing |
| `env_data_opt_out` | nothing of the machine is recorded |
| `trace_name` | the session's name |
| `exporter_endpoint` | the endpoint, when `endpoint` is not given |
| `log_session_replay_url=False` | no summary at the end of a session |
| `parent_key`, `app_url`, `max_wait_time`, `max_queue_size`, `log_level` | none: accepted, and nothing to set |
| `auto_init`, `fail_safe`, `prefetch_jwt_token`, `exporter`, `processor` | none, as in AgentOps itself |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from sojourn.arguments import demand_flag, demand_id, demand_text, parse_tags
from sojourn.settings import Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from sojourn.settings import Settings

__all__ = ["AgentOpsOptions", "Configuration", "InitOptions", "asked", "configure_next", "given", "pending", "reset"]


class AgentOpsOptions(TypedDict, total=False):
    """Options of AgentOps 0.3 and 0.4; None is the same as not given."""

    default_tags: str | Iterable[str] | None
    instrument_llm_calls: bool | None
    skip_auto_end_session: bool | None
    env_data_opt_out: bool | None
    trace_name: str | None
    exporter_endpoint: str | None
    log_session_replay_url: bool | None
    parent_key: str | None
    app_url: str | None
    max_wait_time: int | None
    max_queue_size: int | None
    auto_init: bool | None
    fail_safe: bool | None
    prefetch_jwt_token: bool | None
    log_level: str | int | None
    exporter: object
    processor: object


class InitOptions(Options, AgentOpsOptions, total=False):
    """Everything that `init` takes beside its plain arguments."""


class ConfigureOptions(InitOptions, total=False):
    """Everything that `configure` takes."""

    api_key: str | None
    endpoint: str | None
    auto_start_session: bool | None
    tags: str | Iterable[str] | None
    name: str | None
    inherited_session_id: str | UUID | None


class Configuration(NamedTuple):
    """What a program configured, under the names that AgentOps gives it."""

    api_key: str | None = None
    parent_key: str | None = None
    endpoint: str | None = None
    max_wait_time: int | None = None
    max_queue_size: int | None = None
    default_tags: frozenset[str] = frozenset()
    instrument_llm_calls: bool = True
    auto_start_session: bool = True
    skip_auto_end_session: bool = False
    env_data_opt_out: bool = False
    trace_name: str | None = None
    log_session_replay_url: bool | None = None
    options: Options = Options()  # nobody changes it
    """The options that are not AgentOps's."""

    def applied(self, settings: Settings) -> Settings:
        """Settings with what this says about the machine's facts and the summary."""
        if self.env_data_opt_out:
            settings = settings._replace(host_facts=False)
        if self.log_session_replay_url is False:
            settings = settings._replace(summary="off")
        return settings

    def tags(self, more: str | Iterable[str] | None) -> list[str] | None:
        """Tags of a new session: the default ones, in order of the alphabet, and its own."""
        own = parse_tags(more)
        return [*sorted(self.default_tags - set(own)), *own] or None


_FIELDS: Final = frozenset(Configuration._fields) - {"options"}
_OURS: Final = Options.__annotations__.keys()
_KNOWN: Final = ConfigureOptions.__annotations__.keys()

_pending: dict[str, Any] = {}


def pending() -> Mapping[str, Any]:
    """What `configure` was told, and the next `init` takes over."""
    return _pending


def configure_next(options: Mapping[str, Any]) -> None:
    """Keep options for the next `init`, which the options given to it beat. Raises TypeError for unknown ones."""
    global _pending
    _check("configure", options)
    _pending = {**_pending, **given(options)}


def reset() -> None:
    """Forget what `configure` was told."""
    global _pending
    _pending = {}


def asked(options: Mapping[str, Any], where: str = "init") -> Configuration:
    """The configuration that options and an earlier `configure` amount to. Raises TypeError for unknown options."""
    _check(where, options)
    merged = {**_pending, **given(options)}
    found = {name: value for name, value in merged.items() if name in _FIELDS}
    if "default_tags" in found:
        found["default_tags"] = frozenset(parse_tags(found["default_tags"]))
    if "exporter_endpoint" in merged:
        found.setdefault("endpoint", merged["exporter_endpoint"])
    ours = Options()
    ours.update({name: value for name, value in merged.items() if name in _OURS})  # type: ignore[typeddict-item]  # so
    if merged.get("instrument_llm_calls") is False:
        ours.setdefault("instrument", False)
    return Configuration(**found, options=ours)


def _check(where: str, options: Mapping[str, Any]) -> None:
    unknown = sorted(options.keys() - _KNOWN)
    if unknown:
        known = ", ".join(sorted(_KNOWN))
        raise TypeError(f"{where} got unknown options: {', '.join(unknown)}; known are {known}")
    for name in _TEXTS:
        demand_text(name, options.get(name))
    for name in _FLAGS:
        demand_flag(name, options.get(name))
    demand_id("inherited_session_id", options.get("inherited_session_id"))


_TEXTS: Final = ("api_key", "endpoint", "exporter_endpoint", "name", "trace_name", "parent_key")
_FLAGS: Final = (
    "auto_start_session",
    "env_data_opt_out",
    "instrument_llm_calls",
    "log_session_replay_url",
    "skip_auto_end_session",
)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not None. Raises TypeError for tags that are none."""
    # Tags once and here: they may come from a generator.
    return {
        name: parse_tags(value, name) if name in {"tags", "default_tags"} else value
        for name, value in options.items()
        if value is not None
    }
