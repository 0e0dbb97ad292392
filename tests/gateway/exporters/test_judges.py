"""Stock exporters write a real session over real sockets, in each notation; read back, it is the same whole session."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.agentops.judging import CUT, ROOT
from tests.gateway.serving import served
from tests.gateway.test_api_otlp_grpc import opened

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

pytestmark = pytest.mark.timeout(600)

PROGRAM = Path(__file__).resolve().parent / "programs" / "session.py"
SOAK = [("1.45", ""), ("1.25", ""), ("1.25", "gzip")]
RELEASES = [
    *(("1.45", notation, "gzip") for notation in ("protobuf", "json", "grpc")),
    *(
        pytest.param(release, notation, packed, marks=pytest.mark.soak)
        for release, packed in SOAK
        for notation in ("protobuf", "json", "grpc")
        # Nobody published JSON's in those days.
        if (release, notation) != ("1.25", "json")
    ),
]
# 1000 tokens at 0.15 and 200 at 0.60 dollars a million.
COST = 0.00027


def sent(release: str, notation: str, gateway: Served, folder: Path, *, packed: str = "") -> Any:
    """What the program printed as its last line, parsed."""
    python = ROOT / ".cache" / "versions" / f"exporters-{release}" / "bin" / "python"
    if not python.exists():
        pytest.fail(f"there is no environment {python.parents[1].relative_to(ROOT)}: `make test` prepares it")
    (folder / "sitecustomize.py").write_text(CUT, "utf-8")
    with opened(gateway) if notation == "grpc" else nullcontext(gateway.port) as port:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(folder),
            "JUDGE_STRAYED": str(folder / "strayed"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            # Seconds: a machine that is busy may need more than the usual ten.
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "120",
        }
        if packed:
            environment["OTEL_EXPORTER_OTLP_COMPRESSION"] = packed
        done = subprocess.run(
            [str(python), str(PROGRAM), notation, "s-judged"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert not (folder / "strayed").exists()
    assert gateway.engine.settle(60)
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(("release", "notation", "packed"), RELEASES)
def test_a_session_of_a_stock_exporter_reads_back_whole(
    release: str, notation: str, packed: str, gateway: Served, tmp_path: Path
) -> None:
    told = sent(release, notation, gateway, tmp_path, packed=packed)
    assert told["sent"] is True

    session = gateway.data("/v1/sessions/s-judged")
    assert (session["span_count"], session["trace_count"], session["user_id"]) == (6, 2, "ada")
    assert session["total_tokens"] == 2400
    assert session["total_cost"] == pytest.approx(2 * COST)
    spans = {span["id"]: span for span in session["spans"]}
    assert {(one["trace"], one["span"], one["name"]) for one in told["spans"]} == {
        (span["trace_id"], span["id"], span["name"]) for span in spans.values()
    }
    agent, call, tool, _, _, failed = (spans[one["span"]] for one in told["spans"])
    assert (agent["parent_id"], call["parent_id"], tool["parent_id"]) == (None, agent["id"], agent["id"])
    assert [span["step"] for span in (agent, call, tool)] == ["agent", "model", "tool"]
    assert [span["status"] for span in (agent, tool, failed)] == ["UNSET", "UNSET", "ERROR"]
    assert failed["status_message"] == "the carrier did not answer"


def test_every_notation_stores_the_very_same(gateway: Served, engine: Engine, home: Path, tmp_path: Path) -> None:
    """Attributes of each type, events, links, resources: all but ids and times, which are each program's own."""
    kept: dict[str, Any] = {}
    for notation in ("protobuf", "json", "grpc"):
        folder = tmp_path / notation
        folder.mkdir()
        with served(engine, Home(home), Settings(project=f"{gateway.project}-{notation}")) as apart:
            sent("1.45", notation, apart, folder)
            session = apart.services.queries.session(apart.project, "s-judged")
            assert session is not None
            kept[notation] = [
                (
                    span.name,
                    span.kind,
                    span.step,
                    span.status,
                    dict(span.attributes),
                    {key: value for key, value in span.resource.items() if key != "service.instance.id"},
                    span.scope,
                    span.input,
                    span.output,
                    [(event.name, dict(event.attributes)) for event in span.events],
                    [dict(link.attributes) for link in span.links],
                    span.tokens,
                    span.cost,
                )
                for span in sorted(session.spans, key=lambda span: span.start_ns)
            ]

    assert kept["json"] == kept["protobuf"]
    assert kept["grpc"] == kept["protobuf"]
    root = kept["protobuf"][3]
    assert root[4]["shop.big"] == 2**62
    assert root[4]["shop.numbers"] == [1, 2, 3]
    assert root[10] == [{"why": "goes on"}]
    assert "☕" in str(kept["protobuf"][1][7])
