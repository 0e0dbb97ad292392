"""The names under which programs of Agentuity tell of themselves, on spans and on resources."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGENT_ID",
    "AGENT_INSTANCE_ID",
    "AGENT_NAME",
    "DEPLOYMENT",
    "DEVMODE",
    "ENDED",
    "ENV",
    "EVAL_ABOUT",
    "EVAL_ID",
    "EVAL_IDENTIFIER",
    "EVAL_NAME",
    "EVAL_RUN_ID",
    "ORG",
    "PROJECT",
    "THREAD",
    "UNKNOWN",
]

ORG: Final = "@agentuity/orgId"
PROJECT: Final = "@agentuity/projectId"
DEPLOYMENT: Final = "@agentuity/deploymentId"
ENV: Final = "@agentuity/env"
DEVMODE: Final = "@agentuity/devmode"
THREAD: Final = "@agentuity/threadId"
AGENT_ID: Final = "@agentuity/agentId"
AGENT_INSTANCE_ID: Final = "@agentuity/agentInstanceId"
"""Releases of January 2026 had these two the other way round: what is of a deployment begins with `agentid_`."""
AGENT_NAME: Final = "@agentuity/agentName"
EVAL_ID: Final = "@agentuity/evalId"
EVAL_IDENTIFIER: Final = "@agentuity/evalIdentifier"
EVAL_NAME: Final = "@agentuity/evalName"
EVAL_ABOUT: Final = "@agentuity/evalDescription"
EVAL_RUN_ID: Final = "@agentuity/evalRunId"

ENDED: Final = "Session End"
"""The span by which a runtime marks that a request was answered."""
UNKNOWN: Final = "unknown"
"""What stands in place of an id that a runtime does not know."""
