"""Cassettes: where they lie and what they hold. The demo's are part of its package; all others lie in `cassettes/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from sojourn_gateway.demo.exchange import RECORDINGS, Exchange, Sums, parse, sums

__all__ = ["CASSETTES", "Exchange", "Sums", "cassettes", "load", "path_of", "sums"]

CASSETTES: Final = Path(__file__).resolve().parents[2] / "cassettes"
_DEMO: Final = "demo/"


def cassettes() -> list[str]:
    """The names of all cassettes (`openai/chat_plain`, `demo/researcher`), in order."""
    kept = [str(path.relative_to(CASSETTES).with_suffix("")) for path in CASSETTES.glob("*/*.yaml")]
    return sorted([*kept, *(_DEMO + path.stem for path in RECORDINGS.glob("*.json"))])


def path_of(name: str) -> Path:
    """The file of a cassette, there or not."""
    return RECORDINGS / f"{name.removeprefix(_DEMO)}.json" if name.startswith(_DEMO) else CASSETTES / f"{name}.yaml"


def load(name: str) -> tuple[Exchange, ...]:
    """The exchanges of a cassette in the order in which they ended. Raises OSError when there is none of that name."""
    path = path_of(name)
    kept: Any = json.loads(path.read_bytes()) if path.suffix == ".json" else yaml.safe_load(path.read_bytes())
    return parse(kept)
