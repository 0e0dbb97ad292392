"""The demo: two programs in two processes share one session, on recorded model traffic, with no key and no network."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from sojourn.home import Home
from sojourn_gateway.demo.exchange import Sums, load, sums
from sojourn_gateway.demo.replay import ReplayServer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["run_demo"]

_HERE: Final = Path(__file__).resolve().parent
_SOJOURN: Final = Path(sys.executable).with_name("sojourn")
_PROGRAMS: Final = ("researcher", "assistant")
_LIBRARIES: Final = ("openai", "langchain_openai", "langgraph")


def run_demo(environ: Mapping[str, str], *, live: bool) -> int:
    """Run both programs, show their session, and prove its sums; on a terminal, serve it until Ctrl-C.

    `live` calls the provider that `environ` names, instead of replaying. Returns 0 only if the store holds what
    the recordings say.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        print(f"the demo's programs use {', '.join(missing)}, which is not installed: pip install 'sojourn[demo]'")
        return 1
    if live and not environ.get("OPENAI_API_KEY"):
        print("--live calls a real provider: set OPENAI_API_KEY (and OPENAI_BASE_URL, if it is not OpenAI)")
        return 1
    with ExitStack() as stack:
        home = stack.enter_context(TemporaryDirectory(prefix="sojourn-demo-"))
        environ = {name: value for name, value in environ.items() if not name.startswith("SOJOURN_")}
        environ |= {"SOJOURN_HOME": home, "PYTHONUNBUFFERED": "1"}
        server = None
        if not live:
            exchanges = [exchange for name in _PROGRAMS for exchange in load(name)]
            pause_s = 0.03 if sys.stdout.isatty() else 0.0
            server = stack.enter_context(ReplayServer(exchanges, pause_s=pause_s))
            environ |= {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "replayed"}
        session_id = _run("researcher", [], environ)
        _run("assistant", ["--session", session_id], environ)
        print(f"\n$ sojourn sessions show {session_id}", flush=True)
        _sojourn(["sessions", "show", session_id], environ)
        if server is not None and not _proven(session_id, server, environ):
            return 1
        if sys.stdout.isatty():
            _serve(session_id, Home(Path(home)), environ)
    return 0


def _run(program: str, arguments: list[str], environ: Mapping[str, str]) -> str:
    """Run one of the two programs, pass on what it prints, and return the id of the session that it names."""
    print(f"\n$ python {program}.py {' '.join(arguments)}".rstrip(), flush=True)
    command = [sys.executable, str(_HERE / f"{program}.py"), *arguments]
    session_id = None
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if session_id is None and line.startswith("session "):
                session_id = line.split()[1]
    if process.returncode != 0:
        raise SystemExit(f"{program}.py ended with status {process.returncode}")
    if session_id is None:
        raise SystemExit(f"{program}.py named no session")
    return session_id


def _sojourn(arguments: list[str], environ: Mapping[str, str]) -> None:
    ended = subprocess.run([_SOJOURN, *arguments], env=environ, check=False)
    if ended.returncode != 0:
        raise SystemExit(ended.returncode)


def _proven(session_id: str, server: ReplayServer, environ: Mapping[str, str]) -> bool:
    """Whether the store holds exactly what the recordings say; tells the difference when it does not."""
    told = subprocess.run(
        [_SOJOURN, "sessions", "show", session_id, "--json"], env=environ, check=True, capture_output=True
    )
    stored = _parse_stored(json.loads(told.stdout))
    recorded = sums(exchange for name in _PROGRAMS for exchange in load(name))
    for request in server.unmatched:
        print(f"A program asked for what was not recorded: {request[:200]}")
    for exchange in server.left:
        print(f"No program asked for a recorded exchange: {exchange.method} {exchange.path}")
    if stored != recorded:
        print(f"The store and the recordings differ:\n  stored   {stored}\n  recorded {recorded}")
        return False
    print(
        f"\nStored as recorded: {stored.model_calls} model calls, {stored.tool_calls} tool calls, "
        f"{stored.input_tokens} tokens in, {stored.output_tokens} out."
    )
    return not server.unmatched and not server.left


def _parse_stored(document: Any) -> Sums:
    session = document.get("data", document)
    return Sums(
        model_calls=session["model_calls"],
        input_tokens=session["input_tokens"],
        output_tokens=session["output_tokens"],
        tool_calls=session["tool_calls"],
    )


def _serve(session_id: str, home: Home, environ: Mapping[str, str]) -> None:
    print("\n$ sojourn dev", flush=True)
    with subprocess.Popen([_SOJOURN, "dev"], env=environ) as process:
        try:
            while (gateway := home.gateway()) is None and process.poll() is None:
                time.sleep(0.05)
            if gateway is not None:
                print(f"\nThe session: {gateway.url}/sessions/{session_id}")
                print("Ctrl-C ends the gateway and removes what the demo has stored.", flush=True)
            process.wait()
        except KeyboardInterrupt:
            # The terminal sent Ctrl-C to both; the gateway closes its store on its own.
            process.wait()
