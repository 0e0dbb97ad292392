"""Questions to the gateway that this program delivers to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sojourn.client import get_client
from sojourn.settings import Settings, find_proxy
from sojourn.target import Target, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.target import Answer

__all__ = ["Inquiry"]

MOST: Final = 64_000_000
"""Characters of an answer that are read: a trace with all its content is larger than what a sender needs to know."""


class Inquiry:
    """A connection to the gateway named, else to that of the running client, else to the one that serves this home.

    Raises ConnectionError when none of these is known.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        client = get_client()
        settings = Settings.read(endpoint=url, api_key=api_key) if client is None or url else client.settings
        serving = settings.home.gateway()
        found = settings.endpoint or (None if serving is None else serving.url)
        if found is None:
            raise ConnectionError("no gateway is known; start one by `sojourn dev`, or name it by SOJOURN_ENDPOINT")
        proxy = None if is_loopback(urlsplit(found).hostname) else find_proxy(found)
        self.url = found
        self._target = Target(found, api_key or settings.api_key, proxy, most=MOST)

    def ask(self, path: str) -> tuple[int, Any]:
        """The status and the JSON of an answer; None in its place when it is none. Raises OSError."""
        return _read(self._target.ask(path))

    def tell(self, path: str, value: Mapping[str, object]) -> tuple[int, Any]:
        """POST a value; the answer is as that of `ask`. Raises OSError."""
        return _read(self._target.tell(path, json.dumps(value).encode()))

    def close(self) -> None:
        """Close the connection."""
        self._target.close()


def _read(answer: Answer) -> tuple[int, Any]:
    try:
        return answer.status, json.loads(answer.text)
    except ValueError:
        return answer.status, None
