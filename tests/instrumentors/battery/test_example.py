"""The worked example of docs/adding-an-instrumentor.md is what is tried here, and joins as others would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.instrumentors.battery.catalogue import SUBJECTS, case_name
from tests.instrumentors.battery.subject import DUTIES, Duty

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instrumentors.battery.subject import Subject
    from tests.instrumentors.battery.wire import Wire

EXAMPLE = ROOT / "tests" / "instrumentors" / "example"
PAGE = ROOT / "docs" / "adding-an-instrumentor.md"

PROGRAM = """
import json, sys
import sojourn
from sojourn.testing import captured

with captured() as seen:
    sojourn.init(instrument=["rivulet"])
    early = "sojourn_rivulet" in sys.modules
    import rivulet
    reply = rivulet.Rivulet(sys.argv[1]).chat("m-1", "A river?")
    sojourn.end_session("Success")
(span,) = seen.spans
print(json.dumps([early, reply.text, span.name, span.session_id == seen.sessions[0].session_id]))
"""


def test_the_page_shows_the_code_that_the_battery_tries() -> None:
    shown = re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)

    names = ("rivulet.py", "sojourn_rivulet.py", "sojourn_rivulet.toml", "rivulet_subject.py")
    assert shown == [(EXAMPLE / name).read_text("utf-8") for name in names]


def test_an_instrumentor_of_another_distribution_joins_by_its_entry_point(tmp_path: Path, wire: Wire) -> None:
    """It is built and installed as its author would do it, and loaded when its library is imported, not before."""
    project, site = tmp_path / "project", tmp_path / "site"
    project.mkdir()
    (project / "pyproject.toml").write_bytes((EXAMPLE / "sojourn_rivulet.toml").read_bytes())
    (project / "sojourn_rivulet.py").write_bytes((EXAMPLE / "sojourn_rivulet.py").read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", site, project], check=True, timeout=300)
    # Only the library itself is taken from here, as if it were installed.
    installed = tmp_path / "library"
    installed.mkdir()
    for name in ("rivulet.py", "rivulet-1.2.dist-info"):
        (installed / name).symlink_to(EXAMPLE / name)
    wire.answers = [next(one for one in SUBJECTS if one.name == "rivulet").answer("Loire")]

    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, wire.url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, installed)))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert told.stderr == ""
    assert json.loads(told.stdout) == [False, "Loire", "chat m-1", True]


@pytest.mark.parametrize("duty", DUTIES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=case_name)
def test_a_duty_is_tried_or_there_is_a_reason(subject: Subject, duty: Duty) -> None:
    """What a library lacks is said, and nothing is said to be lacking that is there."""
    if duty == "never started":
        assert subject.has(duty)
    else:
        assert subject.has(duty) is not (duty in subject.lacks)
    assert all(len(reason) > 10 for reason in subject.lacks.values())
