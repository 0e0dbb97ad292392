"""Where sojourn keeps data on this machine; SDK, gateway and command must agree on it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Gateway", "Home", "UnknownHomeError"]


class UnknownHomeError(OSError, ValueError):
    """`SOJOURN_HOME` names the folder of a user whom this machine does not know."""


class Gateway(NamedTuple):
    """A gateway that said, in `gateway.json`, that it serves this home. It may have died since."""

    url: str
    pid: int


class Home(NamedTuple):
    """The folder that holds journals, the embedded engine and the address of the running gateway."""

    root: Path

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Home:
        """`$SOJOURN_HOME`, else the platform's folder for data of the user. Nothing is created.

        Raises UnknownHomeError in words that say what to do.
        """
        if chosen := environ.get("SOJOURN_HOME"):
            try:
                return cls(Path(chosen).expanduser().absolute())
            except RuntimeError:
                raise UnknownHomeError(
                    f"SOJOURN_HOME is {chosen!r}, and this machine knows no home folder of that user; "
                    "write the path of a folder in full"
                ) from None
        try:
            if sys.platform == "win32":
                return cls(Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "sojourn")
            if sys.platform == "darwin":
                return cls(Path.home() / "Library/Application Support/sojourn")
            return cls(Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "sojourn")
        except RuntimeError:
            # A user without a folder, as in containers: nothing can be made below this, and so memory stands in.
            return cls(Path(os.devnull) / "sojourn")

    @property
    def journals(self) -> Path:
        """Files of each recording process; see `sojourn.journal`."""
        return self.root / "journal"

    @property
    def refused(self) -> Path:
        """What an endpoint called malformed, each with its reason beside it."""
        return self.root / "refused"

    @property
    def engine(self) -> Path:
        """The embedded engine's folder, of one process at a time."""
        return self.root / "engine"

    @property
    def staging(self) -> Path:
        """Where batches lie while the engine reads them."""
        return self.root / "staging"

    @property
    def attachments(self) -> Path:
        """Files that programs attached to sessions as bytes, named by their SHA-256."""
        return self.root / "attachments"

    def make(self, folder: Path) -> Path:
        """Create a folder of this home, private to the user. Raises OSError when that cannot be."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def gateway(self) -> Gateway | None:
        """The gateway named in `gateway.json`, or None. Whether it lives is for the caller to find out."""
        try:
            said = json.loads((self.root / "gateway.json").read_text("utf-8"))
            return Gateway(url=str(said["url"]), pid=int(said["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def announce(self, gateway: Gateway) -> None:
        """Write `gateway.json`, whole or not at all."""
        self.make(self.root)
        fresh = self.root / f"gateway.json.{os.getpid()}"
        fresh.write_text(json.dumps(gateway._asdict()), "utf-8")
        fresh.replace(self.root / "gateway.json")

    def withdraw(self, gateway: Gateway) -> None:
        """Remove `gateway.json` if it still names this gateway."""
        if self.gateway() == gateway:
            (self.root / "gateway.json").unlink(missing_ok=True)
