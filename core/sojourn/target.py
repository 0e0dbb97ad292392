"""One endpoint that takes OTLP over HTTP: our gateway, or any other."""

from __future__ import annotations

import ssl
import time
import zlib
from base64 import b64encode
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["Answer", "Target", "is_loopback"]

CONNECT_AND_READ_S: Final = 10.0
SMALL: Final = 1024
"""Bodies up to this size are not worth compressing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said. `retry_after_s` is its own wish, when it has one."""

    status: int
    ours: bool
    retry_after_s: float | None
    text: str
    location: str | None = None
    """Where it wants us to go instead; nobody follows, since the key would go along."""

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the batch over."""
        return 200 <= self.status < 300


class Target:
    """One kept-alive connection to a base URL. Used by one thread."""

    def __init__(self, url: str, api_key: str | None, proxy: str | None = None, *, most: int = 65536) -> None:
        """Speak to `url`, through `proxy` if there is one, and read at most `most` bytes of an answer.

        Raises OSError for a proxy of a kind that we do not know.
        """
        self.url = url
        self._most = most
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": "sojourn"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._parts = urlsplit(url)
        self._proxy = None if proxy is None else _Proxy.parse(proxy)
        # On one machine the two cost more than the bytes.
        self._compress = not is_loopback(self._parts.hostname)
        self._connection: HTTPConnection | None = None
        self._ours: bool | None = None

    def post(self, path: str, body: bytes) -> Answer:
        """Send a body. Raises OSError when the endpoint cannot be reached or does not answer in HTTP."""
        if self._compress and len(body) > SMALL:
            answer = self._ask("POST", path, _gzip(body), {"Content-Encoding": "gzip"})
            if answer.status != 415:
                return answer
            self._compress = False
        return self._ask("POST", path, body, {})

    def ask(self, path: str) -> Answer:
        """Ask for what is at a path. Raises OSError."""
        return self._ask("GET", path, None, {"Accept": "application/json"})

    def tell(self, path: str, body: bytes) -> Answer:
        """Send JSON, once: nothing says that it may be sent again. Raises OSError."""
        return self._exchange("POST", path, body, {"Content-Type": "application/json"})

    def get(self, path: str) -> Answer:
        """Ask for something. Raises OSError as `post` does."""
        return self._ask("GET", path, None, {})

    def is_ours(self) -> bool:
        """Whether a sojourn gateway answers here; asked once. Raises OSError."""
        if self._ours is None:
            self._ours = self._ask("GET", "/v1/capabilities", None, {}).ours
        return self._ours

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        fresh = self._connection is None
        try:
            return self._exchange(method, path, body, headers)
        except OSError as fault:
            self.close()
            # The other side may have closed an idle connection: that is no failure, and is found out only by writing.
            if fresh or isinstance(fault, TimeoutError):
                raise
            return self._ask(method, path, body, headers)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        asked = self._parts.path + path
        told = {**self._headers, **headers}
        if self._proxy is not None and self._parts.scheme == "http":
            asked = f"http://{self._parts.netloc}{asked}"
            told |= self._proxy.headers
        try:
            self._connection.request(method, asked, body, told)
            response = self._connection.getresponse()
            text = response.read(self._most).decode("utf-8", "replace")
        except ssl.SSLCertVerificationError as fault:
            raise OSError(f"its certificate is not trusted: {fault.verify_message}") from fault
        except ssl.SSLError as fault:
            raise OSError(f"no TLS can be agreed on, does it speak https? ({fault.reason or fault})") from fault
        except HTTPException as fault:
            raise OSError(f"it does not answer in HTTP: {fault!r}") from fault
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(
            status=response.status,
            ours=response.getheader("Sojourn-Gateway") is not None,
            retry_after_s=_seconds(response.getheader("Retry-After")),
            text=text,
            location=response.getheader("Location"),
        )

    def _connect(self) -> HTTPConnection:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        host, port = self._parts.hostname or "", self._parts.port
        if self._proxy is None:
            return kind(host, port, timeout=CONNECT_AND_READ_S)
        connection = kind(self._proxy.host, self._proxy.port, timeout=CONNECT_AND_READ_S)
        if self._parts.scheme == "https":
            connection.set_tunnel(host, port, self._proxy.headers)
        return connection


@dataclass(frozen=True, slots=True)
class _Proxy:
    host: str
    port: int
    headers: dict[str, str]

    @classmethod
    def parse(cls, given: str) -> _Proxy:
        parts = urlsplit(given if "://" in given else f"http://{given}")
        if parts.scheme != "http" or not parts.hostname:
            raise OSError(f"the proxy {parts.scheme}://{parts.hostname} is of a kind that is not known here")
        headers: dict[str, str] = {}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        return cls(parts.hostname, parts.port or 80, headers)


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this machine, without asking a name server."""
    return host in {None, "localhost", "::1"} or (host or "").startswith("127.")


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(5, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _seconds(given: str | None) -> float | None:
    """`Retry-After` in its two forms, as seconds from now."""
    if given is None:
        return None
    text = given.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
