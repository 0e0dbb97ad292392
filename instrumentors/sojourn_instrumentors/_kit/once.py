"""Once: what several calls report alike, and only the first may count."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Once"]


@dataclass(slots=True)
class Once:
    """Remembers the last `limit` keys that it was asked about."""

    limit: int = 10_000
    _seen: dict[str, object] = field(default_factory=dict[str, object], repr=False)

    def first(self, key: str) -> bool:
        """Whether this key was not asked about before; of threads that ask together one hears yes."""
        mark = object()
        if self._seen.setdefault(key, mark) is not mark:
            return False
        if len(self._seen) > self.limit:
            self._seen.pop(next(iter(self._seen)), None)
        return True
