"""AgentMark's own client for Python, unmodified and in an environment of its own, writes to the gateway."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.conftest import ROOT
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine

PYTHON = ROOT / ".cache" / "versions" / "agentmark-0.7.1" / "bin" / "python"
PROGRAM = """
import asyncio, functools, httpx, json, sys, urllib.request
from agentmark_sdk import AgentMarkSDK, SpanKind, SpanOptions, observe, span, span_context, span_context_sync

# A machine that is busy may need more than its five seconds, which no option changes.
opened = urllib.request.urlopen
urllib.request.urlopen = lambda request, timeout: opened(request, timeout=120)
httpx.AsyncClient = functools.partial(httpx.AsyncClient, timeout=120)

url, key = sys.argv[1:]
sdk = AgentMarkSDK(api_key=key, app_id="app", base_url=url)
provider = sdk.init_tracing(disable_batch=True)

@observe(kind=SpanKind.TOOL)
def find_order(number):
    return {"order": number, "status": "shipped"}

async def answer(ctx=None):
    return find_order(4812)

async def main():
    result = await span(
        SpanOptions(name="turn", session_id="s-judge", session_name="Order", user_id="ada", metadata={"tier": "gold"}),
        answer,
    )
    async with span_context(SpanOptions(name="second", session_id="s-judge")) as ctx:
        ctx.set_input({"question": "where?"})
        ctx.set_output("on its way")
        second = ctx.trace_id
        async with ctx.span("inner", {"depth": "1"}):
            pass
    try:
        with span_context_sync(SpanOptions(name="third", session_id="s-judge")):
            raise ValueError("lost")
    except ValueError:
        pass
    provider.force_flush()
    score = await sdk.score(result.trace_id, "right", 0.9, label="good", reason="it is")
    print(json.dumps({"trace": result.trace_id, "second": second, "score": str(score)}))

asyncio.run(main())
"""


def test_what_the_client_records_is_read_back(engine: Engine, home: Path, tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.fail(f"there is no environment {PYTHON.parents[1].relative_to(ROOT)}: `make test` prepares it")
    records = Records.of(Home(home))
    key = Keys(records).make(f"judge-{tmp_path.name}", "judge").secret
    records.close()
    with served(engine, Home(home), Settings(require_keys=True)) as gateway:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "no_proxy": "127.0.0.1"}
        ran = subprocess.run(
            [str(PYTHON), "-c", PROGRAM, gateway.url, key],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout.splitlines()[-1])
        assert gateway.engine.settle(60)
        # The client shows its key bare.
        gateway.client.headers["Authorization"] = key

        (session,) = gateway.data("/v1/sessions")
        expected = {"id": "s-judge", "user_id": "ada", "trace_count": 3, "errors": 1}
        assert {name: session[name] for name in expected} == expected
        trace: Any = gateway.data(f"/v1/traces/{told['trace']}", fields="scores")
        assert trace["name"] == "turn"
        assert trace["metadata"] == {"tier": "gold"}
        assert {span["name"] for span in trace["spans"]} == {"turn", "find_order"}
        assert [(one["name"], one["score"], one["label"]) for one in trace["scores"]] == [("right", 0.9, "good")]
        second = gateway.data(f"/v1/traces/{told['second']}")
        (asked,) = json.loads(second["input"])
        assert json.loads(asked["content"]) == {"question": "where?"}
        assert json.loads(second["output"]) == "on its way"
