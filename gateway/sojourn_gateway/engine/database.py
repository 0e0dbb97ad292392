"""The name of the engine's database."""

from __future__ import annotations

from typing import Final

__all__ = ["DATABASE"]

DATABASE: Final = "sojourn"
