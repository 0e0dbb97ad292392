"""Steps: what a program does between its calls of models: tools, agents, workflows, chains, retrieval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit.attributes import Facts, attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.util.types import AttributeValue

__all__ = ["Step"]

_REQUEST = Facts(
    ("operation", semconv.OPERATION),
    ("kind", semconv.KIND),
    ("provider", semconv.PROVIDER),
    ("agent_name", semconv.AGENT_NAME),
    ("workflow_name", semconv.WORKFLOW_NAME),
    ("tool_name", semconv.TOOL_NAME),
    ("tool_type", semconv.TOOL_TYPE),
    ("tool_call_id", semconv.TOOL_CALL_ID),
    ("data_source", semconv.DATA_SOURCE_ID),
    ("conversation_id", semconv.CONVERSATION_ID),
)
_TAKES = {semconv.EXECUTE_TOOL: semconv.TOOL_CALL_ARGUMENTS, semconv.RETRIEVAL: semconv.RETRIEVAL_QUERY}
_GIVES = {semconv.EXECUTE_TOOL: semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL: semconv.RETRIEVAL_DOCUMENTS}


@dataclass(slots=True)
class Step:
    """The record of one step. `operation` is one of the conventions'; `kind` says what they have no word for."""

    name: str
    operation: str | None = None
    kind: str | None = None
    wants_content: bool = True

    provider: str | None = None
    agent_name: str | None = None
    workflow_name: str | None = None
    tool_name: str | None = None
    tool_type: str | None = None
    tool_call_id: str | None = None
    data_source: str | None = None
    conversation_id: str | None = None
    others: dict[str, Any] = field(default_factory=dict[str, Any])
    """Facts that only few steps have, by their attribute's name."""

    choice: Any = None
    """What the library knows of a choice that is made by this step, such as where it may lead."""
    decided: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """What was decided below it, and told there: kinds and targets."""

    # Content.
    tool_description: str | None = None
    taken: Any = None
    given: Any = None
    asides: dict[str, Any] = field(default_factory=dict[str, Any])
    """What was learned only at the end, by its attribute's name."""
    failure: str | None = None
    """What a step answered that failed without an exception, such as a tool that handles its own errors."""
    failure_type: str = "tool_error"

    @property
    def span_name(self) -> str:
        if self.operation is None:
            return self.name
        return f"{self.operation} {self.name}" if self.name else self.operation

    def request_facts(self) -> dict[str, AttributeValue]:
        known = _REQUEST.of(self)
        return {**known, **self._others()} if self.others else known

    def response_facts(self) -> dict[str, AttributeValue]:
        return self._others() if self.others else {}

    def request_content(self) -> Iterator[tuple[str, Any]]:
        if self.tool_description:
            yield semconv.TOOL_DESCRIPTION, self.tool_description
        if self.taken is not None:
            yield _TAKES.get(self.operation or "", semconv.INPUT), self.taken

    def response_content(self) -> Iterator[tuple[str, Any]]:
        if self.given is not None:
            yield _GIVES.get(self.operation or "", semconv.OUTPUT), self.given
        yield from self.asides.items()

    def forget(self) -> None:
        self.taken = self.given = self.tool_description = self.failure = None
        self.asides = {}

    def _others(self) -> dict[str, AttributeValue]:
        return {name: attribute(value) for name, value in self.others.items() if value is not None}
