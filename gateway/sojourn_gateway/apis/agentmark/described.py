"""How parameters and bodies are described: by the code that reads them, which is asked with nothing in hand."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams

__all__ = ["Blank", "Described", "Schema", "note"]

Schema = dict[str, Any]
"""A JSON Schema."""


class Described(QueryParams):
    """A query without parameters, which notes what each reader asks it for."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = dict[str, Schema]()


class Blank(dict[str, Any]):
    """The same for the fields of a body."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = dict[str, Schema]()
        self.required = list[str]()


def note(given: object, name: str, schema: Schema) -> None:
    """Say what a value must be, when anybody listens."""
    if isinstance(given, Described | Blank):
        given.notes[name] = schema
