"""The bare `sojourn` command: hands over to the gateway's commands, or says how to get them."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

GROUP: Final = "sojourn.commands"

_MISSING: Final = """\
sojourn {version}

This installation records sessions; to see them here, install the gateway too:

    pip install 'sojourn[gateway]'

Then `sojourn dev` starts the dashboard, and `sojourn sessions` lists what was recorded.
What your programs have recorded so far is kept, and shows then.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["--version"], ["-V"]):
        print(f"sojourn {version('sojourn')}")
        return 0
    commands = _commands()
    if commands is not None:
        return commands(arguments)
    asked = not arguments or arguments[0] in ("-h", "--help", "help")
    print(_MISSING.format(version=version("sojourn")), end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 1


def _commands() -> Callable[[Sequence[str]], int] | None:
    """The gateway's commands; None when what they need is not installed."""
    for entry in entry_points(group=GROUP, name="gateway"):
        try:
            commands: Callable[[Sequence[str]], int] = entry.load()
        except ModuleNotFoundError as fault:
            # The gateway's own code is in every installation, its dependencies come with the extra.
            if fault.name is None or fault.name.partition(".")[0].startswith("sojourn"):
                raise
            return None
        return commands
    return None
