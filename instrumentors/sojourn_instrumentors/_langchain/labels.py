"""Labels: the tags and metadata that a program gives to its runs, and which conversation they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sojourn import semconv
from sojourn_instrumentors._kit import Step, as_list

if TYPE_CHECKING:
    from sojourn.content import ContentPolicy
    from sojourn_instrumentors._kit import Generation

__all__ = ["Told", "attempt", "conversation", "label", "redact"]

Told: TypeAlias = tuple[Any, dict[str, Any]]
"""The tags and metadata that a run was told."""

# What the frameworks themselves put among the program's tags and metadata.
_THEIR_TAGS = ("seq:step:", "graph:step:", "map:key:", "condition:", "branch:", "retry:attempt:", "langsmith:")
_THEIR_KEYS = ("ls_", "lc_", "__", "langgraph_", "checkpoint_", "thread_id")
_RETRY = "retry:attempt:"
_SAID = frozenset(
    {
        semconv.TAGS,
        semconv.RUN_NAME,
        semconv.DECISION_MADE,
        semconv.DECISION_TARGET,
        semconv.DECISION_CONDITION,
        semconv.HANDOFF_FROM,
        semconv.HANDOFF_TO,
    }
)
_NAMES = ("name", "agent_name", "workflow_name", "tool_name", "data_source")


def label(tags: Any, metadata: dict[str, Any], above: Told | None) -> dict[str, Any]:
    """The program's own tags and metadata of a run as facts, less what the run `above` it was told already.

    Both are handed down from run to run: written once they are still known for all that is below.
    """
    known_tags, known = above or ((), {})
    facts: dict[str, Any] = {}
    mine: list[str] = []
    # Plain loops: a comprehension would be one more call on the program's thread for each run.
    for tag in tags or ():
        if tag not in known_tags and not tag.startswith(_THEIR_TAGS):
            mine.append(tag)  # noqa: PERF401  # see above
    if mine:
        facts[semconv.TAGS] = mine
    for key, value in metadata.items():
        if isinstance(value, str | int | float) and not key.startswith(_THEIR_KEYS) and known.get(key) != value:
            facts[semconv.METADATA_PREFIX + key] = value
    return facts


def redact(record: Step | Generation, policy: ContentPolicy) -> None:
    """Have the program's redactors look at what it wrote itself: names, tags and metadata."""
    if isinstance(record, Step):
        for field in _NAMES:
            if name := getattr(record, field):
                setattr(record, field, policy.redact(name))
    facts = record.others
    for key, value in facts.items():
        if key in _SAID or key.startswith(semconv.METADATA_PREFIX):
            if isinstance(value, str):
                facts[key] = policy.redact(value)
            elif isinstance(value, list):
                facts[key] = [policy.redact(str(one)) for one in as_list(value)]


def conversation(metadata: dict[str, Any]) -> str | None:
    """The conversation that a run belongs to: LangGraph's thread, or what programs call so in their metadata."""
    found = metadata.get("thread_id") or metadata.get("conversation_id") or metadata.get("session_id")
    return None if found is None else str(found)


def attempt(tags: Any) -> int | None:
    """How many times a step with retries has been tried, from the second time on."""
    for tag in tags:
        if tag.startswith(_RETRY) and tag[len(_RETRY) :].isdecimal():  # a program may have such a tag of its own
            return int(tag[len(_RETRY) :])
    return None
