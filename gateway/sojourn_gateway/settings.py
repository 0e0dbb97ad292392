"""Settings of the gateway; the one module of it that reads the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "loopback"]

_MEBI: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gateway runs."""

    host: str = "127.0.0.1"
    port: int = 9418
    project: str = "default"
    """The project of requests without a known key."""
    max_body_bytes: int = 64 * _MEBI
    """Of one request, before and after decompression."""
    max_held_bytes: int = 256 * _MEBI
    """Of all requests that are being read or written at one time."""
    pickup_every_s: float = 3.0
    """How often journals of dead processes are looked for."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """`SOJOURN_PORT` and `SOJOURN_MAX_BODY_BYTES`, else the defaults. Raises `GatewayFault` in words."""
        # From an instance: on a class with slots the names are descriptors, not the defaults.
        usual = cls()
        return replace(
            usual,
            port=_number(environ, "SOJOURN_PORT", usual.port, 65535),
            max_body_bytes=_number(environ, "SOJOURN_MAX_BODY_BYTES", usual.max_body_bytes, 1024 * _MEBI),
        )


def loopback(host: str) -> str:
    """The address to bind for `host`. Raises `GatewayFault` for any that others could reach."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise GatewayFault(
            f"refusing to listen on {host!r}: without keys the gateway serves this machine only "
            "(127.0.0.1, ::1 or localhost); to reach it from elsewhere, use a tunnel such as ssh -L 9418:localhost:9418"
        )
    return str(address)


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= most):
        raise GatewayFault(f"{name} must be a whole number from 1 to {most}, not {text!r}")
    return int(text)
