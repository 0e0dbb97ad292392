"""Writes the table of libraries, which the instrumentors declare, into the README.

python -m tools.libraries_table
"""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Instrumentor

__all__ = ["README", "catalogue", "readme", "table"]

README: Final = Path(__file__).resolve().parent.parent / "README.md"

_HEAD: Final = "| library | releases tested | what is observed |\n|---|---|---|"
_BY_HAND: Final = "| anything | - | actions, model calls, tool calls, errors: by hand, below |"


def catalogue() -> tuple[Instrumentor, ...]:
    """The instrumentors of this distribution, by the name of their library."""
    ours = [
        entry
        for entry in entry_points(group="sojourn.instrumentors")
        if entry.module.startswith("sojourn_instrumentors.")
    ]
    return tuple(sorted((entry.load() for entry in ours), key=lambda one: one.requires))


def table() -> str:
    """The table as the code has it."""
    rows: list[str] = []
    for instrumentor in catalogue():
        distribution, oldest = (part.strip() for part in instrumentor.requires.split(">="))
        rows.append(f"| `{distribution}` | {oldest} to {instrumentor.newest} | {instrumentor.surfaces} |")
    return "\n".join([_HEAD, *rows, _BY_HAND])


def readme() -> str:
    """What the README must say."""
    return re.sub(
        r"^\| library \| .*?\n(?!\|)",
        lambda _: f"{table()}\n",
        README.read_text("utf-8"),
        count=1,
        flags=re.DOTALL | re.MULTILINE,
    )


if __name__ == "__main__":
    README.write_text(readme(), "utf-8")
