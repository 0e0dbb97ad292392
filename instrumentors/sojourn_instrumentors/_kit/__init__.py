"""What every library module is built from; nothing in here knows a library."""

from __future__ import annotations

from sojourn_instrumentors._kit.body import Fields
from sojourn_instrumentors._kit.draft import Call, Draft
from sojourn_instrumentors._kit.generation import Generation
from sojourn_instrumentors._kit.instrumentor import Instrumentor, State, Target
from sojourn_instrumentors._kit.messages import (
    Message,
    Part,
    blob,
    message,
    parse_arguments,
    reasoning,
    refusal,
    text,
    tool_call,
    tool_result,
    uri,
)
from sojourn_instrumentors._kit.operation import Operation
from sojourn_instrumentors._kit.patch import Patch
from sojourn_instrumentors._kit.plain import as_dict, as_list, as_text
from sojourn_instrumentors._kit.runs import Bridge, Runs
from sojourn_instrumentors._kit.step import Step

__all__ = [
    "Bridge",
    "Call",
    "Draft",
    "Fields",
    "Generation",
    "Instrumentor",
    "Message",
    "Operation",
    "Part",
    "Patch",
    "Runs",
    "State",
    "Step",
    "Target",
    "as_dict",
    "as_list",
    "as_text",
    "blob",
    "message",
    "parse_arguments",
    "reasoning",
    "refusal",
    "text",
    "tool_call",
    "tool_result",
    "uri",
]
