"""The handlers of `/v1/experiments`, in the contract's camelCase, and of the runs they replace."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sojourn import semconv
from sojourn_gateway.apis.agentmark.content import present_input, present_output
from sojourn_gateway.apis.agentmark.fields import Fields
from sojourn_gateway.apis.agentmark.present import present_page, present_time, promoted
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.model.experiment import ExperimentsAsk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.experiment import Experiment, ExperimentItem
    from sojourn_gateway.model.span import Span

__all__ = ["hash_input", "parse_baseline", "parse_experiments", "router"]

_SUNSET: Final = "Thu, 31 Dec 2027 23:59:59 GMT"
_STALLED_NS: Final = 30 * 60 * 1_000_000_000
"""What was not heard of for so long does not run any more."""
_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3

router = APIRouter()


@router.get("/v1/experiments")
def experiments(request: Request, serving: Serving) -> Response:
    """A page of experiments, newest first."""
    ask = parse_experiments(request.query_params)
    page = serving.queries.experiments.page(serving.project, ask)
    return JSONResponse(present_page([present_experiment(one) for one in page.items], page))


@router.get("/v1/experiments/baseline")
def baseline(request: Request, serving: Serving) -> Response:
    """The scores of the run to compare with: of the same sources, else the newest of the experiment."""
    key, tree, path = parse_baseline(request.query_params)
    asked = serving.queries.experiments
    found = (
        asked.runs(
            serving.project, ExperimentsAsk(limit=1, experiment_key=key, dataset_path=path, tree_hash=tree)
        ).items
        or asked.runs(serving.project, ExperimentsAsk(limit=1, experiment_key=key, dataset_path=path)).items
    )
    whole = asked.find(serving.project, found[0].id) if found else None
    if whole is None:
        return JSONResponse({"data": {"resolved": None, "rows": []}})
    run = whole[0].run
    told = {"runId": run.id, "treeHash": run.tree_hash, "matchedExactCommit": run.tree_hash == tree}
    rows = [
        {"inputHash": hash_input(_input_of(item)), "scorer": score.name, "score": score.score}
        for item in whole[1]
        for score in item.scores
    ]
    return JSONResponse({"data": {"resolved": told, "rows": rows}})


@router.get("/v1/experiments/{experiment_id}")
def experiment(experiment_id: str, serving: Serving) -> Response:
    """One experiment with its items."""
    found = serving.queries.experiments.find(serving.project, experiment_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no experiment has the id {experiment_id[:100]!r}")
    told = {**present_experiment(found[0]), "items": [present_experiment_item(item) for item in found[1]]}
    return JSONResponse({"data": told})


@router.get("/v1/runs/{run_id}/traces")
def run_traces(run_id: str, serving: Serving) -> Response:
    """The traces of a run, as older SDKs ask for them."""
    found = serving.queries.experiments.find(serving.project, run_id)
    told = [] if found is None else [_run_trace(item) for item in found[1]]
    headers = {
        "Deprecation": "true",
        "Sunset": _SUNSET,
        "Link": '</v1/traces?dataset_run_id>; rel="successor-version"',
    }
    return JSONResponse({"data": told}, headers=headers)


def parse_experiments(query: QueryParams) -> ExperimentsAsk:
    """Which page. Raises a 400."""
    reading = Fields(query)
    ask = ExperimentsAsk(
        limit=reading.number("limit", 50, 1, 200),
        offset=reading.number("offset", 0, 0),
        since_ns=reading.day("start_date"),
        until_ns=reading.day("end_date", last=True),
        prompt_name=reading.text("prompt_name"),
        dataset_path=reading.text("dataset_path"),
    )
    reading.finish()
    return ask


def parse_baseline(query: QueryParams) -> tuple[str, str, str | None]:
    """The experiment's key, the hash of the sources, and the dataset's path. Raises a 400."""
    reading = Fields(query)
    key, tree, path = (reading.text(name) for name in ("experiment_key", "tree_hash", "dataset_path"))
    for name, value in (("experiment_key", key), ("tree_hash", tree)):
        if value is None:
            reading.faults[name] = "required"
    reading.finish()
    return key or "", tree or "", path


def _mean(scores: Sequence[float]) -> float:
    try:
        return math.fsum(scores) / len(scores)
    except OverflowError:
        return math.fsum(score / len(scores) for score in scores)


def present_experiment(one: Experiment) -> dict[str, Any]:
    """One line of the list."""
    run, traces = one.run, one.traces
    lasted = [trace.latency_ms for trace in traces]
    graded = [score.score for score in one.scores]
    return {
        "id": run.id,
        "name": run.name or run.id,
        "datasetPath": run.dataset_path,
        "promptName": run.prompt_name,
        "itemCount": len(traces),
        "avgLatencyMs": sum(lasted) / len(lasted) if lasted else 0,
        "totalCost": float(sum(trace.cost.usd or 0 for trace in traces)),
        "avgScore": _mean(graded) if graded else None,
        "start": present_time(run.start_ns),
        "end": present_time(run.end_ns),
        "totalTokens": sum(trace.tokens.total for trace in traces),
        "commitSha": run.commit_sha,
        "createdAt": present_time(run.start_ns),
        **({"status": "stalled" if time.time_ns() - run.end_ns > _STALLED_NS else "running"} if run.pending else {}),
    }


def present_experiment_item(item: ExperimentItem) -> dict[str, Any]:
    """One item: its input is the dataset's, else the root's, else that of a model call; its output the other way."""
    summary = item.trace.summary
    return {
        "traceId": summary.id,
        "itemName": _fact(item, "dataset_item_name") or summary.name,
        "expectedOutput": _fact(item, "dataset_expected_output"),
        "input": _input_text(item),
        "output": _output_text(item),
        "latencyMs": summary.latency_ms,
        "cost": float(summary.cost.usd or 0),
        "tokens": summary.tokens.total,
        "model": next((span.model for span in item.trace.spans if span.model), None),
        "scores": [
            {"name": score.name, "score": score.score, "label": score.label, "reason": score.reason}
            for score in item.scores
        ],
    }


def hash_input(value: Any) -> str:
    """64 bits of FNV-1a over the UTF-16 units of the value's canonical JSON, in 16 hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    found = _OFFSET
    units = canonical.encode("utf-16-le", "surrogatepass")
    for first in range(0, len(units), 2):
        found = ((found ^ int.from_bytes(units[first : first + 2], "little")) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def _run_trace(item: ExperimentItem) -> dict[str, Any]:
    summary = item.trace.summary
    return {
        "id": summary.id,
        "traceId": summary.id,
        "name": summary.name,
        "expectedOutput": _fact(item, "dataset_expected_output"),
        "latencyMs": summary.latency_ms,
        "cost": float(summary.cost.usd or 0),
        "tokens": summary.tokens.total,
        "score": item.scores[0].score if item.scores else None,
        "status": summary.status.upper(),
    }


def _fact(item: ExperimentItem, name: str) -> str | None:
    ours = f"{semconv.DATASET_PREFIX}{name.removeprefix('dataset_')}"
    told = (promoted(span, name, ours) for span in item.trace.spans)
    return next((one for one in told if one is not None), None)


def _ordered(item: ExperimentItem) -> tuple[list[Span], list[Span]]:
    spans = item.trace.spans
    return [span for span in spans if span.parent_id is None], [span for span in spans if span.step == "model"]


def _input_text(item: ExperimentItem) -> str:
    roots, calls = _ordered(item)
    told = (present_input(span) for span in (*roots, *calls))
    return _fact(item, "dataset_input") or next((one for one in told if one is not None), "")


def _output_text(item: ExperimentItem) -> str:
    roots, calls = _ordered(item)
    return next((one for span in (*reversed(calls), *roots) if (one := present_output(span)) is not None), "")


def _input_of(item: ExperimentItem) -> Any:
    text = _input_text(item)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
