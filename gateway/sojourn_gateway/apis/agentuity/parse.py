"""What is asked of a list: Agentuity's words to ours. Raises `HttpFault`, 400, naming the parameter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.apis.agentuity.faults import bad_request
from sojourn_gateway.ingest.agentops_rows import as_text
from sojourn_gateway.model.request import ConversationsAsk, RequestsAsk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.request import SortRequests
    from sojourn_gateway.model.span import Json

__all__ = ["MOST", "parse_conversations", "parse_requests", "parse_text"]

MOST: Final = 1000
"""Of one page; who asks for more gets these."""
_FARTHEST: Final = 2**62
_LONGEST_NUMBER: Final = 18
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SORTS: Final[dict[str, SortRequests]] = {
    "created": "created",
    "startTime": "created",
    "updated": "updated",
    "duration": "duration",
}
"""A request is created when it starts."""


def parse_requests(query: Mapping[str, str]) -> RequestsAsk:
    """Of `GET /session`."""
    return RequestsAsk(
        limit=_count(query, "limit", 10, MOST),
        offset=_count(query, "offset", 0, _FARTHEST),
        sort_by=_SORTS[_one_of(query, "sort", tuple(_SORTS))],
        descending=_one_of(query, "direction", ("desc", "asc")) == "desc",
        org=parse_text(query, "orgId"),
        project=parse_text(query, "projectId"),
        deployment=parse_text(query, "deploymentId"),
        trigger=parse_text(query, "trigger"),
        env=parse_text(query, "env"),
        devmode=_flag(query, "devmode"),
        success=_flag(query, "success"),
        conversation=parse_text(query, "threadId"),
        agent=parse_text(query, "agentIdentifier"),
        after_us=_moment(query, "startAfter"),
        before_us=_moment(query, "startBefore"),
        metadata=_metadata(query),
    )


def parse_conversations(query: Mapping[str, str]) -> ConversationsAsk:
    """Of `GET /thread`."""
    sorts: tuple[Literal["created"], Literal["updated"]] = ("created", "updated")
    sort = _one_of(query, "sort", sorts)
    return ConversationsAsk(
        limit=_count(query, "limit", 10, MOST),
        offset=_count(query, "offset", 0, _FARTHEST),
        sort_by="updated" if sort == "updated" else "created",
        descending=_one_of(query, "direction", ("desc", "asc")) == "desc",
        org=parse_text(query, "orgId"),
        project=parse_text(query, "projectId"),
        metadata=_metadata(query),
    )


def parse_text(query: Mapping[str, str], name: str) -> str | None:
    """A parameter that is any text; an empty one asks for nothing."""
    return query.get(name) or None


def _count(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f"`{name}` must be a whole number from 0")
    digits = text.lstrip("0") or "0"
    return most if len(digits) > _LONGEST_NUMBER else min(int(digits), most)


def _one_of(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    text = query.get(name) or known[0]
    if text not in known:
        raise bad_request(f"`{name}` must be one of {', '.join(known)}")
    return text


def _flag(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name, "")
    if not text:
        return None
    if text not in ("true", "false"):
        raise bad_request(f"`{name}` must be true or false")
    return text == "true"


def _moment(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        # A plus sign that nobody encoded is a space by now.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    except ValueError:
        raise bad_request(f"`{name}` must be a time in ISO 8601") from None
    since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH
    # Nothing was recorded before 1970.
    return max((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, 0)


def _metadata(query: Mapping[str, str]) -> Mapping[str, Json]:
    text = query.get("metadata", "")
    if not text:
        return {}
    try:
        # Twice, as what is kept was read: half a surrogate pair is a question mark there as well.
        found = parse_json(as_text(parse_json(text)))
    except ValueError:
        raise bad_request("`metadata` must be JSON") from None
    if not isinstance(found, dict):
        raise bad_request("`metadata` must be a JSON object")
    return cast("dict[str, Any]", found)
