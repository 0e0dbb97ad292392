"""Endpoints of Anthropic's clients: what the client calls a request, by its method and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Endpoint", "find"]

_ID: Final = re.compile(r".*\d|.{25,}|.*[^a-z_]")
"""A part of a path that is an id, or may be one: then it does not belong into a name."""
_ALONE: Final = frozenset({"count_tokens", "content", "results"})
"""Last parts of paths that are a method of the client by themselves."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `template` is its path with `{id}` where ids stand."""

    name: str
    method: str
    template: str
    ids: tuple[str, ...]


def find(method: str, url: str, told: Any, route: Any) -> Endpoint:
    """`told` and `route` are what newer clients say of a request themselves: its name and the template of its path."""
    path = url.partition("?")[0]
    if "://" in path:  # results are fetched by the address that a batch tells
        path = path.partition("://")[2].partition("/")[2]
    parts = path.strip("/").split("/")
    templates = route.strip("/").split("/") if isinstance(route, str) else []
    if len(templates) != len(parts):
        templates = ["{id}" if _ID.fullmatch(part) and part != "v1" else part for part in parts]
    ids = tuple(part for part, template in zip(parts, templates, strict=True) if template[:1] == "{")
    named = [part if part[:1] != "{" else "{id}" for part in templates]
    name = told.removeprefix("anthropic.") if isinstance(told, str) else _name(method, named)
    return Endpoint(name, method, "/" + "/".join(named), ids)


def _name(method: str, parts: list[str]) -> str:
    words = [part for part in parts if part not in ("v1", "{id}")]
    if method == "DELETE":
        return ".".join([*words, "delete"])
    if parts[-1] == "{id}":
        return ".".join([*words, "retrieve" if method == "GET" else "update"])
    if parts[-1] in _ALONE or (parts[-2:-1] == ["{id}"] and not parts[-1].endswith("s")):
        return ".".join(words)
    return ".".join([*words, "list" if method == "GET" else "create"])
