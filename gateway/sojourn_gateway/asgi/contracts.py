"""Which contract a path belongs to, and so in whose words its errors are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastapi import Request, Response

    from sojourn_gateway.asgi.faults import HttpFault

    Present = Callable[[Request, HttpFault], Response]

__all__ = ["Contracts"]


class Contracts:
    """Presenters of errors by the beginning of the path, whole segments of it."""

    def __init__(self, presenters: Iterable[tuple[str, Present]]) -> None:
        self._presenters = tuple((prefix.rstrip("/"), present) for prefix, present in presenters)

    def presenter(self, path: str) -> Present | None:
        """Who tells an error under this path; None when no contract of the table has it."""
        for prefix, present in self._presenters:
            if path == prefix or path.startswith(prefix + "/"):
                return present
        return None
