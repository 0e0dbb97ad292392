"""What a runtime tells by hand: bodies of its requests, checked. Raises `HttpFault`, 400, naming the field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.apis.agentuity.faults import bad_request
from sojourn_gateway.engine.values import listed
from sojourn_gateway.ingest.agentops_rows import as_text
from sojourn_gateway.ingest.json_weight import check_weight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.span import Json

__all__ = ["TRIGGERS", "parse_begun", "parse_done", "parse_object", "parse_run_begun", "parse_run_done", "read_object"]

TRIGGERS: Final = ("agent", "api", "email", "sms", "cron", "manual", "discord", "websocket")

_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,512}")
"""What clients put into a path as it is."""
_SPAN: Final = re.compile(r"[0-9a-fA-F]{16}")
_LONGEST: Final = 8192
_LONGEST_THREAD: Final = 512
_LAST_MS: Final = (2**63 - 1) // 1_000_000
_NO_TRACE: Final = "sess_" + "0" * 32


async def read_object(request: Request, serving: Services) -> Mapping[str, Json]:
    """The body as an object. Raises `HttpFault` when it is none; as `Intake.body` does."""
    async with serving.intake.body(request) as body:
        # A large one must not keep all others waiting.
        return await run_in_threadpool(parse_object, body)


def parse_object(body: bytes) -> Mapping[str, Json]:
    """JSON that is an object. Raises `HttpFault`, and `TooLarge` as `check_weight` does."""
    check_weight(body)
    try:
        # Twice, so that half a surrogate pair, which UTF-8 cannot say, goes no farther.
        told = parse_json(as_text(parse_json(body)))
    except ValueError:
        raise bad_request("the body must be JSON") from None
    if not isinstance(told, dict):
        raise bad_request("the body must be a JSON object")
    return cast("dict[str, Any]", told)


def parse_begun(body: Mapping[str, Json]) -> dict[str, Json]:
    """Of `POST /session`: what is known of it, and nothing else."""
    found: dict[str, Json] = {"id": _id(body, "id")}
    if found["id"] == _NO_TRACE:
        raise bad_request("`id` is the id of no trace")
    for name in ("orgId", "projectId", "routeId", "environment", "url", "method"):
        found[name] = _text(body, name)
    found["devmode"] = _flag(body, "devmode")
    found["trigger"] = _text(body, "trigger")
    if found["trigger"] not in TRIGGERS:
        raise bad_request(f"`trigger` must be one of {', '.join(TRIGGERS)}")
    found["timestamp"] = _whole_milliseconds(body)
    optional = {
        "threadId": _optional_text(body, "threadId", _LONGEST_THREAD),
        "deploymentId": _optional_text(body, "deploymentId"),
        "metadata": _object(body, "metadata"),
    }
    return found | {name: value for name, value in optional.items() if value is not None}


def parse_done(body: Mapping[str, Json]) -> dict[str, Json]:
    """Of `PUT /session`. That the thread is null says that there is none; that it is missing, nothing."""
    found: dict[str, Json] = {"id": _id(body, "id"), "timestamp": _whole_milliseconds(body)}
    if "threadId" in body:
        found["threadId"] = _optional_text(body, "threadId", _LONGEST_THREAD)
    status = body.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int | float):
        raise bad_request("`statusCode` must be a number")
    if not 0 <= status < 1000:
        raise bad_request("`statusCode` must be the status of an answer")
    found["statusCode"] = int(status)
    agents = body.get("agentIds")
    if agents is not None:
        ids = listed(agents)
        if not isinstance(agents, list) or not all(isinstance(one, str) and len(one) <= _LONGEST for one in ids):
            raise bad_request("`agentIds` must be a list of text")
        found["agentIds"] = ids
    optional = {
        "error": _optional_text(body, "error", None),
        "userData": _optional_text(body, "userData", None),
        "metadata": _object(body, "metadata"),
    }
    return found | {name: value for name, value in optional.items() if value is not None}


def parse_run_begun(body: Mapping[str, Json]) -> dict[str, Json]:
    """Of `POST /evalrun`."""
    found: dict[str, Json] = {"id": _id(body, "id"), "sessionId": _id(body, "sessionId")}
    if found["sessionId"] == _NO_TRACE:
        raise bad_request("`sessionId` is the id of no trace")
    for name in ("evalId", "evalIdentifier", "orgId", "projectId"):
        found[name] = _text(body, name)
    found["devmode"] = _flag(body, "devmode")
    found["timestamp"] = _milliseconds(body)
    span_id = _optional_text(body, "spanId")
    optional = {
        "deploymentId": _optional_text(body, "deploymentId"),
        # An id that is none ties the run to nothing, and is no reason to lose it.
        "spanId": span_id.lower() if span_id and _SPAN.fullmatch(span_id) and set(span_id) != {"0"} else None,
    }
    return found | {name: value for name, value in optional.items() if value is not None}


def parse_run_done(body: Mapping[str, Json]) -> dict[str, Json]:
    """Of `PUT /evalrun`."""
    found: dict[str, Json] = {"id": _id(body, "id"), "timestamp": _milliseconds(body)}
    error = _optional_text(body, "error", None)
    if error is not None:
        found["error"] = error
    if "result" in body:
        found["result"] = body["result"]
    return found


def _id(body: Mapping[str, Json], name: str) -> str:
    found = _text(body, name)
    if not _ID.fullmatch(found):
        raise bad_request(f"`{name}` must be 1 to 512 letters, digits and . _ ~ -")
    return found


def _text(body: Mapping[str, Json], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        raise bad_request(f"`{name}` must be text")
    if len(found) > _LONGEST:
        raise bad_request(f"`{name}` is longer than {_LONGEST} characters")
    return found


def _optional_text(body: Mapping[str, Json], name: str, most: int | None = _LONGEST) -> str | None:
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise bad_request(f"`{name}` must be text")
    if most is not None and len(found) > most:
        raise bad_request(f"`{name}` is longer than {most} characters")
    return found


def _flag(body: Mapping[str, Json], name: str) -> bool:
    found = body.get(name)
    if not isinstance(found, bool):
        raise bad_request(f"`{name}` must be true or false")
    return found


def _milliseconds(body: Mapping[str, Json]) -> int:
    found = body.get("timestamp")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= _LAST_MS:
        raise bad_request("`timestamp` must be milliseconds since 1970")
    return int(found)


def _whole_milliseconds(body: Mapping[str, Json]) -> int:
    found = _milliseconds(body)
    if found != body.get("timestamp"):
        raise bad_request("`timestamp` must be whole milliseconds since 1970")
    return found


def _object(body: Mapping[str, Json], name: str) -> Mapping[str, Json] | None:
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, dict):
        raise bad_request(f"`{name}` must be an object")
    return cast("dict[str, Any]", found)
