"""`sojourn import`: files of other products and exporters, and what became of them."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from sojourn_gateway import wording
from sojourn_gateway.keeping.importing import read_file
from sojourn_gateway.keeping.made import Left

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from sojourn_gateway.command.output import Output
    from sojourn_gateway.command.stores import Store
    from sojourn_gateway.keeping.importing import Grades
    from sojourn_gateway.keeping.made import Request

__all__ = ["take_in"]

_SHOWN: Final = 10
"""Reasons that are told of a file; the rest is a number."""
_AT_ONCE: Final = 128 * 1024
"""Bytes that are unpacked at once."""


def take_in(store: Store, output: Output, files: list[Path]) -> int:
    """Take files in and say what was taken and what was left out.

    1 when there was a file of which nothing was taken, or one that is damaged.
    """
    told = [_take_in(store, path) for path in files]
    if output.json:
        output.print_json(told)
    else:
        for one in told:
            _print(one)
    return 1 if any(one["unread"] or one["damaged"] or (not _taken(one) and one["left_out"]) for one in told) else 0


def _take_in(store: Store, path: Path) -> dict[str, Any]:
    left: list[dict[str, Any]] = []
    number = 0
    damaged = False
    unread = ""

    def kept() -> Iterator[Request | Grades]:
        nonlocal number, damaged, unread
        try:
            with _opened(path) as (file, inflated):
                for item in read_file(file, path.name):
                    if not isinstance(item, Left):
                        yield item
                        continue
                    number += 1
                    damaged = damaged or item.damaged
                    if len(left) < _SHOWN:
                        left.append({"place": item.place, "why": item.why, "records": 1})
                if inflated is not None and inflated.fault:
                    number, damaged = number + 1, True
                    why = f"its compression is broken: {inflated.fault}"
                    left.append({"place": "the rest of the file", "why": why, "records": 1})
        except OSError as fault:
            # The other files are taken in, and told of, all the same.
            unread = (
                "there is no such file" if isinstance(fault, FileNotFoundError) else f"cannot be read: {fault.strerror}"
            )

    told = store.take_in(kept())
    number += told["left_out"]
    left += told["reasons"]
    counts = {name: told[name] for name in ("spans", "logs", "scores")}
    return {"file": str(path), **counts, "left_out": number, "reasons": left, "damaged": damaged, "unread": unread}


def _print(told: dict[str, Any]) -> None:
    kinds = (("spans", "span"), ("logs", "log record"), ("scores", "score"))
    parts = [wording.plural(told[name], one) for name, one in kinds if told[name]]
    if told["unread"]:
        print(wording.printable(f"{told['file']}: {told['unread']}"), file=sys.stderr)
    if parts or not told["unread"]:
        print(wording.printable(f"{told['file']}: {', '.join(parts) or 'nothing'} taken in"))
    if not told["left_out"]:
        return
    print(f"  {wording.plural(told['left_out'], 'record')} left out:", file=sys.stderr)
    for reason in told["reasons"]:
        print(wording.printable(f"    {reason['place']}: {wording.excerpt(reason['why'], 200)}"), file=sys.stderr)
    more = told["left_out"] - sum(reason["records"] for reason in told["reasons"])
    if more:
        print(f"    ... and {more} more", file=sys.stderr)


def _taken(told: dict[str, Any]) -> int:
    return sum(told[name] for name in ("spans", "logs", "scores"))


class _Inflated(io.RawIOBase):
    """What a file unpacks to; where its compression is broken it ends, so that what stands before is read whole."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        super().__init__()
        self._packed = packed
        self.fault = ""
        """What is wrong with it, once that was met."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._packed.seek(offset, whence)

    def tell(self) -> int:
        return self._packed.tell()

    def readinto(self, buffer: Any, /) -> int:  # whatever can be written to
        try:
            # Not `read`, which drops what it has when more cannot be had.
            piece = self._packed.read1(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
            self.fault = str(fault)
            return 0
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _opened(path: Path) -> Generator[tuple[IO[bytes], _Inflated | None]]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file, mode="rb") as whole:
                inflated = _Inflated(whole)
                yield io.BufferedReader(inflated, _AT_ONCE), inflated
        else:
            yield file, None
