"""Content that is put into words behind the program: a snapshot is taken at once, its text is made on our own thread.

To write a conversation as JSON costs the program more than all else that is recorded of a call. So the kit takes a
snapshot, which is cheap, and hands it to a span that holds it; the recorder's thread asks for the text before the span
goes into the journal. A span that somebody else will see holds nothing: its content is put into words at once.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

from sojourn import faults
from sojourn.content import WITHHELD, ContentPolicy, is_redacting

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.content import Capture

__all__ = ["Holder", "Later", "snapshot"]


class Later:
    """A piece of content as it was when it was recorded, and the rules that held then."""

    __slots__ = ("_capture", "_kept", "_redactors", "_said", "size")

    def __init__(self, kept: bytes | str, capture: Capture, redactors: tuple[Callable[[str], str], ...]) -> None:
        self._kept: bytes | str | None = kept
        self._capture: Capture = capture
        self._redactors = redactors
        self._said: str | None = None
        self.size = len(kept)
        """About how many bytes it takes while it waits."""

    @property
    def waits(self) -> bool:
        """Whether it is not in words yet."""
        return self._kept is not None

    @property
    def said(self) -> str | None:
        """What it says as far as it is in words already."""
        return self._said

    def withhold(self) -> None:
        """Record none of it: it waited too long, or there is no room for it."""
        if self._kept is not None:
            self._said, self._kept = WITHHELD, None

    def text(self) -> str | None:
        """What is recorded of it; None when nothing is, or when a fault of ours was in the way, which is counted.

        Made once: a span that was told while it was open says the same at its end.
        """
        kept = self._kept
        if kept is None:
            return self._said
        said: str | None = None
        try:
            policy = ContentPolicy(self._capture, self._redactors)
            # What we wrote ourselves a moment ago, in this process, and nothing but plain values.
            said = policy.render_text(kept) if isinstance(kept, str) else policy.render(pickle.loads(kept))  # noqa: S301
        except Exception as fault:  # noqa: BLE001  # its span goes out without it
            faults.note("content", fault)
        except BaseException:
            # A redactor raises what it likes. It is not asked again, since what waits behind would wait for ever.
            self.withhold()
            raise
        # A redactor that has everything written, this included, is told that it is withheld; it is asked for it still.
        if not is_redacting():
            self._said, self._kept = said, None
        return said


class Holder:
    """A span that takes content which is not in words yet, since only our recorder will see it."""

    def hold(self, name: str, content: Later) -> None:
        """Keep it under the name of an attribute, in place of what was there."""
        raise NotImplementedError


def snapshot(policy: ContentPolicy, value: Any) -> Later | None:
    """What is content now, whatever becomes of the lists, dicts and objects that it is made of.

    None for what cannot be copied cheaply and exactly: objects of any class but Python's own plain ones, of which only
    their words are known. Those are to be rendered at once.
    """
    # The texts of a redactor's own calls are withheld, which nobody would know later and elsewhere.
    if policy.redactors and is_redacting():
        return None
    if type(value) is str:  # what an object says of its class may be made up
        return Later(value, policy.capture, policy.redactors)
    copied = io.BytesIO()
    try:
        # The copy is made in C and in one go, so that other threads cannot change it half way. Of two candidates more,
        # `marshal` takes a number of numpy's for bytes, and a copy by hand takes three times as long.
        _Plain(copied, pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception:  # noqa: BLE001  # not plain, nested too deeply, changed meanwhile: whatever it is, it is no copy
        return None
    return Later(copied.getvalue(), policy.capture, policy.redactors)


class _Plain(pickle.Pickler):
    """Copies values of Python's own plain types, and refuses all others: no code but Python's runs meanwhile."""

    def reducer_override(self, obj: object) -> Any:  # asked about everything that is not of such a type
        raise pickle.PicklingError(type(obj).__name__)
