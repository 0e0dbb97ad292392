"""Sockets that the gateway listens on."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from sojourn_gateway.model.faults import GatewayFault

__all__ = ["listen", "listen_if_free"]


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets on a loopback address; for 127.0.0.1 also on ::1, which `localhost` may mean as well.

    Port 0 takes any free one. Raises `GatewayFault` when the port is taken.
    """
    try:
        first = _bound(host, port)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            raise GatewayFault(
                f"port {port} is taken by another program; stop that one, or choose another port with --port"
            ) from fault
        raise GatewayFault(f"cannot listen on {host} port {port}: {fault.strerror}") from fault
    found = [first]
    if host == "127.0.0.1":
        with suppress(OSError):
            found.append(_bound("::1", first.getsockname()[1]))
    return found


def listen_if_free(host: str, port: int) -> list[socket.socket]:
    """The same for a port that is welcome but not needed: empty when it is taken."""
    try:
        return listen(host, port)
    except GatewayFault:
        return []


def _bound(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Restarting at once must not fail on connections that linger from before.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if found.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
        # Already here: who reads the address in `gateway.json` waits in line and is not refused.
        found.listen(1024)
    except OSError:
        found.close()
        raise
    return found
