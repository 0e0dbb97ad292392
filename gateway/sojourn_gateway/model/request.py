"""Requests: traces seen as what a runtime of agents served, with the facts that it tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json

__all__ = ["Agent", "Conversation", "ConversationsAsk", "Evaluation", "Request", "RequestsAsk", "SortRequests"]

SortRequests = Literal["created", "updated", "duration"]


@dataclass(frozen=True, slots=True)
class Agent:
    """Who took part."""

    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """One trace. What nobody told is empty."""

    trace_id: str
    own_id: str
    """The id that its runtime gave it."""
    start_ns: int
    end_ns: int | None
    """When it was answered; None while it is pending."""
    heard_ns: int
    """The last that was heard of it."""
    pending: bool
    success: bool
    error: str
    recorded: bool
    """Whether a runtime told of it by hand."""
    org: str
    project: str
    deployment: str
    env: str
    devmode: bool
    trigger: str
    method: str
    url: str
    """As it was told: an address, or the path of one."""
    origin: str
    """Scheme and host."""
    route: str
    metadata: Mapping[str, Json] | None
    user_data: str
    agents: tuple[Agent, ...]
    agent_ids: tuple[str, ...]
    conversation: str | None
    """The session that its trace belongs to; None when it is one by itself."""
    input_tokens: int
    output_tokens: int
    cost: float | None

    @property
    def duration_ns(self) -> int | None:
        """None while it is pending."""
        return None if self.end_ns is None else max(self.end_ns - self.start_ns, 0)


@dataclass(frozen=True, slots=True)
class RequestsAsk:
    """Which requests, in which order. All conditions hold together; None asks for nothing."""

    limit: int = 10
    offset: int = 0
    sort_by: SortRequests = "created"
    descending: bool = True
    org: str | None = None
    project: str | None = None
    deployment: str | None = None
    trigger: str | None = None
    env: str | None = None
    devmode: bool | None = None
    success: bool | None = None
    conversation: str | None = None
    agent: str | None = None
    after_us: int | None = None
    before_us: int | None = None
    """Begun later, or earlier, than this, in microseconds since 1970."""
    metadata: Mapping[str, Json] = field(default_factory=dict[str, "Json"])
    """What the metadata must contain."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One session, as the requests in it see it."""

    id: str
    start_ns: int
    heard_ns: int
    org: str
    project: str
    metadata: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class ConversationsAsk:
    """Which sessions, in which order."""

    limit: int = 10
    offset: int = 0
    sort_by: Literal["created", "updated"] = "created"
    descending: bool = True
    org: str | None = None
    project: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict[str, "Json"])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run of an evaluation."""

    id: str
    trace_id: str
    session_id: str
    """As whoever told of the run named the request; empty when only a span tells."""
    start_ns: int
    end_ns: int | None
    eval_id: str
    eval_identifier: str
    eval_name: str
    about: str
    agent: str
    org: str
    project: str
    deployment: str
    devmode: bool
    success: bool
    error: str
    result: Json
