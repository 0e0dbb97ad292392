"""What users of other instrumentors complain about, and the tests that say it does not happen here."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from sojourn import semconv
from tests.conftest import ROOT
from tests.instrumentors.battery.catalogue import SUBJECTS, case_name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instrumentors.battery.stage import Stage
    from tests.instrumentors.battery.subject import Subject

BATTERY: Final = "tests/instrumentors/battery"
CORE: Final = "tests/core"
COMPLAINTS: Final = {
    "an update of the library kills the instrumentation without a word": (
        f"{BATTERY}/test_installing.py::test_a_place_that_a_release_moved_is_reported_and_stops_no_other",
        f"{BATTERY}/test_installing.py::test_a_release_that_is_too_old_is_left_alone_and_said",
        "tests/instrumentors/versions/test_versions.py::test_the_duties_hold_with_the_oldest_releases",
    ),
    "an update of OpenTelemetry kills the export without a word": (
        "tests/repo/test_borders.py::test_nobody_reaches_into_private_modules_of_opentelemetry",
        f"{CORE}/test_health.py::test_a_program_that_lost_something_says_so_once_at_its_end",
    ),
    "httpx is imported by the instrumentor, and another one by the client": (
        f"{BATTERY}/test_complaints.py::test_no_instrumentor_imports_what_its_library_sends_through",
    ),
    "a shared library renames an argument": (
        f"{BATTERY}/test_complaints.py::test_shared_libraries_are_not_called_by_names_of_arguments",
    ),
    "wrapped streams are no streams": (
        f"{BATTERY}/test_results.py::test_the_result_is_what_it_would_be",
        f"{BATTERY}/test_results.py::test_what_a_manager_gives_on_entry_is_what_it_would_be",
    ),
    "raw and streaming responses, parse and stream helpers break or are not seen": (
        f"{BATTERY}/test_ends.py::test_a_call_that_ends_well_says_what_it_used",
    ),
    "the span of a stream that is left never ends": (
        f"{BATTERY}/test_ends.py::test_a_stream_that_is_left_ends_its_span",
        f"{BATTERY}/test_ends.py::test_a_stream_that_nobody_reads_ends_its_span",
        "tests/instrumentors/test_streams_left.py::test_left_and_closed",
    ),
    "contexts that cannot be detached, traces in pieces": (
        "tests/instrumentors/test_counted_once.py::test_the_same_in_tasks_and_on_threads",
        f"{BATTERY}/test_context.py::test_calls_at_once_do_not_mix",
        "tests/instrumentors/langchain/test_parents.py::test_many_deep_graphs_at_once_do_not_mix",
    ),
    "the span stays current in the caller's context": (
        f"{BATTERY}/test_context.py::test_nothing_is_left_current_in_the_callers_context",
    ),
    "the parent is lost in threads, executors and tasks": (
        f"{BATTERY}/test_context.py::test_a_call_on_another_thread_belongs_to_whose_context_it_runs_in",
        "tests/instrumentors/langchain/test_parents.py::test_tasks_belong_to_the_step_that_made_them",
        "tests/instrumentors/langchain/test_parents.py::test_threads_that_carry_the_context_keep_the_parent",
    ),
    "tokens are counted twice": (
        "tests/instrumentors/test_counted_once.py::test_every_way_of_asking_counts_once",
        "tests/instrumentors/test_counted_once.py::test_calls_of_the_client_inside_a_step_belong_to_that_step",
    ),
    "a streamed call has two spans": (f"{BATTERY}/test_ends.py::test_a_call_that_ends_well_says_what_it_used",),
    "the instrumentation raises into the program": (
        f"{BATTERY}/test_installing.py::test_a_fault_in_a_reader_of_ours_never_reaches_the_call",
        f"{BATTERY}/test_installing.py::test_a_broken_processor_never_reaches_the_call",
        f"{BATTERY}/test_results.py::test_odd_arguments_reach_the_provider_untouched",
    ),
    "the request is changed, a generator of messages is used up": (
        f"{BATTERY}/test_results.py::test_the_request_is_the_same_to_the_byte",
        f"{BATTERY}/test_results.py::test_odd_arguments_reach_the_provider_untouched",
    ),
    "streamed calls have no tokens": (f"{BATTERY}/test_ends.py::test_a_call_that_ends_well_says_what_it_used",),
    "memory grows": (
        "tests/instrumentors/test_runs.py::test_runs_that_never_end_do_not_pile_up",
        f"{BATTERY}/test_complaints.py::test_calls_leave_nothing_behind",
        "tests/instrumentors/test_growth.py::test_a_hundred_thousand_calls_leave_no_more_behind_than_without_us",
    ),
    "the process hangs at its end, or a call waits, when the collector is down": (
        "tests/core/test_sender.py::test_an_endpoint_that_never_answers_does_not_hold_up_the_exit_and_nothing_is_lost",
    ),
    "instrumentors record beside each other, or fight": (
        f"{BATTERY}/test_opentelemetry.py::test_beside_those_of_others_ours_stands_back_and_says_so_once",
        f"{BATTERY}/test_opentelemetry.py::test_ours_first_and_another_later",
    ),
    "the program's own provider is overwritten, or takes what is not its own": (
        f"{CORE}/test_companion.py::test_a_provider_of_the_program_is_never_replaced_though_it_asked",
        f"{CORE}/test_processes.py::test_spans_of_the_programs_own_provider_stay_where_it_puts_them",
    ),
    "content is recorded that was switched off": (
        f"{BATTERY}/test_content.py::test_content_that_is_off_leaves_no_canary",
        f"{BATTERY}/test_content.py::test_content_that_is_on_passes_the_redactors",
    ),
    "vectors and pictures are recorded whole": (
        "tests/instrumentors/openai/test_media.py::test_a_vector_is_not_recorded_only_its_length",
        "tests/instrumentors/openai/test_media.py::test_a_large_picture_is_only_measured",
        f"{CORE}/test_content.py::test_what_is_too_long_is_cut_and_says_so",
    ),
    "starting is slow, and imports libraries that nobody uses": (
        f"{BATTERY}/test_complaints.py::test_no_instrumentor_imports_its_library",
        f"{CORE}/test_imports.py::test_starting_the_recorder_imports_neither_asyncio_nor_what_reads_metadata",
    ),
    "parameters are recorded that the program never set": (
        f"{BATTERY}/test_complaints.py::test_no_parameter_is_made_up",
    ),
    "finish reasons are no list, and providers are spelled in many ways": (
        "tests/instrumentors/test_openai_spans.py::test_a_call_with_everything_in_it",
        "tests/instrumentors/test_openai_spans.py::test_the_provider_is_told_by_its_address",
    ),
}
MODULES = sorted((ROOT / "instrumentors" / "sojourn_instrumentors").rglob("*.py"))
PARAMETERS = (
    semconv.REQUEST_TEMPERATURE,
    semconv.REQUEST_TOP_P,
    semconv.REQUEST_TOP_K,
    semconv.REQUEST_FREQUENCY_PENALTY,
    semconv.REQUEST_PRESENCE_PENALTY,
    semconv.REQUEST_CHOICE_COUNT,
    semconv.REQUEST_STOP_SEQUENCES,
)


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_each_complaint_has_its_tests(complaint: str) -> None:
    for place in COMPLAINTS[complaint]:
        file, name = place.split("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in names, place


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports as it is itself imported."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_no_instrumentor_imports_what_its_library_sends_through() -> None:
    senders = {"httpx", "httpx2", "requests", "aiohttp", "urllib3", "websockets"}
    anywhere = {
        name.partition(".")[0]
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert anywhere & senders == set()


def test_no_instrumentor_imports_its_library() -> None:
    libraries = {"openai", "anthropic", "langchain_core", "langgraph.pregel", "langchain"}

    assert set[str]().union(*map(imported, MODULES)) & libraries == set()
    program = (
        "import sys\n"
        "from importlib.metadata import entry_points\n"
        "for entry in entry_points(group='sojourn.instrumentors'): entry.load()\n"
        f"print(sorted({libraries!r} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert told.stdout.strip() == "[]"


def test_shared_libraries_are_not_called_by_names_of_arguments() -> None:
    """wrapt renamed one once, and every instrumentor that used its name died."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and node.keywords and ast.unparse(node.func).startswith("wrapt.")
    ]

    assert found == []


@pytest.mark.parametrize("subject", SUBJECTS, ids=case_name)
async def test_no_parameter_is_made_up(subject: Subject, stage: Stage) -> None:
    way = subject.ways[0]
    stage.answers(subject, way)
    stage.install(subject)
    await stage.call(subject, way)

    assert [name for name in PARAMETERS if name in (stage.one().attributes or {})] == []


@pytest.mark.parametrize("subject", SUBJECTS, ids=case_name)
async def test_calls_leave_nothing_behind(subject: Subject, stage: Stage) -> None:
    """No object of ours outlives the calls, whole, streamed or failed."""
    stage.install(subject)
    await _calls(subject, stage, 3)
    before = _ours()
    await _calls(subject, stage, 9)

    assert {name: count for name, count in _ours().items() if count > before[name]} == {}


async def _calls(subject: Subject, stage: Stage, rounds: int) -> None:
    for number in range(rounds):
        for way in subject.ways:
            stage.answers(subject, way)
            if number % 3 == 2:
                stage.wire.answers = [subject.refusal("no rivers")]
                with pytest.raises(subject.refused):
                    await stage.call(subject, way)
            else:
                await stage.call(subject, way)
        stage.exporter.clear()


def _ours() -> dict[str, int]:
    gc.collect()
    found: dict[str, int] = dict.fromkeys(LIVING, 0)
    objects: list[object] = gc.get_objects()
    for one in objects:
        kind = type(one)
        if kind.__name__ in found and str(kind.__module__).startswith("sojourn_instrumentors._kit"):
            found[kind.__name__] += 1
    return found


LIVING: Final[tuple[str, ...]] = (
    "Observation",
    "Fold",
    "Generation",
    "WatchedIterator",
    "WatchedAsyncIterator",
    "Body",
    "Draft",
)
