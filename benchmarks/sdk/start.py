"""What `import sojourn; sojourn.init()` costs, against importing what it needs of OpenTelemetry.

    python -m benchmarks.sdk.start

Each program runs in an interpreter of its own, in turn. The figure to compare is the ratio, of CPU: absolute times are
the machine's, and the clock counts what else runs on it.
"""

from __future__ import annotations

import statistics

from benchmarks.sdk.programs import at_home, cpu_and_wall

RUNS = 15
BARE = "pass"
NEEDED = """
import opentelemetry.trace
import opentelemetry.sdk.trace, opentelemetry.sdk.resources, opentelemetry.sdk.trace.sampling
import opentelemetry.exporter.otlp.proto.common.trace_encoder
import opentelemetry.proto.collector.logs.v1.logs_service_pb2
"""
BY_HAND = (
    NEEDED
    + """
opentelemetry.trace.set_tracer_provider(opentelemetry.sdk.trace.TracerProvider())
opentelemetry.trace.get_tracer("by hand")
"""
)
OURS = "import sojourn\nsojourn.init()"
PROGRAMS = {
    "a bare program": BARE,
    "import what is needed of OpenTelemetry": NEEDED,
    "the same, and a provider by hand": BY_HAND,
    "import sojourn": "import sojourn",
    "import sojourn; sojourn.init()": OURS,
}


def main() -> None:
    """Measure and print."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    with at_home():
        for body in PROGRAMS.values():
            cpu_and_wall(body)
        for _ in range(RUNS):
            for name, body in PROGRAMS.items():
                taken[name].append(cpu_and_wall(body))
    needed = [cpu for cpu, _ in taken["import what is needed of OpenTelemetry"]]
    print(f"{'median of ' + str(RUNS) + ' runs':42} {'CPU ms':>8} {'clock ms':>9} {'ratio of CPU':>13}")
    for name, both in taken.items():
        ratio = statistics.median(cpu / base for (cpu, _), base in zip(both, needed, strict=True))
        cpu, wall = (statistics.median(column) * 1e3 for column in zip(*both, strict=True))
        print(f"{name:42} {cpu:8.1f} {wall:9.1f} {ratio:13.2f}")


if __name__ == "__main__":
    main()
