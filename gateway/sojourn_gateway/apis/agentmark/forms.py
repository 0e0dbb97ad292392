"""Bodies of small records, read field by field: what is wrong is gathered, what is unknown is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

from sojourn_gateway.apis.agentmark.described import Blank, note
from sojourn_gateway.apis.agentmark.fields import bad_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.apis.agentmark.described import Schema

__all__ = ["MISSING", "Form", "is_list", "is_object"]

T = TypeVar("T")

MISSING: Final = object()
"""What `any` gives for a field that is not there; null is a value."""


class Form:
    """Reads the fields of one JSON object."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self._read = dict[str, Any]()
        self._known = list[str]()
        self._faults = dict[str, str]()

    def text(self, name: str, longest: int, *, required: bool = False, nullable: bool = False) -> str | None:
        """A text without U+0000, which no database keeps."""
        schema: Schema = {"type": "string", "maxLength": longest, **({} if nullable else {"minLength": 1})}
        self._note(name, schema, required=required, nullable=nullable)
        value = self._value(name, required=required, nullable=nullable)
        if value is None:
            return None
        if not isinstance(value, str):
            self._faults[name] = "must be a text"
            return None
        cleaned = value.replace("\x00", "").encode("utf-8", "replace").decode()
        if not cleaned.strip() and not nullable:
            self._faults[name] = "must not be empty"
        elif len(cleaned) > longest:
            self._faults[name] = f"at most {longest} characters"
        self._read[name] = cleaned
        return cleaned

    def texts(self, name: str, *, required: bool = False, nullable: bool = False) -> tuple[str, ...] | None:
        """One or more texts."""
        one: Schema = {"type": "string", "minLength": 1}
        schema: Schema = {"type": "array", "items": one, "minItems": 1, "maxItems": 100}
        self._note(name, schema, required=required, nullable=nullable)
        value = self._value(name, required=required, nullable=nullable)
        if value is None:
            return None
        texts = [one for one in value if isinstance(one, str) and one] if is_list(value) else []
        if not is_list(value) or not value or len(texts) != len(value) or len(texts) > 100:
            self._faults[name] = "must be a list of 1 to 100 texts"
            return None
        found = tuple(one.replace("\x00", "")[:256].encode("utf-8", "replace").decode() for one in texts)
        self._read[name] = found
        return found

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number."""
        self._note(name, {"type": "integer", "minimum": least, "maximum": most})
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self._faults[name] = f"must be a whole number from {least} to {most}"
            return None
        self._read[name] = value
        return value

    def choice(self, name: str, known: tuple[T, ...], *, required: bool = False) -> T | None:
        """One of some words."""
        self._note(name, {"enum": list(known)}, required=required)
        value = self._value(name, required=required)
        if value is None:
            return None
        for one in known:
            if one == value:
                self._read[name] = one
                return one
        self._faults[name] = f"must be one of {', '.join(map(str, known))}"
        return None

    def objects(self, name: str, most: int) -> list[Mapping[str, Any]]:
        """One or more objects."""
        schema: Schema = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": most}
        self._note(name, schema, required=True)
        value = self._value(name, required=True)
        if value is None:
            return []
        objects: list[Mapping[str, Any]] = [one for one in value if is_object(one)] if is_list(value) else []
        if not is_list(value) or not value or len(objects) != len(value) or len(objects) > most:
            self._faults[name] = f"must be a list of 1 to {most} objects"
            return []
        return objects

    def object(self, name: str) -> Mapping[str, Any] | None:
        """An object."""
        self._note(name, {"type": "object"})
        value = self._value(name)
        if value is None or is_object(value):
            return value
        self._faults[name] = "must be an object"
        return None

    def any(self, name: str, *, required: bool = False) -> Any:
        """Whatever it is; `MISSING` when it is not there."""
        self._note(name, {}, required=required)
        self._known.append(name)
        if name not in self._told and required:
            self._faults[name] = "required"
        return self._told.get(name, MISSING)

    def fault(self, name: str, problem: str) -> None:
        """Something else is wrong with a field."""
        self._faults[name] = problem

    def take(self, inner: Form, path: str) -> None:
        """What is wrong inside a field is wrong here, under its path."""
        self._faults.update({f"{path}.{name}": problem for name, problem in inner.faults().items()})

    def faults(self) -> Mapping[str, str]:
        """What is wrong, by field; names that nobody asked for are wrong too."""
        for name in self._told:
            if name not in self._known:
                told = name[:100].encode(errors="replace").decode()
                self._faults[told] = f"unknown; known: {', '.join(self._known)}"
        return self._faults

    def finish(self, *, at_least_one: bool = False) -> dict[str, Any]:
        """The fields that were given. Raises a 400 when something was wrong."""
        self.faults()
        if at_least_one and not self._read and not self._faults:
            self._faults["_"] = f"must have at least one of {', '.join(self._known)}"
        if self._faults:
            raise bad_body(self._faults)
        return self._read

    def _note(self, name: str, schema: Schema, *, required: bool = False, nullable: bool = False) -> None:
        note(self._told, name, {"anyOf": [schema, {"type": "null"}]} if nullable else schema)
        if required and isinstance(self._told, Blank):
            self._told.required.append(name)

    def _value(self, name: str, *, required: bool = False, nullable: bool = False) -> Any:
        self._known.append(name)
        value = self._told.get(name)
        if name not in self._told:
            if required:
                self._faults[name] = "required"
        elif value is None:
            if nullable:
                self._read[name] = None
            else:
                self._faults[name] = "must not be null"
        return value


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is a list."""
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)
