"""Tokens that this gateway issues in the name of a key: JSON Web Tokens, signed with a secret of the records."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BadToken", "Claims", "Tokens", "looks_like_token"]

_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_LONGEST: Final = 4096


class BadToken(Exception):
    """A token that says nothing: not ours, changed on its way, or too old."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says."""

    project: str
    key_id: str | None
    """The key in whose name it was issued; None for one of a gateway that asks for no keys."""
    audience: str
    expires_s: int
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Whatever else the issuer put in."""


class Tokens:
    """Issues and reads tokens; `secret` is asked for once, when it is first needed."""

    def __init__(self, secret: Callable[[], bytes], *, now_s: Callable[[], float] = time.time) -> None:
        self._ask = secret
        self._secret: bytes | None = None
        self._now_s = now_s

    def issue(
        self, project: str, key_id: str | None, *, audience: str, lifetime_s: int, more: Mapping[str, Any] | None = None
    ) -> str:
        """A token that is good for `lifetime_s` seconds."""
        now_s = int(self._now_s())
        claims = {
            **(more or {}),
            "project": project,
            "key": key_id,
            "aud": audience,
            "iat": now_s,
            "exp": now_s + lifetime_s,
        }
        signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
        return f"{signed}.{_text(self._signature(signed))}"

    def read(self, token: str) -> Claims:
        """What a token says. Raises `BadToken`."""
        signed, _, signature = token.rpartition(".")
        if len(token) > _LONGEST or not token.isascii():
            raise BadToken("this is no token of this gateway")
        # The signature first: of what somebody else wrote nothing is even parsed.
        if not hmac.compare_digest(_text(self._signature(signed)), signature):
            raise BadToken("the token was not issued by this gateway")
        header, _, body = signed.partition(".")
        if _decoded(header).get("alg") != _HEADER["alg"]:
            raise BadToken("the token is signed in a way that this gateway does not use")
        told = _decoded(body)
        if told["exp"] <= self._now_s():
            raise BadToken("the token has expired", expired=True)
        known = ("project", "key", "aud", "exp", "iat")
        return Claims(
            project=told["project"],
            key_id=told["key"],
            audience=told["aud"],
            expires_s=told["exp"],
            more={name: value for name, value in told.items() if name not in known},
        )

    def _signature(self, signed: str) -> bytes:
        if self._secret is None:
            self._secret = self._ask()
        return hmac.digest(self._secret, signed.encode(), hashlib.sha256)


def looks_like_token(text: str) -> bool:
    """Whether this has the shape of a token; keys have not."""
    return text.count(".") == 2 and text.startswith("eyJ")


def _encoded(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except (ValueError, binascii.Error):
        raise BadToken("this is no token of this gateway") from None
