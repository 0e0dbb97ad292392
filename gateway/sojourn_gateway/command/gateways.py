"""A gateway that runs already, asked over its REST API."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sojourn.home import Home

__all__ = ["RunningGateway", "running_gateway"]

_PATIENCE_S: Final = 30.0
_KNOCK_S: Final = 3.0


class RunningGateway:
    """One gateway's address, and questions to it."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid

    def get(self, path: str) -> Any:
        """The JSON answer to a GET; None when it says 404. Raises `GatewayFault` in its words for any other error."""
        status, _, body = self._ask("GET", path, None, _PATIENCE_S)
        if status == 404:
            return None
        return self._parsed(status, body)

    def post(self, path: str, body: bytes, content_type: str) -> Any:
        """The JSON answer to a POST. Raises `GatewayFault`."""
        status, _, answer = self._ask("POST", path, (body, content_type), _PATIENCE_S)
        return self._parsed(status, answer)

    def lives(self) -> bool:
        """Whether a sojourn gateway answers at the address."""
        try:
            status, is_ours, _ = self._ask("GET", "/health", None, _KNOCK_S)
        except GatewayFault:
            return False
        return status == 200 and is_ours

    def _parsed(self, status: int, body: bytes) -> Any:
        try:
            value = json.loads(body)
        except ValueError:
            raise GatewayFault(f"the gateway at {self.url} answered {status} with something that is no JSON") from None
        if status < 300:
            return value
        raise GatewayFault(f"the gateway at {self.url} refused ({status}): {value['error']['message']}")

    def _ask(
        self, method: str, path: str, said: tuple[bytes, str] | None, patience_s: float
    ) -> tuple[int, bool, bytes]:
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=patience_s)
        body, headers = (None, {}) if said is None else (said[0], {"Content-Type": said[1]})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Sojourn-Gateway") is not None, answer.read()
        except (OSError, HTTPException) as fault:
            raise GatewayFault(f"the gateway at {self.url} does not answer: {fault}") from fault
        finally:
            connection.close()


def running_gateway(home: Home) -> RunningGateway | None:
    """The living gateway of a home; None when none says so, or the one that did has died."""
    said = home.gateway()
    if said is None:
        return None
    gateway = RunningGateway(said.url, said.pid)
    return gateway if gateway.lives() else None
