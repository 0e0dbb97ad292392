"""Addresses of requests: absolute ones that every client can parse, or none."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urlsplit

__all__ = ["path_of", "present_address"]

_NOWHERE: Final = "http://localhost"
"""Stands where nobody told which host was asked: a list with a mere path in it breaks the vendor's command."""
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_SAFE: Final = "/?#&=%:@!$'()*+,;~-._"


def present_address(told: str, origin: str) -> str | None:
    """What was told of an address as an absolute one; None when nothing was, or nothing that is one."""
    if not told:
        return None
    if "://" not in told.partition("?")[0]:
        base = origin if origin and _is_origin(origin) else _NOWHERE
        return f"{base}/{quote(told.lstrip('/'), safe=_SAFE)}"
    if not _is_origin(told):
        return None
    parts = urlsplit(told)
    rest = f"{parts.path}{f'?{parts.query}' if parts.query else ''}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{quote(rest, safe=_SAFE)}"


def path_of(told: str) -> str:
    """The path of what was told."""
    try:
        return urlsplit(told).path or "/"
    except ValueError:
        return "/"


def _is_origin(address: str) -> bool:
    """Whether scheme, host and port are such as WHATWG's parser takes, which is stricter than Python's."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and _is_host(host or "", parts.netloc)


def _is_host(host: str, netloc: str) -> bool:
    try:
        if "[" in netloc:
            # WHATWG's parser knows no zones.
            return "%" not in host and bool(IPv6Address(host))
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last.startswith("0x"):
            return bool(IPv4Address(host))
    except ValueError:
        return False
    return _NAME.fullmatch(host) is not None and "xn--" not in host
