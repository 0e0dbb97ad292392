"""How a session ended."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["EndState", "is_success", "parse_end_state"]


class EndState(str, Enum):  # noqa: UP042  # StrEnum has another repr and format than programs of AgentOps know
    """The three ends that every product behind our gateway knows."""

    SUCCESS = "Success"
    FAIL = "Fail"
    INDETERMINATE = "Indeterminate"

    def __str__(self) -> str:
        return self.value


# "Failure" is what AgentOps documents, "Fail" what its server takes; both mean the same to a person.
_SPELLINGS: Final = {
    "success": EndState.SUCCESS,
    "succeeded": EndState.SUCCESS,
    "ok": EndState.SUCCESS,
    "fail": EndState.FAIL,
    "failed": EndState.FAIL,
    "failure": EndState.FAIL,
    "error": EndState.FAIL,
    "indeterminate": EndState.INDETERMINATE,
    "unknown": EndState.INDETERMINATE,
    # What AgentOps 0.4 and OpenTelemetry call the state of a trace that nobody judged, or that its program left open.
    "unset": EndState.INDETERMINATE,
    "shutdown": EndState.INDETERMINATE,
    "reinitialized": EndState.INDETERMINATE,
}


def parse_end_state(given: object) -> EndState:
    """An end state as a program writes it: ours, another library's enum member, or text in any case.

    Raises ValueError naming the three that are understood.
    """
    value: object = given
    if isinstance(given, Enum):
        # OpenTelemetry numbers its states, and names them as people do.
        value = given.value if isinstance(given.value, str) else given.name
    if isinstance(value, str):
        found = _SPELLINGS.get(value.strip().lower().rpartition(".")[2])
        if found is not None:
            return found
    raise ValueError(f"end_state is {given!r}; it must be 'Success', 'Fail' or 'Indeterminate'")


def is_success(error: BaseException) -> bool:
    """Whether what leaves a block by an exception has gone well: leaving with status 0 is a way to be done."""
    return isinstance(error, SystemExit) and (error.code is None or (type(error.code) is int and error.code == 0))
