"""Writes the table of settings, which stands in the docstrings of the code, into `docs/settings.md` and the README.

python -m tools.settings_table
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sojourn import settings

__all__ = ["PAGE", "README", "page", "readme", "table"]

_ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = _ROOT / "docs" / "settings.md"
README: Final = _ROOT / "README.md"

_PAGE: Final = """\
# Settings

<!-- Written by `python -m tools.settings_table` from core/sojourn/settings.py. -->

An argument of `init` beats its variable, the variable beats the default. A wrong value raises at once, in words
that say what would be right. An empty variable is one that is not set. What has no variable can only be said by the
program, what has no argument only by whoever runs it.

{table}

{rest}

The gateway has settings of its own: `SOJOURN_PORT` (9418) and `SOJOURN_MAX_BODY_BYTES`, the largest request that it
takes (64 MiB). `SOJOURN_ENGINE` is the address of [a ClickHouse server](clickhouse.md) that keeps everything instead of
the gateway's own process. `SOJOURN_GRPC_PORT` opens a port for [OTLP over gRPC](sending.md).
`SOJOURN_ANALYSIS` moves the bounds of [the analysis of a session](analysis.md), as in `slow_ms=500,retries=5`.
[The life of what is stored](keeping.md) has those of how long it is kept.
[Keys and projects](keys.md) has those of who may ask, how often, and where keys are kept.

## Limits

`max_cost` (US dollars), `max_tokens` (input and output) and `max_calls` hold for each session by itself;
`start_session` takes them too, for one session. A model call asks before its request leaves: when a limit is
reached, `on_limit` decides. `"raise"` raises `sojourn.LimitReached`, which tells `limit`, `maximum`, `reached` and
`session_id`, in place of the call. `"warn"` says so once in the log, and the call is made. A function is called
with the `LimitReached`, and may raise it, or anything else.

What this process did counts, not what other processes do in the same session. Calls count as they start, so that
many at once do not slip through together; tokens and cost are known when a call has ended, so calls under way may
exceed those limits by what they use. A model whose price is unknown counts as free, which is said once.

## Redaction

    sojourn.init(redact=[EMAIL, API_KEY, my_own_function])

Each function of `redact` is given each text that would be recorded, by itself: every message, every argument of a
tool, every key of an object, what errors say, stack traces, log lines, names, tags and reasons. It returns the text
to record. One that raises, or returns no text, has its text withheld; the program goes on. `sojourn.redaction` has
`EMAIL`, `PHONE`, `CARD`, `SSN`, `IP_ADDRESS`, `API_KEY`, and `create_pii_masker(...)`, which makes one function of
several. Attributes that other instrumentations wrote on spans of your own tracer provider pass them as well.

With `SOJOURN_CAPTURE_CONTENT=off` the type of an error is recorded, and neither its message nor its stack trace,
since providers quote the prompt in what they refuse. `lengths` keeps the length of the message.

## Sampling

A session is recorded or not as a whole, and all its processes decide alike, by its id. What is not recorded is
still counted: `get_analytics`, the cost, and the limits. Spans of your own tracer provider are sampled by that
provider alone.

## Log lines

`capture_logs` takes every line that a logger of the program accepts, so its levels decide first; `True` takes all
of those, a level takes those from it on. Handlers, levels and filters stay as they are.
"""


def table() -> str:
    """The table as the code has it."""
    return "\n".join(line for line in _docstring() if line.startswith("|"))


def page() -> str:
    """What `docs/settings.md` must say."""
    lines = _docstring()
    last = max(number for number, line in enumerate(lines) if line.startswith("|"))
    return _PAGE.format(table=table(), rest="\n".join(lines[last + 1 :]).strip())


def readme() -> str:
    """What the README must say."""
    return re.sub(
        r"^\| argument \| variable \|.*?\n(?!\|)", lambda _: f"{table()}\n", _readme(), flags=re.DOTALL | re.MULTILINE
    )


def _readme() -> str:
    return README.read_text("utf-8")


def _docstring() -> list[str]:
    return (settings.__doc__ or "").splitlines()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    README.write_text(readme(), "utf-8")
