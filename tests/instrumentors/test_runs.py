"""Runs of callback libraries: bounded, forgotten when they end, and calm about ends that nobody began."""

from __future__ import annotations

from sojourn.content import ContentPolicy
from sojourn_instrumentors._kit import Runs, Step
from sojourn_instrumentors._kit.observation import Tracing
from tests.instrumentors.observed import Observed


def runs(observed: Observed, limit: int) -> Runs:
    return Runs(Tracing(observed.provider.get_tracer("test"), ContentPolicy()), limit)


def test_runs_that_never_end_do_not_pile_up() -> None:
    observed = Observed()
    open_runs = runs(observed, 3)
    for number in range(10):
        open_runs.start(number, None, Step(str(number), kind="chain"))

    assert len(open_runs) == 3
    assert [seen.name for seen in observed.all()] == [str(number) for number in range(7)]
    assert {seen["sojourn.stream.abandoned"] for seen in observed.all()} == {True}


def test_ended_runs_are_forgotten_and_unknown_ones_are_ignored() -> None:
    observed = Observed()
    open_runs = runs(observed, 3)
    open_runs.start("a", None, Step("a", kind="chain"))
    open_runs.hide("h", "a")
    open_runs.start("b", "h", Step("b", kind="chain"))
    for run in ("b", "h", "a", "a", "never"):
        open_runs.end(run, lambda _: None)

    assert len(open_runs) == 0
    assert observed.one().outline() == ["a", "b"]
