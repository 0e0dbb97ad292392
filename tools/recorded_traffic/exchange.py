"""Exchanges: one request that a program once made of a provider, and what the provider answered."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["FOLDER", "Exchange", "exchanges_of", "files"]

FOLDER: Final = Path(
    os.environ.get("SOJOURN_RECORDINGS") or Path(__file__).resolve().parents[3] / "shared" / "cassettes-real"
)
"""Where the recordings of other projects lie, if they are there at all."""
_FORMS: Final = (".yaml", ".json", ".gz")
# The C loader does not run Python object tags either.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as bytes went over the wire (compression taken off)."""

    file: str
    """The recording's path below the folder."""
    number: int
    """The exchange's place in its file, from 0."""
    method: str
    url: str
    asked: dict[str, Any]
    """The request's JSON; empty for one that had none, or another kind of body."""
    status: int
    content_type: str
    body: bytes

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def parameter(self, name: str) -> str | None:
        """A parameter of the URL's query."""
        return next(iter(parse_qs(urlsplit(self.url).query).get(name, ())), None)

    @property
    def streamed(self) -> bool:
        return "event-stream" in self.content_type

    @property
    def answer(self) -> dict[str, Any]:
        """The answer's JSON; empty for any other kind of body."""
        return _object(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of all events of a streamed answer, in order."""
        return [told for data in _data(self.body.decode("utf-8").splitlines()) if (told := _object(data))]


def files(folder: Path = FOLDER) -> list[Path]:
    """All recordings below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in _FORMS and path.is_file())


def exchanges_of(path: Path, folder: Path = FOLDER) -> list[Exchange]:
    """What one recording holds, whichever of the forms it was kept in."""
    name = str(path.relative_to(folder))
    return [_exchange(name, number, told) for number, told in enumerate(_recorded(path))]


def _recorded(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    kept: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_LOADER)
    if "interactions" in kept:
        told: list[dict[str, Any]] = kept["interactions"]
        return told
    if "requests" in kept:
        pairs = zip(kept["requests"], kept["responses"], strict=True)
        return [{"request": request, "response": response} for request, response in pairs]
    return [kept]


def _exchange(file: str, number: int, told: dict[str, Any]) -> Exchange:
    request, response = told["request"], told["response"]
    headers = _headers(response)
    body = _body(response, headers)
    return Exchange(
        file=file,
        number=number,
        method=str(request["method"]).upper(),
        url=str(request.get("uri") or request.get("url")),
        asked=_asked(request),
        status=int(response.get("status_code") or response["status"]["code"]),
        content_type="text/event-stream" if _looks_streamed(body) else headers.get("content-type", _JSON),
        body=body,
    )


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    told = json.dumps(request["parsed_body"]).encode() if "parsed_body" in request else _bytes(request.get("body"))
    return _object(told)


def _body(response: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    if "parsed_body" in response:
        return json.dumps(response["parsed_body"]).encode()
    body = _bytes(response.get("body", response.get("content")))
    if body[:2] == b"\x1f\x8b":
        return gzip.decompress(body)
    return zlib.decompress(body) if headers.get("content-encoding") == "deflate" else body


def _headers(response: Mapping[str, Any]) -> dict[str, str]:
    told: dict[str, Any] = response.get("headers") or {}
    found: dict[str, str] = {}
    for name, value in told.items():
        first = value if isinstance(value, str | bytes) else next(iter(value), "")
        found[name.lower()] = first.decode() if isinstance(first, bytes) else str(first)
    return found


def _looks_streamed(body: bytes) -> bool:
    """Some recordings lost their headers."""
    return body.lstrip().startswith((b"data:", b"event:")) or b"\ndata:" in body[:500]


def _bytes(found: Any) -> bytes:
    if isinstance(found, bytes):
        return found
    if isinstance(found, dict):
        told: dict[str, Any] = {**found}
        return _bytes(told["string"]) if "string" in told else json.dumps(told).encode()
    return str(found or "").encode()


def _data(lines: Iterable[str]) -> Iterator[bytes]:
    """The data of each event; one that spans lines is put together."""
    gathered: list[str] = []
    for line in (*lines, ""):
        if line.startswith("data:"):
            gathered.append(line[5:].strip())
        elif not line and gathered:
            yield "\n".join(gathered).encode()
            gathered = []


def _object(body: bytes) -> dict[str, Any]:
    try:
        told: object = json.loads(body)
    except ValueError:
        return {}
    return {**told} if isinstance(told, dict) else {}
