"""Where a ClickHouse server is, and as whom it is spoken to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sojourn_gateway.model.faults import GatewayFault

__all__ = ["Address", "parse_address"]

_PLAIN: Final = ("clickhouse", "http")
_SECURE: Final = ("clickhouses", "https")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OPTIONS: Final = ("secure", "verify", "ca", "cluster", "compress")
_SHAPE: Final = "clickhouse://user:password@host:8123/database?secure=1"


@dataclass(frozen=True, slots=True)
class Address:
    """A server, a database on it, and a user. What may be shown of it is `place`."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    secure: bool = False
    verify: bool = True
    """Whether the server's certificate is checked."""
    ca: str = ""
    """A file with the certificates to check it by; empty: those that the system trusts."""
    cluster: str = ""
    """The cluster over which tables are spread; empty: this one server."""
    compress: bool = True

    @property
    def place(self) -> str:
        """The server in words, without the user."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, setting: str) -> Address:
    """The address that a URL means. Raises `GatewayFault`, naming `setting` and never quoting the URL."""
    try:
        url = urlsplit(text.strip())
        port, host = url.port, url.hostname
    except ValueError:
        raise GatewayFault(f"{setting} is no URL; it must look like {_SHAPE}") from None
    if url.scheme not in (*_PLAIN, *_SECURE) or not host:
        raise GatewayFault(f"{setting} must look like {_SHAPE}")
    options = _options(url, setting)
    secure = url.scheme in _SECURE or _flag(options, "secure", setting, default=False)
    return Address(
        host=host,
        port=port or (8443 if secure else 8123),
        database=_name(url.path.strip("/") or "sojourn", "the database", setting),
        user=unquote(url.username or "") or "default",
        password=unquote(url.password or ""),
        secure=secure,
        verify=_flag(options, "verify", setting, default=True),
        ca=options.get("ca", ""),
        cluster=_name(options["cluster"], "the cluster", setting) if "cluster" in options else "",
        compress=_flag(options, "compress", setting, default=True),
    )


def _options(url: SplitResult, setting: str) -> dict[str, str]:
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    if any(name not in _OPTIONS for name in options):
        # Not which one: a password with a bare question mark ends up here.
        raise GatewayFault(
            f"{setting} has an option that is not known; known are {', '.join(_OPTIONS)}, and ? # / @ inside a "
            "password are written %3F %23 %2F %40"
        )
    return options


def _flag(options: dict[str, str], name: str, setting: str, *, default: bool) -> bool:
    if name not in options:
        return default
    if options[name] not in ("0", "1"):
        raise GatewayFault(f"{name} in {setting} must be 0 or 1")
    return options[name] == "1"


def _name(text: str, what: str, setting: str) -> str:
    if not _NAME.fullmatch(text):
        raise GatewayFault(f"{what} in {setting} must be a plain name: letters, digits and underscores")
    return text
