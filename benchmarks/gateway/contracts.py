"""How long the read endpoints of the four contracts take: each answer whole, from the request to its JSON.

    python -m benchmarks.gateway.contracts [--spans SPANS] [--home FOLDER] [--only PART]

The store is that of `benchmarks.gateway.queries`, and may be one of its folders; what is measured is the same too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.gateway.queries import WEEK, Question, measured, moment, serving
from benchmarks.gateway.store import PROJECT, fill
from sojourn.home import Home
from sojourn_gateway.engine import Engine

if TYPE_CHECKING:
    import httpx

__all__ = ["endpoints"]

_TIMES: Final = 12
_PUBLIC: Final = ("sessions", "traces", "llm-ledger", "conversation-history")


def endpoints(client: httpx.Client) -> list[Question]:
    """What is asked: of a session in the middle of the newest, its first trace, and a span of it."""
    sessions = client.get("/v1/sessions", params={"limit": 200}).json()["data"]
    session = sessions[len(sessions) // 2]["id"]
    trace = client.get("/v1/traces", params={"limit": 1, "session_id": session}).json()["data"][0]["id"]
    span = client.get(f"/v1/traces/{trace}/spans").json()["data"][0]["id"]
    project = client.get("/public/v1/project").json()["id"]
    score = client.get("/v1/scores", params={"limit": 1}).json()["data"][0]["id"]
    kore, public = f"/api/projects/{PROJECT}/sessions", f"/api/public/analytics/projects/{PROJECT}"
    now = time.time_ns()
    week = {"fromDate": moment(now - WEEK), "toDate": moment(now)}
    asked: dict[str, str] = {
        "AgentMark, sessions": "/v1/sessions",
        "AgentMark, a session": f"/v1/sessions/{session}",
        "AgentMark, traces": "/v1/traces",
        "AgentMark, a trace": f"/v1/traces/{trace}",
        "AgentMark, traces of a session": f"/v1/sessions/{session}/traces",
        "AgentMark, logs of a session": f"/v1/sessions/{session}/logs",
        "AgentMark, graph of a trace": f"/v1/traces/{trace}/graph",
        "AgentMark, spans of a trace": f"/v1/traces/{trace}/spans",
        "AgentMark, a span of a trace": f"/v1/traces/{trace}/spans/{span}",
        "AgentMark, spans": "/v1/spans",
        "AgentMark, a span": f"/v1/spans/{span}",
        "AgentMark, calls of models": "/v1/requests",
        "AgentMark, logs": "/v1/logs",
        "AgentMark, points": "/v1/metrics/points",
        "AgentMark, scores": "/v1/scores",
        "AgentMark, a score": f"/v1/scores/{score}",
        "AgentMark, names of scores": "/v1/scores/names",
        "AgentMark, scores by name": "/v1/scores/aggregations",
        "AgentMark, experiments": "/v1/experiments",
        "AgentMark, prompts": "/v1/prompts",
        "AgentMark, datasets": "/v1/datasets",
        "AgentMark, queues": "/v1/annotation-queues",
        "AgentMark, health of ingestion": "/v1/health/ingestion",
        "AgentMark, pricing": "/v1/pricing",
        "AgentOps, stats": f"/v2/sessions/{session}/stats",
        "AgentOps, export": f"/v2/sessions/{session}/export",
        "AgentOps, calls to travel by": f"/v2/ttd/{session}",
        "AgentOps, the project": "/public/v1/project",
        "AgentOps, a trace": f"/public/v1/traces/{trace}",
        "AgentOps, figures of a trace": f"/public/v1/traces/{trace}/metrics",
        "AgentOps, a span": f"/public/v1/spans/{span}",
        "AgentOps, figures of a span": f"/public/v1/spans/{span}/metrics",
        "AgentOps, figures of the project": f"/v4/meterics/project/{project}",
        "AgentOps, list of traces": f"/v4/traces/list/{project}",
        "AgentOps, detail of a trace": f"/v4/traces/detail/{trace}",
        "Agentuity, sessions": "/session",
        "Agentuity, a session": f"/session/sess_{trace}",
        "Agentuity, logs of a session": f"/cli/session/sess_{trace}/logs",
        "Agentuity, threads": "/thread",
        "Agentuity, a thread": f"/thread/{session}",
        "Agentuity, runs of evaluations": "/cli/eval-run",
        "Agentuity, evaluations": "/cli/eval",
        "Kore, sessions": kore,
        "Kore, a session": f"{kore}/{session}",
        "Kore, events": f"{kore}/{session}/traces",
        "Kore, metrics": f"{kore}/{session}/metrics",
        "Kore, analysis": f"{kore}/{session}/analysis",
        "Kore, calls of models": f"{kore}/generations",
    }
    return [
        *(Question(name, path, {}) for name, path in asked.items()),
        Question("Agentuity, sessions of a thread", "/session", {"threadId": session}),
        *(Question(f"Kore, public: {part}", f"{public}/{part}", week) for part in _PUBLIC),
        Question("Kore, export of a session", f"{kore}/export", {"format": "jsonl", "sessionId": session}),
    ]


def main() -> None:
    """Fill, ask, and say it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, default=200_000, help="how many lie in the store")
    options.add_argument("--home", type=Path, help="where the store is kept; a new folder that is removed by default")
    options.add_argument("--only", default="", help="ask only what has this in its name")
    told = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(told.home or Path(folder))
        engine = Engine.open(home)
        with serving(engine, home) as client:
            if not client.get("/v1/sessions", params={"limit": "1"}).json()["pagination"]["total"]:
                fill(engine, told.spans)
            print("| endpoint | median ms | p95 ms | CPU ms |\n|---|---:|---:|---:|")
            for question in endpoints(client):
                if told.only in question.name:
                    took = measured(client, question, _TIMES)
                    figures = f"{took.wall:.1f} | {took.slow_wall:.1f} | {took.cpu:.1f}"
                    print(f"| {question.name} | {figures} |", flush=True)
        engine.close()


if __name__ == "__main__":
    main()
