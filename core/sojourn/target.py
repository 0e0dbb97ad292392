"""One endpoint that takes OTLP over HTTP: our gateway, or any other."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Answer", "Target"]

CONNECT_AND_READ_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said. `retry_after_s` is its own wish, when it has one."""

    status: int
    ours: bool
    retry_after_s: float | None
    text: str

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the batch over."""
        return 200 <= self.status < 300


class Target:
    """One kept-alive connection to a base URL. Used by one thread."""

    def __init__(self, url: str, api_key: str | None) -> None:
        self.url = url
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": "sojourn"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._parts = urlsplit(url)
        self._connection: HTTPConnection | None = None
        self._ours: bool | None = None

    def post(self, path: str, body: bytes) -> Answer:
        """Send a body. Raises OSError when the endpoint cannot be reached or does not answer in HTTP."""
        return self._ask("POST", path, body)

    def is_ours(self) -> bool:
        """Whether a sojourn gateway answers here; asked once. Raises OSError."""
        if self._ours is None:
            self._ours = self._ask("GET", "/v1/capabilities", None).ours
        return self._ours

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        fresh = self._connection is None
        try:
            return self._exchange(method, path, body)
        except (OSError, HTTPException):
            self.close()
            # The other side may have closed an idle connection: that is no failure, and is found out only by writing.
            if not fresh:
                return self._ask(method, path, body)
            raise

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        if self._connection is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=CONNECT_AND_READ_S)
        try:
            self._connection.request(method, self._parts.path + path, body, self._headers)
            response = self._connection.getresponse()
            text = response.read(65536).decode("utf-8", "replace")
        except HTTPException as fault:
            raise OSError(f"{self.url} does not answer in HTTP: {fault!r}") from fault
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(
            status=response.status,
            ours=response.getheader("Sojourn-Gateway") is not None,
            retry_after_s=_seconds(response.getheader("Retry-After")),
            text=text,
        )


def _seconds(given: str | None) -> float | None:
    # The other legal form, a date, is rare from collectors and means only "later"; our own back-off serves for it.
    return float(given) if given is not None and given.isascii() and given.isdigit() else None
