"""What a span says of the request that its trace serves: pure reading of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from sojourn import semconv
from sojourn_gateway.engine import agentuity, wire
from sojourn_gateway.engine.values import as_json, attributes_of, key_values_in, listed, parsed_object, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.span import Json

__all__ = ["COLUMNS", "PLAIN", "PLAIN_COLUMNS", "PLAIN_SAID", "READING", "TELLING", "Said", "read_resource", "row_of"]

_READ: Final = (
    "project",
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "start_ns",
    "end_ns",
    "status",
    "status_message",
    "error_type",
    "a_s",
    "a_i",
    "a_d",
    "a_b",
    "a_x",
    "resource",
    "version",
    "commit",
)
"""The columns of a span that are looked at, in the order of `READING`."""

_SERVER: Final = 2
_FAILED: Final = 2
_AGENT_NAMES: Final = (agentuity.AGENT_NAME, semconv.AGENT_NAME, "agent.name")
_AGENT_IDS: Final = (semconv.AGENT_ID, "agent.id")
_METHODS: Final = (semconv.HTTP_METHOD, "http.method")
_ADDRESSES: Final = ("url.full", "http.url")
_PATHS: Final = ("url.path", "http.target", "http.path")
_HOSTS: Final = ("http.host", "server.address", "net.host.name")
_ENVIRONMENTS: Final = (agentuity.ENV, "deployment.environment.name", "deployment.environment")
_SCHEMES: Final = ("url.scheme", "http.scheme")
_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?P<port>:\d{1,5})?")
_LOCAL: Final = re.compile(r"localhost|127\.[0-9.]+|\[::1\]|[^.]+")

_ACTING: Final = (
    *_AGENT_NAMES,
    *_AGENT_IDS,
    agentuity.AGENT_ID,
    agentuity.AGENT_INSTANCE_ID,
    agentuity.EVAL_ID,
    semconv.EVALUATION_BEGUN,
)
_ALL: Final = (
    *_ACTING,
    *_METHODS,
    *_ADDRESSES,
    *_PATHS,
    *_HOSTS,
    *_SCHEMES,
    *_ENVIRONMENTS,
    agentuity.ORG,
    agentuity.PROJECT,
    agentuity.DEPLOYMENT,
    agentuity.DEVMODE,
    agentuity.EVAL_IDENTIFIER,
    agentuity.EVAL_NAME,
    agentuity.EVAL_ABOUT,
    agentuity.EVAL_RUN_ID,
    semconv.SERVER_PORT,
    semconv.REQUEST_BEGUN,
    semconv.REQUEST_DONE,
    semconv.EVALUATION_DONE,
)
TELLING: Final = (
    f"(parent_id = toFixedString(repeat(char(0), 8), 8) or kind = {_SERVER} or name = '{agentuity.ENDED}'"
    f" or hasAny(mapKeys(a_s), {list(_ACTING)}))"
)
"""Which spans say anything: those that have no parent, those of servers, of agents and of evaluations."""


_NAMES: Final = frozenset(_ALL)
_MAPS: Final = ("a_s", "a_i", "a_d", "a_b", "a_x")
# What is of no use here is not even read into Python, where it would cost most.
_KEPT: Final = " or ".join(
    (f"k in ({str(list(_ALL))[1:-1]})", *(f"startsWith(k, '{prefix}')" for prefix in semconv.METADATA_PREFIXES))
)
READING: Final = ", ".join(f"mapFilter((k, v) -> {_KEPT}, {one})" if one in _MAPS else one for one in _READ)
"""What is selected of a span."""

PLAIN: Final = (
    f"(parent_id = toFixedString(repeat(char(0), 8), 8) and kind != {_SERVER} and name != '{agentuity.ENDED}'"
    f" and not arrayExists(k -> {_KEPT}, mapKeys(a_s))"
    f" and not multiSearchAny(toString(resource), {['@agentuity/', *_ENVIRONMENTS[1:]]}))"
)
"""Which of the spans that are looked at say nothing but when they began and ended, and how."""
PLAIN_COLUMNS: Final = ("project", "trace_id", "span_id", "start_ns", "end_ns", "version", "commit")
PLAIN_SAID: Final = """'top' as role, -1 as devmode, status = 2 as failed,
    multiIf(status != 2, '', status_message != '', status_message, toString(error_type)) as error"""
"""What a plain span says, as `row_of` would tell it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a span says; what it does not say is empty. Names are those of the columns."""

    role: str
    """`record` for what a runtime told by hand, `root` and `top` for what has no parent and serves a request or none,
    `agent`, `server`, `end`; `eval` for a span of an evaluation, `evaluated` for one that was told by hand."""
    own_id: str = ""
    failed: bool = False
    error: str = ""
    org: str = ""
    app: str = ""
    deployment: str = ""
    env: str = ""
    devmode: int = -1
    trigger: str = ""
    method: str = ""
    url: str = ""
    origin: str = ""
    """Scheme and host, where `url` is a path alone."""
    route: str = ""
    metadata: str = ""
    user_data: str = ""
    identifiers: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    """Of agents, in the same order."""
    agent_ids: list[str] = field(default_factory=list[str])
    eval_id: str = ""
    eval_identifier: str = ""
    eval_name: str = ""
    eval_about: str = ""
    run_session: str = ""
    result: str = ""


_SAID: Final = tuple(one.name for one in fields(Said))
COLUMNS: Final = ("project", "trace_id", "span_id", "start_ns", "end_ns", "version", "commit", *_SAID)
"""The columns of `row_of`, in order."""


def row_of(row: Row, resources: dict[bytes, Mapping[str, Json]]) -> list[object]:
    """What a row of `READING` says; `resources` remembers those that were read."""
    told = dict[str, Any](zip(_READ, row, strict=True))
    attributes = attributes_of(*(told[name] for name in _MAPS))
    resource = told["resource"]
    if resource not in resources:
        resources[resource] = read_resource(resource)
    said = _said(told, attributes, resources[resource])
    key = (told["project"], told["trace_id"], told["span_id"], told["start_ns"], told["end_ns"])
    return [text(key[0]), *key[1:], told["version"], told["commit"], *(getattr(said, name) for name in _SAID)]


def read_resource(data: bytes) -> Mapping[str, Json]:
    """What a resource says; nothing for one that cannot be read."""
    try:
        return key_values_in(wire.field(wire.SHALLOW_ATTRIBUTES.FromString(data), "attributes"))
    except DecodeError:
        return {}


def _said(told: Mapping[str, Any], attributes: Mapping[str, Json], resource: Mapping[str, Json]) -> Said:
    if semconv.REQUEST_BEGUN in attributes:
        return _of_record(attributes)
    if semconv.EVALUATION_BEGUN in attributes:
        return _of_evaluation(attributes)
    parentless = not any(told["parent_id"])
    if parentless and told["kind"] != _SERVER and not attributes.keys() & _NAMES and not resource.keys() & _NAMES:
        return _of_plain(told, attributes)
    whole = {**resource, **attributes}
    method = _first(attributes, _METHODS)
    failed = told["status"] == _FAILED
    identifiers, names, agent_ids = _agent(attributes)
    evaluates = agentuity.EVAL_ID in attributes
    role = _role(told, parentless=parentless, serves=bool(method), acts=bool(identifiers), evaluates=evaluates)
    devmode = whole.get(agentuity.DEVMODE)
    address = _first(attributes, _ADDRESSES)
    serves = parentless or told["kind"] == _SERVER
    return Said(
        role=role,
        own_id=_known(attributes, agentuity.EVAL_RUN_ID) if evaluates else "",
        failed=failed,
        error=(text(told["status_message"]) or text(told["error_type"])) if failed else "",
        org=_known(whole, agentuity.ORG),
        app=_known(whole, agentuity.PROJECT),
        deployment=_known(whole, agentuity.DEPLOYMENT),
        env=_first(whole, _ENVIRONMENTS),
        devmode=int(devmode) if isinstance(devmode, bool) else -1,
        # What was asked of others is no address of ours.
        method=method if serves else "",
        url=(address or _first(attributes, _PATHS)) if serves else "",
        origin=_origin(attributes) if serves else "",
        metadata=_metadata(attributes) if parentless else "",
        identifiers=identifiers,
        names=names,
        agent_ids=agent_ids,
        eval_id=_known(attributes, agentuity.EVAL_ID),
        eval_identifier=_known(attributes, agentuity.EVAL_IDENTIFIER),
        eval_name=_known(attributes, agentuity.EVAL_NAME),
        eval_about=_known(attributes, agentuity.EVAL_ABOUT),
    )


def _of_plain(told: Mapping[str, Any], attributes: Mapping[str, Json]) -> Said:
    """What nearly all say that say anything: metadata. Looking for all else would cost five times as much."""
    name, status = text(told["name"]), told["status"]
    return Said(
        role="end" if name == agentuity.ENDED else "top",
        failed=status == _FAILED,
        error=(text(told["status_message"]) or text(told["error_type"])) if status == _FAILED else "",
        metadata=_metadata(attributes),
    )


def _role(told: Mapping[str, Any], *, parentless: bool, serves: bool, acts: bool, evaluates: bool) -> str:
    if evaluates:
        return "eval"
    if text(told["name"]) == agentuity.ENDED:
        return "end"
    if parentless:
        return "root" if serves or told["kind"] == _SERVER else "top"
    return "agent" if acts else "server"


def _of_record(attributes: Mapping[str, Json]) -> Said:
    begun = _by_hand(attributes, semconv.REQUEST_BEGUN)
    done = _by_hand(attributes, semconv.REQUEST_DONE)
    status = done.get("statusCode")
    error = _text(done, "error")
    metadata = done.get("metadata") if done.get("metadata") is not None else begun.get("metadata")
    return Said(
        role="record",
        own_id=_text(begun, "id"),
        failed=bool(error) or (isinstance(status, int | float) and status >= 500),
        error=error,
        org=_text(begun, "orgId"),
        app=_text(begun, "projectId"),
        deployment=_text(begun, "deploymentId"),
        env=_text(begun, "environment"),
        devmode=int(begun.get("devmode") is True),
        trigger=_text(begun, "trigger"),
        method=_text(begun, "method"),
        url=_text(begun, "url"),
        route=_text(begun, "routeId"),
        metadata="" if metadata is None else as_json(metadata),
        user_data=_text(done, "userData"),
        agent_ids=[str(one) for one in listed(done.get("agentIds"))],
    )


def _of_evaluation(attributes: Mapping[str, Json]) -> Said:
    begun = _by_hand(attributes, semconv.EVALUATION_BEGUN)
    done = _by_hand(attributes, semconv.EVALUATION_DONE)
    error = _text(done, "error")
    return Said(
        role="evaluated",
        own_id=_text(begun, "id"),
        failed=bool(error),
        error=error,
        org=_text(begun, "orgId"),
        app=_text(begun, "projectId"),
        deployment=_text(begun, "deploymentId"),
        devmode=int(begun.get("devmode") is True),
        eval_id=_text(begun, "evalId"),
        eval_identifier=_text(begun, "evalIdentifier"),
        run_session=_text(begun, "sessionId"),
        # `null` is an answer as well, told apart from none.
        result=as_json([done["result"]]) if "result" in done else "",
    )


def _agent(attributes: Mapping[str, Json]) -> tuple[list[str], list[str], list[str]]:
    """Identifier, name and all ids of the agent that a span names, if it names one."""
    name = _first(attributes, _AGENT_NAMES)
    ids = [one for key in (agentuity.AGENT_ID, agentuity.AGENT_INSTANCE_ID) if (one := _known(attributes, key))] or [
        one for key in _AGENT_IDS if (one := _known(attributes, key))
    ][:1]
    stable = next((one for one in ids if not one.startswith("agentid_")), ids[0] if ids else name)
    if not stable:
        return [], [], []
    return [stable], [name or stable], list(dict.fromkeys(ids)) or [stable]


def _origin(attributes: Mapping[str, Json]) -> str:
    """Scheme and host of a server's span; empty when it does not say them, or nothing that could be an address."""
    host = _first(attributes, _HOSTS)
    port = attributes.get(semconv.SERVER_PORT)
    if host and ":" not in host and isinstance(port, int):
        host = f"{host}:{port}"
    found = _HOST.fullmatch(host)
    if found is None:
        return ""
    scheme = _first(attributes, _SCHEMES)
    if scheme not in ("http", "https"):
        scheme = "http" if _LOCAL.fullmatch(found["name"]) else "https"
    return f"{scheme}://{host.lower()}"


def _metadata(attributes: Mapping[str, Json]) -> str:
    if not any(key.startswith(semconv.METADATA_PREFIXES) for key in attributes):
        return ""
    found: dict[str, Json] = {}
    for prefix in semconv.METADATA_PREFIXES:
        found.update((key[len(prefix) :], value) for key, value in attributes.items() if key.startswith(prefix))
    return as_json(found)


def _first(attributes: Mapping[str, Json], names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := _known(attributes, name))), "")


def _known(attributes: Mapping[str, Json], name: str) -> str:
    found = attributes.get(name)
    return found if isinstance(found, str) and found != agentuity.UNKNOWN else ""


def _by_hand(attributes: Mapping[str, Json], name: str) -> dict[str, Json]:
    """What a runtime told. Anybody can send such an attribute: whatever is in it, all others must stay readable."""
    found = parsed_object(str(attributes.get(name, "")))
    try:
        written = as_json(found)
    except RecursionError:
        return {}
    # Half a surrogate pair, which JSON can say and the engine cannot keep, becomes a question mark.
    kept = written.encode("utf-8", "replace").decode()
    return found if kept == written else parsed_object(kept)


def _text(told: Mapping[str, Json], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""
