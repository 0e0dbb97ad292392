"""Our own recordings of a local model, replayed through every shape of call: the span says what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instrumentors.anthropic.recorded import Exchange
from tests.instrumentors.anthropic.test_real_recordings import compare
from tests.replay import BASE_URL, recorded, replaying
from tools.recordings.anthropic_shapes import SHAPES

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed
    from tools.recordings.shape import Shape


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_span_says_what_was_recorded(shape: Shape, observed: Observed) -> None:
    with replaying(shape.name):
        shape.run(BASE_URL)

    [kept] = recorded(shape.name)
    kind = kept.headers.get("content-type", "application/json")
    path = kept.path.removeprefix("/nowhere")
    compare(observed.one(), Exchange(path, False, kept.request, kept.status, kind, kept.body))
