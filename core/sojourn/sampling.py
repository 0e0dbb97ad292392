"""Which sessions are recorded, when not all of them are."""

from __future__ import annotations

__all__ = ["is_sampled"]


def is_sampled(session_id: str, rate: float) -> bool:
    """Whether the session is among the share `rate` (0 to 1) of all sessions.

    Decided by the id alone, so that all processes of a session agree; one that is recorded at a rate is recorded at
    every higher rate.
    """
    if rate >= 1:
        return True
    # Costs some milliseconds, which programs that record everything need not pay.
    from hashlib import sha256

    place = int.from_bytes(sha256(session_id.encode("utf-8", "replace")).digest()[:8], "big")
    return place < rate * 2**64
