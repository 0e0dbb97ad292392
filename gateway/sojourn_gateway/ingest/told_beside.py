"""What a sender tells beside its request, put to what the request says of its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from sojourn_gateway.engine import wire
from sojourn_gateway.engine.values import key_values_in
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.model.faults import TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["tell_beside"]

_MOST_BYTES: Final = 16 * 1024 * 1024
"""What is told, as often as there are resources: an empty one takes two bytes of a request."""


def tell_beside(request: bytes, told: Mapping[str, str]) -> bytes:
    """The request, each of whose resources says all that was told too; what it says already it goes on saying.

    One that cannot be read stays as it is: whoever takes it in says so. Raises `TooLarge` for one of so many resources
    that telling it to each would make it another request.
    """
    pairs = {one.key: wire.bytes_field(1, one.SerializeToString()) for one in encode_attributes(told)}
    try:
        unread = wire.field(wire.REQUEST.FromString(request), "items")
        if not unread:
            return request
        if len(unread) * sum(map(len, pairs.values())) > _MOST_BYTES:
            raise TooLarge(f"the request holds {len(unread)} resources: send it in parts")
        items = [wire.RECORDS.FromString(item) for item in unread]
        for item in items:
            resource: bytes = wire.field(item, "resource")
            said = key_values_in(wire.field(wire.SHALLOW_ATTRIBUTES.FromString(resource), "attributes"))
            added = b"".join(pair for key, pair in pairs.items() if key not in said)
            setattr(item, "resource", resource + added)  # noqa: B010  # no checker knows the field
    except DecodeError:
        return request
    return b"".join(wire.bytes_field(1, item.SerializeToString()) for item in items)
