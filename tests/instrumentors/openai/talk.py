"""A provider at the other end of a connection: a WebSocket server that answers the client's events as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from websockets.sync.server import serve

if TYPE_CHECKING:
    from collections.abc import Generator

    from websockets.sync.server import ServerConnection

Script = Callable[[dict[str, Any]], list[dict[str, Any]]]

PATIENT: dict[str, Any] = {"open_timeout": 120}
"""How either end opens a connection: for ten seconds both threads may have to wait where much else goes on."""


@contextmanager
def talking(script: Script, greeting: dict[str, Any] | None = None) -> Generator[str]:
    """A server that sends `greeting`, then for each event what `script` says; gives its base URL.

    An event `{"type": "hang up"}` of the script ends the connection without a word.
    """

    def handle(connection: ServerConnection) -> None:
        if greeting is not None:
            connection.send(json.dumps(greeting))
        for heard in connection:
            for told in script(json.loads(heard)):
                if told["type"] == "hang up":
                    connection.socket.close()
                    return
                connection.send(json.dumps(told))

    with serve(handle, "127.0.0.1", 0, **PATIENT) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        finally:
            server.shutdown()
            thread.join()
