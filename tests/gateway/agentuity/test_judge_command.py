"""The published command of Agentuity, unmodified, reads here. Its environment takes minutes to make: a long test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.agentuity.by_hand import AT_MS, Runtime, line
from tests.gateway.agentuity.judging import environment, run
from tests.gateway.sender import logs

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.gateway.serving import Served

pytestmark = pytest.mark.soak

NOT_FOUND = 12


def command(gateway: Served, here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `agentuity cloud session ...` against the gateway."""
    home = environment("agentuity-cli-2.0.21")
    bun = next(path for path in (home / "node_modules").glob("@oven/bun-linux-*/bin/bun"))
    return run(
        [bun, home / "node_modules" / "@agentuity" / "cli" / "bin" / "cli.ts", *arguments],
        gateway,
        here,
        AGENTUITY_CATALYST_URL=gateway.url,
        AGENTUITY_API_URL=gateway.url,
        AGENTUITY_APP_URL=gateway.url,
        AGENTUITY_CLI_API_KEY="key",
        AGENTUITY_USER_ID="user_1",
        AGENTUITY_REGION="local",
        AGENTUITY_SKIP_VERSION_CHECK="1",
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    """The first JSON document that was printed: 2.0.21 prints it twice."""
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return json.JSONDecoder().raw_decode(done.stdout.lstrip())[0]


def test_the_vendors_command_lists_and_shows_sessions(gateway: Served, tmp_path: Path) -> None:
    runtime = Runtime(gateway)
    good = runtime.serve(url="/forecast?city=Oslo", agentIds=["agent_1"], threadId="thrd_1")
    bad = runtime.serve(at_ms=AT_MS + 60_000, error="boom", trigger="cron", orgId="org_2")
    trace = bytes.fromhex(good.removeprefix("sess_"))
    gateway.send(logs([line("it rains", trace)]), signal="logs")
    assert gateway.engine.settle(60)

    sessions = told(command(gateway, tmp_path, "cloud", "session", "list", "--json"))
    assert [one["id"] for one in sessions] == [bad, good]
    assert [(one["success"], one["duration"], one["method"]) for one in sessions] == [
        (False, 1_500_000_000, "POST"),
        (True, 1_500_000_000, "POST"),
    ]
    assert sessions[1]["url"] == "http://localhost/forecast?city=Oslo"
    narrow = command(gateway, tmp_path, "cloud", "session", "list", "--json", "--trigger=cron", "--org-id=org_2")
    assert [one["id"] for one in told(narrow)] == [bad]
    table = command(gateway, tmp_path, "cloud", "session", "list")
    assert table.returncode == 0, table.stdout + table.stderr
    assert good in table.stdout
    assert "1500ms" in table.stdout
    assert "/forecast" in table.stdout

    whole = command(gateway, tmp_path, "cloud", "session", "get", good)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert good in whole.stdout
    missing = command(gateway, tmp_path, "cloud", "session", "get", f"sess_{'f' * 32}")
    assert missing.returncode == NOT_FOUND, missing.stdout + missing.stderr
    assert "not found" in missing.stdout + missing.stderr

    lines = command(gateway, tmp_path, "cloud", "session", "logs", good)
    assert lines.returncode == 0, lines.stdout + lines.stderr
    assert "it rains" in lines.stdout
    assert "WARN" in lines.stdout
