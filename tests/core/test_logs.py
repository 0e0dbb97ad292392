"""Log lines of the program become part of its session, and logging itself stays as it is."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn.logs import severity_of
from sojourn.testing import captured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn.testing import Capture

log = logging.getLogger("shop.orders")


@pytest.fixture
def seen() -> Iterator[Capture]:
    with captured() as capture:
        yield capture


def test_a_line_tells_who_wrote_it_where_and_how_severe(seen: Capture) -> None:
    session = sojourn.init(capture_logs=True)
    log.warning("%d orders are late", 3)

    (line,) = seen.logs
    assert (line.session_id, line.severity, line.message) == (session.session_id, "WARNING", "3 orders are late")
    assert line.logger == "shop.orders"
    assert line.attributes["code.file.path"] == __file__
    assert line.attributes["code.function.name"] == "test_a_line_tells_who_wrote_it_where_and_how_severe"
    assert isinstance(line.attributes["code.line.number"], int)


def test_an_exception_is_told_with_its_stack(seen: Capture) -> None:
    sojourn.init(capture_logs=True)
    try:
        int("no")
    except ValueError:
        log.exception("cannot read")

    (line,) = seen.logs
    assert line.attributes["exception.type"] == "ValueError"
    assert "invalid literal" in line.attributes["exception.message"]
    assert 'int("no")' in line.attributes["exception.stacktrace"]


def test_a_level_is_the_lowest_that_is_taken(seen: Capture) -> None:
    sojourn.init(capture_logs="ERROR")
    log.warning("too small")
    log.error("taken")

    assert [line.message for line in seen.logs] == ["taken"]


def test_nothing_is_taken_unless_asked_and_the_variable_asks_too(
    seen: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sojourn.init()
    log.error("not taken")
    monkeypatch.setenv("SOJOURN_CAPTURE_LOGS", "warning")
    with captured() as inner:
        sojourn.init()
        log.error("taken")

    assert [line.message for line in inner.logs] == ["taken"]
    assert seen.logs == []


def test_lines_pass_the_redactors(seen: Capture) -> None:
    def mask(text: str) -> str:
        log.warning("masking %s", text)
        return text.replace("Ada", "***")

    sojourn.init(capture_logs=True, redact=[mask])
    log.error("hello Ada", exc_info=ValueError("no Ada"))

    (line,) = seen.logs
    assert line.message == "hello ***"
    assert "Ada" not in repr(line)


def test_content_that_is_off_leaves_the_place_and_no_words(seen: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "off")
    with captured() as inner:
        sojourn.init(capture_logs=True)
        log.error("hello Ada", exc_info=ValueError("no Ada"))

    (line,) = inner.logs
    assert (line.message, line.logger) == (None, "shop.orders")
    assert "Ada" not in repr(line)


def test_our_own_lines_are_not_taken(seen: Capture) -> None:
    sojourn.init(capture_logs=True)
    logging.getLogger("sojourn").error("about recording")
    logging.getLogger("sojourn.inner").error("about recording")

    assert seen.logs == []


def test_a_line_that_cannot_be_formatted_is_taken_as_it_was_written(seen: Capture) -> None:
    sojourn.init(capture_logs=True)
    quiet = logging.getLogger("shop.broken")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    quiet.error("%d orders", "three")

    assert [line.message for line in seen.logs] == ["%d orders"]


def test_shutdown_puts_logging_back() -> None:
    before: Any = logging.Logger.callHandlers
    handlers = list(logging.getLogger().handlers)
    sojourn.init(capture_logs=True)
    assert logging.getLogger().handlers == handlers
    sojourn.shutdown()

    assert logging.Logger.callHandlers is before


PROGRAM = """
import logging, logging.config, sojourn
{init}
logging.warning("to the handler of last resort")
logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", force={force})
logging.info("configured")
stream = {{"h": {{"class": "logging.StreamHandler"}}}}
logging.config.dictConfig({{"version": 1, "handlers": stream, "root": {{"handlers": ["h"], "level": "INFO"}}}})
logging.info("again")
"""


@pytest.mark.parametrize("force", [True, False])
def test_a_program_writes_the_same_lines_as_without_us(home: Path, force: bool) -> None:
    def run(init: str) -> str:
        program = PROGRAM.format(init=init, force=force)
        ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        return ran.stderr

    assert run("sojourn.init(capture_logs=True)") == run("")


@pytest.mark.parametrize(
    ("level", "severity"), [(5, 1), (10, 5), (20, 9), (25, 11), (30, 13), (40, 17), (50, 21), (99, 21)]
)
def test_levels_between_the_named_ones_lie_between(level: int, severity: int) -> None:
    assert severity_of(level) == severity


@pytest.mark.parametrize("bad", ["loud", object()])
def test_a_level_that_is_none_is_refused_in_words(bad: Any) -> None:
    with pytest.raises(ValueError, match="capture_logs"):
        sojourn.init(capture_logs=bad)
