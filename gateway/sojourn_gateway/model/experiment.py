"""Experiments: a dataset's items, each run as a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.trace import Trace, TraceSummary

__all__ = ["Experiment", "ExperimentItem", "ExperimentsAsk", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What its spans say of a run."""

    id: str
    name: str
    dataset_path: str
    prompt_name: str
    commit_sha: str
    experiment_key: str
    tree_hash: str
    start_ns: int
    end_ns: int
    pending: bool
    trace_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run, the traces of its items, and their scores."""

    run: Run
    traces: tuple[TraceSummary, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class ExperimentItem:
    """One item of a run with all that its trace says."""

    trace: Trace
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class ExperimentsAsk:
    """Which runs, newest first."""

    limit: int = 50
    offset: int = 0
    since_ns: int | None = None
    until_ns: int | None = None
    run_id: str | None = None
    prompt_name: str | None = None
    dataset_path: str | None = None
    experiment_key: str | None = None
    tree_hash: str | None = None
