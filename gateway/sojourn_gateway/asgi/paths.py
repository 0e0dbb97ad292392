"""Paths of routes: the convertor `rest`, all that is left of a path (Starlette's own ends at an encoded line break),
and which methods a path takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

__all__ = ["Rest", "methods_of"]

_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Rest(Convertor[str]):
    """Any text."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """The text as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The text as it is."""
        return value


register_url_convertor("rest", Rest())


def methods_of(request: Request, routes: Sequence[BaseRoute]) -> list[str]:
    """The methods that the path of a request takes, of all routes that have it; Starlette tells those of the first."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
