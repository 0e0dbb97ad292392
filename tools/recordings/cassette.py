"""Cassettes: written and replayed with vcrpy, scrubbed of whatever could tell a key or an account."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import vcr

from tools.recordings.exchange import path_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["recording", "replaying"]

# What a cassette keeps of headers; all others (cookies, accounts, versions of the client) are dropped.
_REQUEST_HEADERS: Final = frozenset({"accept", "authorization", "content-type"})
_RESPONSE_HEADERS: Final = frozenset({"content-type", "retry-after"})


@contextmanager
def recording(name: str, note: str) -> Generator[None]:
    """Record the exchanges made inside into a new cassette that begins with `note`, in place of an older one."""
    path = path_of(name)
    path.unlink(missing_ok=True)
    with _recorder(path).use_cassette(str(path), record_mode="all", allow_playback_repeats=False):
        yield
    kept = path.read_text("utf-8")
    if path.suffix == ".json":
        path.write_text(json.dumps({"note": note, **json.loads(kept)}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    else:
        path.write_text(f"# {note}\n{kept}", "utf-8")


@contextmanager
def replaying(name: str, *, again: bool = False) -> Generator[None]:
    """Answer the HTTP requests made inside from a cassette, each recorded exchange once (any number of times with
    `again`); nothing goes out.

    A request matches by method, path and body. One that the cassette lacks raises vcrpy's
    `CannotOverwriteExistingCassetteException`, which says what differs; exchanges that were not asked for raise
    AssertionError at the end.
    """
    path = path_of(name)
    if not path.exists():
        raise FileNotFoundError(f"there is no cassette {name}; `make record` makes them")
    with _recorder(path).use_cassette(str(path), record_mode="none", allow_playback_repeats=again) as cassette:
        yield
    assert cassette.all_played, f"{cassette.play_count} of {len(cassette)} exchanges of {name} were asked for"


def _recorder(path: Path) -> Any:
    return vcr.VCR(
        serializer=path.suffix.removeprefix("."),
        match_on=("method", "path", "body"),
        before_record_request=_scrub_request,
        before_record_response=_scrub_response,
        decode_compressed_response=True,
    )


def _scrub_request(request: Any) -> Any:
    kept = {name.lower(): value for name, value in request.headers.items() if name.lower() in _REQUEST_HEADERS}
    if "authorization" in kept:
        kept["authorization"] = "Bearer REDACTED"
    request.headers = kept
    return request


def _scrub_response(response: Any) -> Any:
    response["headers"] = {
        name.lower(): values for name, values in response["headers"].items() if name.lower() in _RESPONSE_HEADERS
    }
    return response
