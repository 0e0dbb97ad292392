"""What recording by hand costs the thread that records, against a span that is written by hand with OpenTelemetry.

    python -m benchmarks.sdk.record

CPU of the caller's thread alone, in bursts that the writing thread keeps up with. All in one run, in turn, so that the
ratios hold whatever the machine; the microseconds are this machine's.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

import sojourn
from benchmarks.sdk.programs import at_home

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 1_000
ROUNDS = 25
PARAMS = {"city": "Paris", "days": 3}
RETURNS = "sunny"
REACH_US = 30


def by_hand() -> Callable[[], None]:
    """The span that a careful person would write for one action."""
    tracer = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False).get_tracer("by hand")

    def work() -> None:
        with tracer.start_as_current_span("look up") as span:
            span.set_attribute("session.id", "3f1c")
            span.set_attribute("step.kind", "action")
            span.set_attribute("step.input", json.dumps(PARAMS))
            span.set_attribute("step.output", RETURNS)

    return work


def works() -> dict[str, Callable[[], object]]:
    """Each way to record one step."""
    event = sojourn.ActionEvent("look up", params=PARAMS, returns=RETURNS)

    @sojourn.operation
    def look_up(city: str, days: int) -> str:
        return RETURNS if city and days else ""

    def step() -> None:
        with sojourn.span("look up") as made:
            made.set_input(PARAMS)
            made.set_output(RETURNS)

    return {
        "a span by hand, with OpenTelemetry alone": by_hand(),
        "record(event)": lambda: sojourn.record(event),
        "record(ActionEvent(...)), made as well": lambda: sojourn.record(
            sojourn.ActionEvent("look up", params=PARAMS, returns=RETURNS)
        ),
        "record(LLMEvent(...)), made as well": lambda: sojourn.record(
            sojourn.LLMEvent(model="m", prompt="Hello", completion="Hi", prompt_tokens=1, completion_tokens=1)
        ),
        "with sojourn.span(...)": step,
        "a call of a function under @operation": lambda: look_up("Paris", 3),
    }


def caller_us(work: Callable[[], object]) -> float:
    """Microseconds of the caller's CPU, the least of some bursts."""
    least = float("inf")
    for _ in range(ROUNDS):
        sojourn.flush(0)
        begun = time.thread_time()
        for _ in range(BURST):
            work()
        least = min(least, time.thread_time() - begun)
    return least / BURST * 1e6


def main() -> None:
    """Measure and print."""
    with at_home():
        sojourn.init()
        taken = {name: caller_us(work) for name, work in works().items()}
        base = next(iter(taken.values()))
        print(f"{'CPU of the caller, reach ' + str(REACH_US) + ' us for record(event)':48} {'us':>7} {'ratio':>6}")
        for name, microseconds in taken.items():
            print(f"{name:48} {microseconds:7.1f} {microseconds / base:6.2f}")
        print(f"{'dropped':48} {sojourn.health().dropped:7}")
        sojourn.shutdown()


if __name__ == "__main__":
    main()
