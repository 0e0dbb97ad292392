"""Where a command writes: a table for a person, JSON for a program."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from sojourn_gateway import wording

__all__ = ["Output", "words"]


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output, in one of two languages."""

    json: bool

    def print_json(self, value: Any) -> None:
        """One JSON value."""
        print(json.dumps(value, indent=2, ensure_ascii=not _speaks_unicode()))

    def console(self) -> Console:
        """For tables and trees. Colour on a terminal only, never with `NO_COLOR`; a pipe has no narrow edge."""
        columns = os.environ.get("COLUMNS", "")
        width = None if sys.stdout.isatty() or columns.isdigit() else 140
        if width is None and columns.isdigit():
            width = shutil.get_terminal_size().columns
        return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def words(text: str, style: str = "") -> Text:
    """Text that was recorded: never taken for markup, and without characters that steer a terminal."""
    return Text(wording.printable(text), style=style)


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
