"""Writes what the cross-check compares into `docs/crosscheck.md`.

python -m tests.gateway.crosscheck.page
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.conftest import ROOT
from tests.gateway.crosscheck.facts import FACTS
from tests.gateway.crosscheck.matrix import READERS, WRITERS, compared, is_quick

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.gateway.crosscheck.door import Reader, Writer
    from tests.gateway.crosscheck.facts import Fact

__all__ = ["PAGE", "page"]

PAGE: Final = ROOT / "docs" / "crosscheck.md"

_PAGE: Final = """\
# The same session through every door

<!-- Written by `python -m tests.gateway.crosscheck.page` from tests/gateway/crosscheck. -->

One story is told through each way in, as far as that way can tell it: two turns, two calls of a model with a price,
one of them reported, a tool that works, a tool that fails, a name, a user, tags, an end. Each contract then reads it
back, and must say what all others say. Costs are compared to six decimals, times to the millisecond.

## Written by, read through

How many of the {facts} facts are compared, and are the same. `make test` runs those in bold, `make soak` all.
`-`: a trace without a session's id is a session by itself, and no thread.

{matrix}

## What is compared

`=` is compared; a letter stands for a fact that the contract has no words for.

{facts_table}

{reasons}

## What a way in cannot say

{writers}
"""


def page() -> str:
    """What the page must say."""
    letters = _letters()
    return _PAGE.format(
        facts=len(FACTS),
        matrix=_table(
            ["", *(writer.name for writer in WRITERS)],
            ([reader.name, *(_cell(writer, reader) for writer in WRITERS)] for reader in READERS),
        ),
        facts_table=_table(
            ["", *FACTS],
            (
                [reader.name, *(letters[reader.unsaid[fact]] if fact in reader.unsaid else "=" for fact in FACTS)]
                for reader in READERS
            ),
        ),
        reasons="\n".join(f"- {letter}: {reason}" for reason, letter in letters.items()),
        writers="\n".join(_unsaid()),
    )


def _cell(writer: Writer, reader: Reader) -> str:
    number = len(compared(writer, reader)) or "-"
    return f"**{number}**" if is_quick(writer, reader) else str(number)


def _unsaid() -> Iterable[str]:
    for writer in WRITERS:
        told: Mapping[Fact, str] = {**writer.unsaid, **writer.outside_traces, **writer.apart}
        if told:
            yield f"- {writer.name}: " + "; ".join(f"{fact} ({why})" for fact, why in told.items())


def _letters() -> dict[str, str]:
    """Each reason once, in the order in which it first comes up."""
    reasons = dict.fromkeys(why for reader in READERS for fact in FACTS if (why := reader.unsaid.get(fact)))
    return {reason: chr(ord("a") + number) for number, reason in enumerate(reasons)}


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    named = list(heads)
    lines = [f"| {' | '.join(named)} |", f"|{'---|' * len(named)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
