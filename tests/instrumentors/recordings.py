"""Recorded exchanges of real providers, in the forms in which other projects keep them."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(os.environ.get("SOJOURN_RECORDINGS") or Path(__file__).parents[3] / "shared" / "cassettes-real")


@dataclass(frozen=True)
class Exchange:
    """One call of a chat completion, and what the provider answered."""

    url: str
    asked: dict[str, Any]
    status: int
    content_type: str
    body: bytes

    @property
    def base_url(self) -> str:
        return self.url.partition("/chat/completions")[0]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """The answer's JSON: one object, or all chunks of a stream."""
        if "event-stream" not in self.content_type:
            return [json.loads(self.body)]
        lines = (line[5:].strip() for line in self.body.decode().splitlines() if line.startswith("data:"))
        return [json.loads(line) for line in lines if line != "[DONE]"]


def exchanges(path: Path) -> list[Exchange]:
    """The chat completions of one file, in order."""
    read = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else _yaml(path)
    found = (_exchange(one) for one in read.get("interactions", [read]))
    return [one for one in found if one is not None]


def _yaml(path: Path) -> Any:
    # The C loader does not run Python object tags either.
    return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _exchange(recorded: dict[str, Any]) -> Exchange | None:
    request, response = recorded["request"], recorded["response"]
    url = str(request.get("uri") or request.get("url"))
    if not url.partition("?")[0].endswith("/chat/completions") or request["method"].upper() != "POST":
        return None
    asked = request.get("parsed_body") or json.loads(_bytes(request.get("body")) or b"{}")
    status = response.get("status_code") or response["status"]["code"]
    body = json.dumps(response["parsed_body"]).encode() if "parsed_body" in response else _answer(response)
    return Exchange(url, asked, status, _content_type(response, body), body)


def _answer(response: dict[str, Any]) -> bytes:
    body = _bytes(response.get("body", response.get("content")))
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else zlib.decompress(body) if body[:1] == b"\x78" else body


def _bytes(found: Any) -> bytes:
    if isinstance(found, bytes):
        return found
    if isinstance(found, dict):
        told: dict[str, Any] = {**found}
        return _bytes(told["string"]) if "string" in told else json.dumps(told).encode()
    return str(found or "").encode()


def _content_type(response: dict[str, Any], body: bytes) -> str:
    if body.lstrip().startswith(b"data:") or b"\ndata:" in body[:500]:
        return "text/event-stream"
    headers: dict[str, Any] = response.get("headers") or {}
    lowered = {name.lower(): value for name, value in headers.items()}
    told = lowered.get("content-type", "application/json")
    return told if isinstance(told, str) else str(told[0])
