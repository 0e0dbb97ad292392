"""Transports of the clients' own HTTP libraries that answer with recordings; nothing goes out."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.recorded_traffic.exchange import Exchange

__all__ = ["Answers", "http_of"]


def http_of(client: type[Any]) -> Any:
    """The HTTP library that a client sends through: httpx2 since openai 3 and anthropic 2, httpx before."""
    base = sys.modules[f"{client.__module__.partition('.')[0]}._base_client"]
    return importlib.import_module("httpx2" if hasattr(base, "httpx2") else "httpx")


@dataclass
class Answers:
    """What clients get for whatever they ask: the answer of the exchange that is replayed at the moment."""

    exchange: Exchange | None = None

    def transport(self, http: Any) -> Any:
        """A transport that gives these answers, for a client, sync or async, that sends through `http`."""

        def answer(_: Any) -> Any:
            found = self.exchange
            assert found is not None
            return http.Response(found.status, headers={"content-type": found.content_type}, content=found.body)

        return http.MockTransport(answer)
