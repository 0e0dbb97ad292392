"""Where batches lie until the engine has them: written whole, kept until the insert returned, replayed at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from sojourn_gateway.engine.backend import Signal, Unwritten

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn.home import Home

__all__ = ["Staging", "parts_of"]

_PART: Final = 0x0A


class Staging:
    """The folder of staged files."""

    def __init__(self, home: Home) -> None:
        self._folder = home.make(home.staging)

    def write(self, signal: Signal, commit: int, envelope: bytes) -> Path:
        """A file that is whole as soon as it has its name. Raises `Unwritten` when the disk refuses it."""
        path = self._folder / f"{commit:020d}.{signal}"
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(envelope)
            fresh.replace(path)
        except OSError as fault:
            # What there is of it takes room that others need.
            fresh.unlink(missing_ok=True)
            raise Unwritten(f"a batch could not be put on the disk: {fault.strerror}") from fault
        return path

    def left(self) -> list[tuple[Signal, Path]]:
        """What an earlier process did not finish, oldest first. Torn files are removed: nobody was told of them."""
        for path in self._folder.glob("*.new"):
            path.unlink()
        signals: tuple[Signal, ...] = get_args(Signal)
        paths = sorted(self._folder.iterdir())
        return [(signal, path) for path in paths for signal in signals if path.suffix == f".{signal}"]


def parts_of(envelope: bytes) -> list[bytes]:
    """The parts of an envelope, each an envelope of its own."""
    parts: list[bytes] = []
    at = 0
    while at < len(envelope) and envelope[at] == _PART:
        begin, length, shift = at, 0, 0
        at += 1
        while True:
            byte = envelope[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        at += length
        parts.append(envelope[begin:at])
    return parts
