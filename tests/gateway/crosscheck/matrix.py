"""All writers and all readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.gateway.crosscheck.facts import FACTS
from tests.gateway.crosscheck.readers_agentops import AGENTOPS_READERS
from tests.gateway.crosscheck.readers_agentuity import AGENTUITY_READERS
from tests.gateway.crosscheck.readers_kore import KORE_READERS
from tests.gateway.crosscheck.readers_ours import OUR_READERS
from tests.gateway.crosscheck.writers_agentops import AGENTOPS_WRITERS
from tests.gateway.crosscheck.writers_agentuity import AGENTUITY_WRITERS
from tests.gateway.crosscheck.writers_otlp import OTLP_WRITERS
from tests.gateway.crosscheck.writers_programs import PROGRAM_WRITERS

if TYPE_CHECKING:
    from tests.gateway.crosscheck.door import Reader, Writer
    from tests.gateway.crosscheck.facts import Fact

__all__ = ["READERS", "WRITERS", "compared", "is_quick"]

_WHOLE: Final = ("otlp", "agentops-v2")
"""Writers that every reader reads in `make test`: a session of several traces with all facts, and one of one trace."""
_FIRST: Final = ("v1-session", "v2-export", "agentuity-sessions", "kore-metrics")
"""Readers, one of each contract, that read what all writers but the judges wrote there."""

WRITERS: Final[tuple[Writer, ...]] = (
    *PROGRAM_WRITERS[:1],
    *OTLP_WRITERS,
    *AGENTUITY_WRITERS,
    *AGENTOPS_WRITERS,
    *PROGRAM_WRITERS[1:],
)
READERS: Final[tuple[Reader, ...]] = (*OUR_READERS, *AGENTOPS_READERS, *AGENTUITY_READERS, *KORE_READERS)
"""The first one is the one that all others are compared with."""


def compared(writer: Writer, reader: Reader) -> list[Fact]:
    """The facts that a reader must tell of what a writer wrote as everybody else does."""
    if reader.of_named and writer.is_implicit:
        return []
    left_out = {*reader.unsaid, *writer.apart, *(writer.outside_traces if reader.of_traces else ())}
    return [fact for fact in FACTS if fact not in left_out]


def is_quick(writer: Writer, reader: Reader) -> bool:
    """Whether the pair is part of `make test`; the others, and vendors' own clients, of `make soak`."""
    return not writer.is_judge and (writer.id in _WHOLE or reader.id in _FIRST)
