"""JSON of others, read so that it can always be written again."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi.responses import JSONResponse

from sojourn_gateway.ingest.agentops_rows import items_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sojourn_gateway.model.span import Json

__all__ = ["Answer", "parse_json", "pieces_of_list", "written"]

_DEEPEST: Final = 100


class Answer(JSONResponse):
    """JSON that may hold half a surrogate pair, which JSON can say and UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return written(content)


def written(content: Any) -> bytes:
    """A value as JSON."""
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def pieces_of_list(pages: Iterable[list[Any]]) -> Iterator[bytes]:
    """A list as JSON, a piece for each page of its items."""
    between = b"["
    for page in pages:
        if page:
            yield between + b",".join(map(written, page))
            between = b","
    yield b"[]" if between == b"[" else b"]"


def parse_json(text: str | bytes) -> Json:
    """A JSON value; numbers that JSON lacks are their names. Raises ValueError for none, and for one too deep."""
    try:
        found: Json = json.loads(text, parse_constant=str, parse_float=_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level: list[Any] = [found]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return found
    raise ValueError("nested too deeply")


def _inside(value: Json) -> list[Any]:
    told = list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else items_of(value)
    return [one for one in told if isinstance(one, dict | list)]


def _number(text: str) -> float | str:
    found = float(text)
    return found if math.isfinite(found) else text
