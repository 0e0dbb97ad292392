"""Files that belong to a session: named by the path where they lie; bytes are put into the home first."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sojourn import faults, semconv

if TYPE_CHECKING:
    from sojourn.current import Stamp
    from sojourn.home import Home

__all__ = ["attachment"]


def attachment(name: str, content: str | os.PathLike[str] | bytes, home: Home | None) -> dict[str, Stamp]:
    """What is told of an attachment. Raises FileNotFoundError for a path with no file, TypeError for other content.

    Bytes are kept once, under the checksum that names them. `home` is None when nothing is to be kept.
    """
    facts: dict[str, Stamp] = {semconv.SESSION_ATTACHMENT_NAME: name}
    if isinstance(content, bytes | bytearray | memoryview):
        data = bytes(content)
        digest = sha256(data).hexdigest()
        facts |= {semconv.SESSION_ATTACHMENT_SIZE: len(data), semconv.SESSION_ATTACHMENT_SHA256: digest}
        path = None if home is None else _keep(data, digest, home)
        if path is not None:
            facts[semconv.SESSION_ATTACHMENT_PATH] = str(path)
        return facts
    if not isinstance(content, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise TypeError(f"attach takes the path of a file, or bytes, not {type(content).__name__}")
    path = Path(content).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"attach was given {str(path)!r}, and there is no such file; text is given as bytes")
    facts |= {semconv.SESSION_ATTACHMENT_SIZE: path.stat().st_size, semconv.SESSION_ATTACHMENT_PATH: str(path)}
    return facts


def _keep(data: bytes, digest: str, home: Home) -> Path | None:
    path = home.attachments / digest
    if path.exists():
        return path
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        home.make(home.attachments)
        with open(fresh, "wb", opener=_private) as file:
            file.write(data)
        fresh.replace(path)
    except OSError as fault:
        faults.trouble("attachments", f"an attachment could not be kept in {home.attachments} ({fault})")
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        return None
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
