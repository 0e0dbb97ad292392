"""The names that programs use are public."""

from __future__ import annotations

import sojourn
from tests.typing import public_names


def test_every_name_that_a_typed_program_uses_is_promised() -> None:
    used = {function.__name__ for function in public_names.SURFACE}
    used |= {"Session", "ActionEvent", "LLMEvent", "ToolEvent", "ErrorEvent", "EndState"}

    assert used <= set(sojourn.__all__)
