"""Addresses of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["session_href", "with_query"]


def session_href(session_id: str, **query: str) -> str:
    """The page of a session, whatever its id consists of."""
    return with_query(f"/sessions/{quote(session_id, safe='')}", query)


def with_query(path: str, query: Mapping[str, str]) -> str:
    """The path and what of the query is not empty."""
    told = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(told)}" if told else path
