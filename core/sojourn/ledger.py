"""What the recorder asks of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn.chain import Chain
    from sojourn.content import ContentPolicy
    from sojourn.tally import Tally

__all__ = ["Ledger"]


class Ledger(Protocol):
    """What the recorder asks of the client."""

    def current_session_id(self) -> str | None:
        """The session that a span started now, in this context, belongs to."""
        ...

    def tally_of(self, session_id: str) -> Tally:
        """Where spans of that session are counted."""
        ...

    def sampled(self, session_id: str) -> bool:
        """Whether the session is recorded, rather than only counted."""
        ...

    @property
    def policy(self) -> ContentPolicy:
        """What may be recorded of texts."""
        ...

    def open_session_ids(self) -> Sequence[str]:
        """The sessions that still run in this process."""
        ...

    def owned_session_ids(self) -> Sequence[str]:
        """Those of them that this process started, and must end."""
        ...

    def carried_over(self, session_id: str) -> None:
        """This process is a forked child, and records in a session that may be its parent's."""
        ...

    def begun_in_child(self) -> None:
        """This process is a forked child, and has begun to record."""
        ...

    def journalled(self, spool: Chain) -> None:
        """Called after frames were appended."""
        ...
