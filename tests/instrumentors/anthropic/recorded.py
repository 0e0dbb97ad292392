"""Recorded exchanges of the real provider, and what their bodies hold, read without our own readers."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from tests.instrumentors.recordings import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Exchange", "exchanges", "files"]

ENDINGS = ("/v1/messages", "/v1/messages/count_tokens", "/v1/complete")


@dataclass(frozen=True)
class Exchange:
    """One call, and what the provider answered."""

    path: str
    beta: bool
    asked: dict[str, Any]
    status: int
    content_type: str
    body: bytes

    @property
    def told(self) -> list[dict[str, Any]]:
        """The answer's JSON: one object, or all events of a stream."""
        if "event-stream" not in self.content_type:
            return [json.loads(self.body)]
        lines = (line[5:].strip() for line in self.body.decode().splitlines() if line.startswith("data:"))
        return [json.loads(line) for line in lines]

    @property
    def answer(self) -> dict[str, Any]:
        """The message that was answered, put together where it came in pieces."""
        first, *rest = self.told
        if not rest:
            return first
        found: dict[str, Any] = {**first["message"], "usage": {**first["message"]["usage"]}}
        blocks: dict[int, dict[str, Any]] = {}
        for event in rest:
            match event["type"]:
                case "content_block_start":
                    blocks[event["index"]] = {**event["content_block"]}
                case "content_block_delta":
                    _add(blocks[event["index"]], event["delta"])
                case "message_delta":
                    found.update({name: value for name, value in event["delta"].items() if value is not None})
                    found["usage"].update({name: value for name, value in event["usage"].items() if value is not None})
                case _:
                    pass
        return {**found, "content": [blocks[index] for index in sorted(blocks)]}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("text", "thinking"):
        if name in delta:
            block[name] = block.get(name, "") + delta[name]


@lru_cache(maxsize=1)
def files() -> tuple[str, ...]:
    """The recordings that hold calls of Anthropic's own API."""
    if not FOLDER.is_dir():
        return ()
    found = (path for path in FOLDER.rglob("*") if path.suffix in (".yaml", ".json", ".gz"))
    marks = tuple(f"anthropic.com{ending}".encode() for ending in ENDINGS)
    return tuple(sorted(str(path.relative_to(FOLDER)) for path in found if any(mark in _raw(path) for mark in marks)))


def exchanges(file: str) -> list[Exchange]:
    """The calls in one file that Anthropic's client makes, in order."""
    path = FOLDER / file
    raw = _raw(path)
    # The C loader does not run Python object tags either.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: Any = json.loads(raw) if raw.lstrip().startswith(b"{") else yaml.load(raw, Loader=loader)
    found = (_exchange(one) for one in read.get("interactions", [read]))
    return [one for one in found if one is not None]


def _raw(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def _exchange(recorded: dict[str, Any]) -> Exchange | None:
    request, response = recorded["request"], recorded["response"]
    url, _, query = str(request.get("uri") or request.get("url")).partition("?")
    ending = url.partition("anthropic.com")[2]
    if ending not in ENDINGS or request["method"].upper() != "POST":
        return None
    asked = request.get("parsed_body") or json.loads(_bytes(request.get("body")) or b"{}")
    status = response.get("status_code") or response["status"]["code"]
    if "parsed_body" in response and not isinstance(response["parsed_body"], str):
        answer = json.dumps(response["parsed_body"]).encode()
    else:
        answer = _plain(_bytes(response.get("parsed_body", response.get("body", response.get("content")))))
    kind = "text/event-stream" if answer.lstrip().startswith((b"event:", b"data:")) else "application/json"
    return Exchange(ending, "beta=true" in query, asked, status, kind, answer)


def _plain(raw: bytes) -> bytes:
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else zlib.decompress(raw) if raw[:1] == b"\x78" else raw


def _bytes(found: Any) -> bytes:
    if isinstance(found, bytes):
        return found
    if isinstance(found, dict):
        told: dict[str, Any] = {**found}
        return _bytes(told["string"]) if "string" in told else json.dumps(told).encode()
    return str(found or "").encode()
