"""What sessions say of themselves beside their sums, as columns of a filter over sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.steps import first_attribute, steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.where import Linked, Text
from sojourn_gateway.model.outline import AGENT_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["TOLD", "channels", "sayings"]


def _bears(*names: str) -> str:
    """Spans with one of these attributes, found by the names alone, which are read fast."""
    return " or ".join(f"mapContains(a_s, '{name}')" for name in names)


def channels(heard: Collection[str]) -> str:
    """A select of the sessions that say by which channel they came: `session_id` and `told`."""
    of_facts, of_steps = sayings("channel", heard)
    return f"""select session_id, argMax(told, rank) as told from (
            select session_id, told, 1 as rank from ({of_facts}) union all
            select session_id, told, 0 as rank from ({of_steps})
        ) group by session_id"""


def sayings(key: str, heard: Collection[str] | None = None) -> tuple[str, str]:
    """What was told of each session under a key of its metadata, and what its first step that says it does.

    Under names that are not `heard`, if that is known, no step says anything.
    """
    names = [f"{prefix}{key}" for prefix in semconv.METADATA_PREFIXES]
    if heard is not None:
        names = [name for name in names if name in heard]
    of_facts = f"""select session_id, argMax(metadata['{key}'], (time_ns, uid)) as told
        from {DATABASE}.session_events final
        where project = {{project:String}} and mapContains(metadata, '{key}') group by session_id"""
    if not names:
        return of_facts, "select '' as session_id, '' as told where false"
    of_steps = f"""select session as session_id, argMin(said, (start_ns, span_id)) as told from (
            select session, start_ns, span_id, {first_attribute(*names)} as said
            from ({steps(_bears(*names), placed=True)})
        ) where said != '' group by session"""
    return of_facts, of_steps


def _metadata(key: str) -> Linked:
    """What was told of the session, else what its first step that says it does."""
    of_facts, of_steps = sayings(key)
    return Linked(
        Text("told"),
        lambda condition: (
            f"""(session_id in (select session_id from ({of_facts}) where {condition})
            or session_id in (select session_id from ({of_steps}) where {condition}
                and session_id not in (select session_id from ({of_facts}))))"""
        ),
    )


def _agent(condition: str) -> str:
    named = first_attribute(*AGENT_NAMES)
    # A step of an agent that does not name it is called as the agent is.
    called = f"if(step = 'agent', replaceRegexpOne(toString(name), '^{semconv.INVOKE_AGENT} ', ''), '')"
    said = f"""select session as session_id, if({named} != '', {named}, {called}) as told
        from ({steps(f"{_bears(*AGENT_NAMES)} or step = 'agent'", placed=True)})"""
    declared = f"""select session_id, agent.2 as told from {DATABASE}.session_events final
        where project = {{project:String}} and agent.1 != ''"""
    return f"session_id in (select session_id from ({said} union all {declared}) where {condition})"


def _resource(condition: str) -> str:
    spans = f"select session, lower(hex(resource)) as told from ({steps(placed=True)})"
    return f"session_id in (select session from ({spans}) where {condition})"


TOLD: Final[Mapping[str, Linked]] = {
    "agent": Linked(Text("told"), _agent),
    "channel": _metadata("channel"),
    "disposition": _metadata("disposition"),
    "environment": _metadata("environment"),
    "resource": Linked(Text("told"), _resource),
}
"""The names of agents that took part; metadata; and, in hexadecimal, what sent a step."""
