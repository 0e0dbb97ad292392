"""`sojourn doctor`: is everything in order, from the call in a program to the stored session?"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from sojourn import semconv
from sojourn.checkup import Journals, Library, check_journals, check_libraries
from sojourn_gateway import wording
from sojourn_gateway.command.gateways import running_gateway
from sojourn_gateway.command.output import words
from sojourn_gateway.engine import Engine
from sojourn_gateway.keeping import Keeper
from sojourn_gateway.keeping.rounds import free_space, low_space
from sojourn_gateway.model.faults import EngineHeld, GatewayFault

if TYPE_CHECKING:
    from sojourn.home import Home
    from sojourn_gateway.command.gateways import RunningGateway
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.settings import Settings

__all__ = ["describe_store", "doctor"]

Verdict = Literal["ok", "note", "bad"]
_SIGNS: Final[dict[Verdict, tuple[str, str]]] = {"ok": ("✓", "green"), "note": ("·", "dim"), "bad": ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Only `bad` ones make the command fail."""

    what: str
    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and the facts that they rest on."""

    home: str
    gateway: str | None
    journals: Journals
    libraries: tuple[Library, ...]
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def healthy(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.verdict != "bad" for finding in self.findings)


def doctor(home: Home, output: Output, settings: Settings) -> int:
    """Look at everything, say what was found; 1 when something is bad."""
    gateway = running_gateway(home)
    report = Report(str(home.root), None if gateway is None else gateway.url, check_journals(home), check_libraries())
    report.findings.extend(
        [
            _of_home(home),
            _of_gateway(home, gateway),
            *_of_engine(home, gateway, settings),
            _of_disk(home, settings),
            _of_export(gateway),
            _of_journals(report.journals, gateway),
            *_of_refused(home, report.journals),
            *(_of_library(library) for library in report.libraries),
        ]
    )
    if output.json:
        output.print_json({"healthy": report.healthy, **asdict(report)})
    else:
        _print(output, report)
    return 0 if report.healthy else 1


def _of_home(home: Home) -> Finding:
    if not home.root.exists():
        above = next(folder for folder in home.root.absolute().parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            return Finding("home", "bad", f"{home.root} cannot be made: recordings stay in memory only")
        return Finding("home", "note", f"{home.root} does not exist yet; the first recording makes it")
    try:
        probe = home.make(home.root) / f".doctor-{time.time_ns()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as fault:
        return Finding(
            "home", "bad", f"{home.root} cannot be written ({fault.strerror}): recordings stay in memory only"
        )
    return Finding("home", "ok", str(home.root))


def _of_gateway(home: Home, gateway: RunningGateway | None) -> Finding:
    if gateway is not None:
        return Finding("gateway", "ok", f"running at {gateway.url}, process {gateway.pid}")
    said = home.gateway()
    if said is not None:
        return Finding(
            "gateway", "note", f"not running; the one at {said.url} (process {said.pid}) did not say goodbye"
        )
    return Finding("gateway", "note", "not running; `sojourn dev` starts it, recording works without")


def _of_engine(home: Home, gateway: RunningGateway | None, settings: Settings) -> list[Finding]:
    server = settings.engine
    if gateway is not None:
        gateway.operate(settings.project)
        opened = f"open in the gateway, process {gateway.pid}"
        try:
            return describe_store(opened, gateway.order("GET", "/v1/operator/store")["data"])
        except GatewayFault as fault:
            return [Finding("store", "bad", f"{opened}: {fault}")]
    if server is None and not home.engine.exists():
        return [Finding("store", "note", "empty; the first session that arrives makes it")]
    try:
        engine = Engine.open(home, server, prices=settings.price_list())
        try:
            state = asdict(Keeper(engine, home).state())
        finally:
            engine.close()
    except EngineHeld as fault:
        return [Finding("store", "bad", str(fault))]
    except (GatewayFault, OSError) as fault:
        return [Finding("store", "bad", f"it cannot be opened: {fault}")]
    place = home.engine if server is None else f"database {server.database} on the ClickHouse server at {server.place}"
    return describe_store(f"{place} opens", state)


def describe_store(opened: str, state: dict[str, Any]) -> list[Finding]:
    """How large the store is; and what is behind, skipped, or under erasure, when something is."""
    tables = state["tables"]
    largest = ", ".join(f"{table['name']} {wording.size(table['size'])}" for table in tables[:3])
    parts = sum(table["parts"] for table in tables)
    held = f"; {wording.size(state['size'])} in {wording.plural(parts, 'part')} ({largest})" if tables else "; empty"
    last = f"; lists show what arrived {wording.ago(state['rolled_up_ns'], time.time_ns())}" if tables else ""
    found = [Finding("store", "ok", f"{opened}{held}{last}")]
    if state["behind"]:
        found.append(Finding("roll-up", "note", f"{wording.plural(state['behind'], 'row')} that lists do not show yet"))
    if state["skipped"]:
        words = f"{wording.plural(state['skipped'], 'record')} of sessions could not be read and are left out of sums"
        found.append(Finding("skipped", "note", words))
    if state["under_erasure"]:
        found.append(Finding("erasure", "note", f"{state['under_erasure']} sessions or users are being erased"))
    return found


def _of_disk(home: Home, settings: Settings) -> Finding:
    words = low_space(home, settings.least_free)
    if words is not None:
        return Finding("disk", "bad", words)
    free = free_space(home)
    return Finding("disk", "ok", "free space is not known" if free is None else f"{wording.size(free)} free")


def _of_export(gateway: RunningGateway | None) -> Finding:
    if gateway is None:
        return Finding("export", "note", "not tried without a gateway; journals keep what is recorded")
    begun = time.perf_counter()
    try:
        answer: Any = gateway.post("/v1/logs", _probe(), "application/json")
    except GatewayFault as fault:
        return Finding("export", "bad", str(fault))
    if answer.get("partialSuccess"):
        return Finding("export", "bad", f"the gateway rejected a log record: {answer['partialSuccess']}")
    taken = wording.duration(time.perf_counter() - begun)
    return Finding("export", "ok", f"a log record was sent and stored in {taken}")


def _probe() -> bytes:
    """A log record of no session, always under the same id: the store keeps one of it, and no list shows it."""
    record = {
        "timeUnixNano": str(time.time_ns()),
        "body": {"stringValue": "sojourn doctor was here"},
        "attributes": [{"key": semconv.LOG_UID, "value": {"stringValue": "sojourn-doctor"}}],
    }
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def _of_journals(journals: Journals, gateway: RunningGateway | None) -> Finding:
    if journals.damaged:
        files = wording.plural(journals.damaged, "damaged journal")
        return Finding("journals", "bad", f"{files} set aside; what stood before the damage was taken in")
    number = journals.living + journals.orphaned
    if not number:
        return Finding("journals", "ok", "nothing waits")
    waiting = f"{wording.plural(number, 'journal')}, {wording.count(journals.waiting_bytes)} bytes wait"
    if journals.living:
        waiting += f"; {journals.living} of running programs"
    if journals.orphaned:
        waiting += (
            "; the gateway takes them in" if gateway else "; the next gateway or `sojourn sessions` takes them in"
        )
    return Finding("journals", "ok", waiting)


def _of_refused(home: Home, journals: Journals) -> list[Finding]:
    if not journals.refused:
        return []
    batches = wording.plural(journals.refused, "batch", "batches")
    words = f"{batches} that an endpoint called malformed: {home.refused}, each with its reason beside it"
    return [Finding("refused", "bad", words)]


def _of_library(library: Library) -> Finding:
    match library.state:
        case "observed":
            return Finding(library.library, "ok", f"{library.installed} is installed and will be observed")
        case "absent":
            return Finding(library.library, "note", f"not installed (observed from {library.requires})")
        case "unsupported" | "incomplete" | "broken":
            said = f"{library.installed} is installed; {library.detail}" if library.installed else library.detail
            return Finding(library.library, "bad", said)


def _print(output: Output, report: Report) -> None:
    console = output.console()
    width = max(len(finding.what) for finding in report.findings)
    for finding in report.findings:
        sign, style = _SIGNS[finding.verdict]
        line = words(f"{sign} ", style)
        line.append_text(words(f"{finding.what:<{width}}  "))
        line.append_text(words(finding.said, style if finding.verdict != "ok" else ""))
        console.print(line, soft_wrap=True)
