"""What every library module is built from; nothing in here knows a library."""

from __future__ import annotations

from sojourn_instrumentors._kit.after import After
from sojourn_instrumentors._kit.body import Fields, Media
from sojourn_instrumentors._kit.channel import Channel, Turns
from sojourn_instrumentors._kit.draft import Call, Draft, Piece
from sojourn_instrumentors._kit.funnel import endpoint, funnel, sent_body, server
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
from sojourn_instrumentors._kit.once import Once
from sojourn_instrumentors._kit.operation import Operation
from sojourn_instrumentors._kit.patch import Patch
from sojourn_instrumentors._kit.plain import as_dict, as_fields, as_list, as_plain, as_text
from sojourn_instrumentors._kit.runs import Bridge, Runs
from sojourn_instrumentors._kit.step import Step

__all__ = [
    "After",
    "Bridge",
    "Call",
    "Channel",
    "Draft",
    "Fields",
    "Generation",
    "Instrumentor",
    "Media",
    "Message",
    "Once",
    "Operation",
    "Part",
    "Patch",
    "Piece",
    "Runs",
    "State",
    "Step",
    "Target",
    "Turns",
    "as_dict",
    "as_fields",
    "as_list",
    "as_plain",
    "as_text",
    "blob",
    "endpoint",
    "funnel",
    "message",
    "parse_arguments",
    "reasoning",
    "refusal",
    "sent_body",
    "server",
    "text",
    "tool_call",
    "tool_result",
    "uri",
]
