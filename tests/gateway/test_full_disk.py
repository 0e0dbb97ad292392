"""Export, backup and restore on a disk that is full: said in words, and what was there is as it was."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.gateway.sender import span, trace_id, traces
from tests.gateway.test_faults import own_disks

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-c", "import sys; from sojourn.command import main; sys.exit(main())")
pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def sojourn(home: str, *arguments: str) -> str:
    """A command line."""
    return f"SOJOURN_HOME={shlex.quote(home)} {shlex.join([*COMMAND, *arguments])}"


def test_a_full_disk_leaves_no_half_of_anything(tmp_path: Path) -> None:
    if not own_disks():
        pytest.skip("a small disk of its own cannot be mounted here (user namespaces)")
    disk, file, backup = tmp_path / "disk", tmp_path / "file.otlp", tmp_path / "backup"
    disk.mkdir()
    home = disk / "kept"
    spans = [span(trace_id(), attributes={"session.id": "s", "input": os.urandom(20_000).hex()}) for _ in range(40)]
    file.write_bytes(traces(spans))
    whole = str(tmp_path / "whole")
    script = f"""
        {sojourn(whole, "import", str(file))} || exit 9
        {sojourn(whole, "backup", str(backup))} || exit 9
        mount -t tmpfs -o size=400k none {disk} || exit 9
        mkdir {home}; echo kept > {home}/known
        {sojourn(whole, "export", "-o", f"{disk}/spans.otlp")}; echo "export $?" >&2
        {sojourn(whole, "backup", f"{disk}/backup")}; echo "backup $?" >&2
        rm -r {disk}/backup
        {sojourn(str(home), "restore", "--force", str(backup))}; echo "restore $?" >&2
        cd {disk}; find . -type f | sort
    """
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, env={**os.environ}, check=True
    )

    said = done.stderr.splitlines()
    for command in ("export", "backup", "restore"):
        assert f"{command} 1" in said, done.stderr
        at = said.index(f"{command} 1")
        assert re.search("[Nn]o space left|has room for", said[at - 1]), done.stderr
        assert said[at - 1].startswith("sojourn: "), done.stderr
    assert "Traceback" not in done.stderr
    left = [line for line in done.stdout.splitlines() if line.startswith("./")]
    assert left == ["./kept/known"]
