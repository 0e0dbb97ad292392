"""Rivulet: a made-up client of a made-up model service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

__version__ = "1.2"


class RivuletError(Exception):
    """The service refused."""


class Reply:
    """What the model answered."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.text: str = told["text"]
        self.model: str = told["model"]
        self.taken: int | None = told.get("taken")
        self.given: int | None = told.get("given")

    def __repr__(self) -> str:
        return f"Reply({self.text!r}, {self.model!r}, {self.taken}, {self.given})"


class Stream:
    """The same in pieces, as they come."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self._parts = _read(response)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Reply:
        return next(self._parts)

    def close(self) -> None:
        self.response.close()

    def __del__(self) -> None:
        self.close()


def _read(response: Any) -> Iterator[Reply]:
    last = None
    for line in response:
        if line.startswith(b"data: "):
            last = Reply(json.loads(line[6:]))
            yield last
    response.close()
    if last is None or last.given is None:
        raise RivuletError("the answer was cut off")


class Rivulet:
    """Talks to the service."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def chat(self, model: str, prompt: str, *, tools: Any = None, stream: bool = False) -> Any:
        """Ask; gives a `Reply`, or a `Stream` of them."""
        asked = json.dumps({"model": model, "prompt": prompt, "tools": tools, "stream": stream}).encode()
        request = Request(f"{self.base_url}/chat", asked, {"content-type": "application/json"})
        try:
            response = urlopen(request, timeout=20)
        except HTTPError as refused:
            with refused:
                raise RivuletError(refused.read().decode()) from None
        if stream:
            return Stream(response)
        with response:
            return Reply(json.loads(response.read()))
