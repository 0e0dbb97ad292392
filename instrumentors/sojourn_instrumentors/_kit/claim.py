"""Claims: how a framework and the provider beneath it come to count tokens once.

A framework's call of a model lays a claim in the context in which it works. The provider's call that finds it folds
its facts into the framework's observation and makes no span. A claim is void as soon as its call ended or handed its
first chunk to the program: a context variable set inside a generator is also seen by the code that consumes it, so
it cannot be relied upon to be reset.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn_instrumentors._kit.observation import Observation

__all__ = ["claim", "holder", "lay"]

_CLAIMS: ContextVar[tuple[Observation, ...]] = ContextVar("sojourn_claims", default=())


def lay(observation: Observation, group: object) -> None:
    """Claim the provider's next call here. A batch claims once per member, with the same `group` for all."""
    observation.group = group
    _CLAIMS.set((*_valid(), observation))


def holder(group: object = None) -> Observation | None:
    """The innermost call of a model that is at work here, other than the members of `group`."""
    valid = _valid()
    if valid and (group is None or valid[-1].group is not group):
        return valid[-1]
    return None


def claim() -> Observation | None:
    """The observation that the provider's call starting here belongs to; its `taken` says whether as a child.

    Members of a batch are worked off in their order, one provider call each.
    """
    if not _CLAIMS.get():  # before a function is called: this runs for every call of a client
        return None
    valid = _valid()
    if not valid:
        return None
    innermost = valid[-1]
    if innermost.group is not None:
        for observation in valid:
            if observation.group is innermost.group and not observation.taken:
                return observation
    return innermost


def _valid() -> tuple[Observation, ...]:
    claims = _CLAIMS.get()
    if not claims:
        return claims
    return tuple([one for one in claims if not (one.ended or one.yielded)])
