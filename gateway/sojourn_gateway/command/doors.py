"""The door for gRPC: opened when it is asked for, or when it is welcome and its library and its port are there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.command.ports import listen
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sojourn_gateway.apis.otlp_grpc import GrpcDoor
    from sojourn_gateway.settings import Settings

__all__ = ["GRPC_PORT", "Door", "open_door"]

GRPC_PORT: Final = 4317
"""Where every exporter of OTLP over gRPC looks by default."""


class Door:
    """A door and its address, which is empty when the port was taken and that is no fault."""

    def __init__(self, door: GrpcDoor | None, url: str) -> None:
        self._door = door
        self.url = url

    def start(self, app: Any) -> None:  # what uvicorn serves: anything
        """Answer from here on, for the services of an application that has started."""
        if self._door is not None:
            self._door.start(app.state.services)

    def stop(self) -> None:
        """Wait for the calls under way, then close."""
        if self._door is not None:
            self._door.stop()


def open_door(settings: Settings, address: str, port: int | None, *, welcome: bool) -> Door | None:
    """A door on the port that is asked for; without one, on `GRPC_PORT` where that is `welcome` and can be.

    Raises `GatewayFault` in words when what was asked for cannot be.
    """
    installed = find_spec("grpc") is not None
    if port is None:
        if not (welcome and installed):
            return None
        try:
            return _opened(settings, address, GRPC_PORT)
        except GatewayFault:
            return Door(None, "")
    if not installed:
        raise GatewayFault("taking OTLP over gRPC needs one package more: pip install 'sojourn[grpc]'")
    return _opened(settings, address, port)


def _opened(settings: Settings, address: str, port: int) -> Door:
    from sojourn_gateway.apis.otlp_grpc import GrpcDoor

    if port:
        # A taken port is told in our words; the library would write lines of its own.
        for found in listen(address, port):
            found.close()
    door = GrpcDoor(settings.max_body_bytes)
    bound = door.bind(address, port)
    return Door(door, f"http://localhost:{bound}")
