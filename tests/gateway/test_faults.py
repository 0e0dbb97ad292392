"""What a gateway acknowledged is kept and counted once: killed at any moment, and with a disk that is full."""

from __future__ import annotations

import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.gateway.faulty import Senders, gateway, sums
from tests.waiting import until

# Each starts several gateways; a busy machine must not fail what only takes its time.
pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_a_gateway_killed_again_and_again_loses_nothing_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    home, senders = tmp_path / "home", Senders()
    with senders.sending():
        for _ in range(kills):
            with gateway(home) as running:
                senders.url = running.url
                # Somewhere in a commit, a roll-up, or between them.
                senders.more(random.randrange(1, 40))
    with gateway(home) as running:
        senders.url = running.url
        senders.finish()
        found = sums(running, senders.acknowledged)
    calls = senders.spans - 1
    assert found == dict.fromkeys(senders.acknowledged, (senders.spans, calls, 100 * calls))


def own_disks() -> bool:
    """Whether a disk can be mounted that only one process sees."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


def test_a_full_disk_is_said_loses_nothing_and_is_got_over(tmp_path: Path) -> None:
    if not own_disks():
        pytest.skip("a small disk of its own cannot be mounted here (user namespaces)")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size=160m none "{disk}" && exec "$@"'
    senders = Senders(filler=20_000)
    with gateway(disk / "home", "unshare", "-Urm", "sh", "-c", mounted, "sh") as running:
        senders.url = running.url
        with senders.sending():
            senders.more(10)
            # The disk as the gateway sees it.
            filler = Path("/proc", str(running.process.pid), "root", *disk.parts[1:], "filler")
            fill(filler)
            until(lambda: senders.refused, within_s=600)
            filler.unlink()
            senders.more(10)
        senders.finish()
        found = sums(running, senders.acknowledged)
    calls = senders.spans - 1
    assert found == dict.fromkeys(senders.acknowledged, (senders.spans, calls, 100 * calls))
    for answer in senders.refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert b"not" in answer.content


def fill(file: Path) -> None:
    """Write until nothing more goes in."""
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(262_144))
