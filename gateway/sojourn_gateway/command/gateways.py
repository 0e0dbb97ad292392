"""A gateway that runs already, asked over its REST API."""

from __future__ import annotations

import json
import os
import re
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from sojourn_gateway import wording
from sojourn_gateway.model.faults import GatewayFault, Malformed, TooLarge
from sojourn_gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sojourn.home import Home

__all__ = ["RunningGateway", "explained", "running_gateway"]

_ASKED_WRONG: Final = frozenset({"invalid_query_params", "invalid_filter", "invalid_request_body"})
_OF_REQUEST: Final = {400: Malformed, 413: TooLarge}
"""Refusals for which the request is at fault."""
_STATUS_HEAD: Final = re.compile(rb"\A\x08[\x00-\x1f]\x12[\x80-\xff]*[\x00-\x7f]")
"""What stands in a `google.rpc.Status` before its words: its code, and how many bytes they are."""
_PATIENCE_S: Final = 30.0
_KNOCK_S: Final = 10.0
"""For an answer, of a machine that is busy; where nothing listens, that is known at once."""
_AGAIN_S: Final = 1.0
_LONG_PATIENCE_S: Final = 3600.0


class RunningGateway:
    """One gateway's address, and questions to it."""

    def __init__(self, url: str, pid: int, home: Home | None = None) -> None:
        """With its home at hand, a gateway that demands keys is shown that whoever asks can read its records."""
        self.url = url
        self.pid = pid
        self._home = home
        self._token = ""
        self._project: str | None = None

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

    def operate(self, project: str) -> None:
        """From here on speak of a project, as the operator: whoever can read the home's records."""
        self._project = project
        self._renew()

    def order(self, method: str, path: str, told: Any = None) -> Any:
        """The JSON answer to what may take long; None when it says 404.

        Raises `TooLarge` when more was said than is taken, any other `GatewayFault` when something else is wrong.
        """
        said = None if told is None else (json.dumps(told).encode(), "application/json")
        status, _, body = self._ask(method, path, said, _LONG_PATIENCE_S)
        return None if status == 404 else self._parsed(status, body)

    def send_otlp(self, signal: str, request: bytes) -> bytes:
        """The answer to an OTLP request in protobuf; sent again while too much waits there.

        Raises `Malformed` when the request is at fault, `TooLarge` when it is only its size, any other `GatewayFault`
        when something else is.
        """
        while True:
            status, _, body = self._ask("POST", f"/v1/{signal}", (request, "application/x-protobuf"), _LONG_PATIENCE_S)
            if status < 300:
                return body
            if status != 429:
                words = wording.printable(_STATUS_HEAD.sub(b"", body).decode("utf-8", "replace"))
                fault: type[GatewayFault] = _OF_REQUEST.get(status, GatewayFault)
                raise fault(f"the gateway at {self.url} refused ({status}): {words}")
            time.sleep(_AGAIN_S)

    def stream(self, path: str) -> Iterator[bytes]:
        """The pieces of an answer that may be large. Raises `GatewayFault`."""
        if self._token:
            # What was asked before may have taken longer than a token is good.
            self._renew()
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_LONG_PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"} if self._token else {})
            answer = connection.getresponse()
            if answer.status >= 300:
                self._parsed(answer.status, answer.read())
            while piece := answer.read(1 << 20):
                yield piece
        except (OSError, HTTPException) as fault:
            raise GatewayFault(f"the gateway at {self.url} broke off: {fault}") from fault
        finally:
            connection.close()

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
        if status == 401:
            raise GatewayFault(
                f"the gateway at {self.url} demands a key ({value['error']['message']}): run this where its "
                "SOJOURN_HOME is, and with the SOJOURN_RECORDS that it has"
            )
        told: dict[str, Any] = value["error"]
        words = explained(told["message"], told)
        if told["code"] in _ASKED_WRONG:
            # It is not the gateway that is at fault, and the store itself would say the same.
            raise GatewayFault(words)
        fault = TooLarge if status == 413 else GatewayFault
        raise fault(f"the gateway at {self.url} refused ({status}): {words}")

    def _ask(
        self, method: str, path: str, said: tuple[bytes, str] | None, patience_s: float
    ) -> tuple[int, bool, bytes]:
        answer = self._send(method, path, said, patience_s)
        if answer[0] == 401 and self._home is not None:
            self._renew()
            answer = self._send(method, path, said, patience_s)
        return answer

    def _renew(self) -> None:
        if self._home is not None:
            self._token = _operator_token(self._home, self._project)

    def _send(
        self, method: str, path: str, said: tuple[bytes, str] | None, patience_s: float
    ) -> tuple[int, bool, bytes]:
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=patience_s)
        body, headers = (None, {}) if said is None else (said[0], {"Content-Type": said[1]})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Sojourn-Gateway") is not None, answer.read()
        except (OSError, HTTPException) as fault:
            raise GatewayFault(f"the gateway at {self.url} does not answer: {fault}") from fault
        finally:
            connection.close()


def explained(message: str, told: Mapping[str, Any]) -> str:
    """An error of the API in one line: what is wrong with which parameter."""
    details: Any = told.get("details")
    if isinstance(details, dict):
        named = cast("dict[str, Any]", details)
        message = "; ".join(f"{name}: {problem}" for name, problem in named.items()) or message
    return message


def running_gateway(home: Home) -> RunningGateway | None:
    """The living gateway of a home; None when none says so, or the one that did has died."""
    said = home.gateway()
    if said is None:
        return None
    gateway = RunningGateway(said.url, said.pid, home)
    return gateway if gateway.lives() else None


def _operator_token(home: Home, project: str | None = None) -> str:
    # Only where keys are demanded: the libraries behind these take a second to import.
    from sojourn_gateway.asgi.access import Access
    from sojourn_gateway.records import Records

    settings = Settings.read(os.environ)
    records = Records.of(home, settings.records)
    try:
        return Access(records, settings.project, required=True).operate(project or settings.project)
    finally:
        records.close()
