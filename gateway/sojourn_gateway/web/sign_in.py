"""Signing in with a key, for browsers, where the gateway demands keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.asgi.access import BROWSER, COOKIE, Unauthorized
from sojourn_gateway.asgi.services import SMALL, Serving, path_of
from sojourn_gateway.web.rendering import render

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services

__all__ = ["router", "send_to_sign_in"]

_LIFETIME_S: Final = 12 * 3600
_SAME_SITE: Final = "lax"
"""A link in a chat opens the page. What changes something is a POST, which bears no such cookie from another site, and
is refused there by what the browser says of itself."""

router = APIRouter()


@router.get("/sign-in")
async def form(request: Request, serving: Serving) -> Response:
    """The form; where no keys are demanded there is nothing to sign in to."""
    if not serving.access.required:
        return RedirectResponse("/sessions", 303)
    return _form(_inside(request.query_params.get("next", "")))


@router.post("/sign-in")
async def sign_in(request: Request, serving: Serving) -> Response:
    """Take a key, and leave a cookie that stands for it."""
    async with serving.intake.body(request, SMALL) as body:
        told = parse_qs(body[:8192].decode("utf-8", "replace"))
    target = _inside(told.get("next", [""])[0])
    return await run_in_threadpool(_sign_in, request, serving, told.get("key", [""])[0].strip(), target)


@router.post("/sign-out")
async def sign_out() -> Response:
    """Forget the cookie."""
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite=_SAME_SITE)
    return answer


def send_to_sign_in(request: Request) -> Response:
    """To the form, and from there back to the page that was asked for."""
    raw: bytes = request.scope.get("raw_path") or quote(path_of(request)).encode()
    query: bytes = request.scope["query_string"]
    asked = (raw + (b"?" + query if query else b"")).decode("latin-1")
    return RedirectResponse(f"/sign-in?next={quote(asked, safe='')}", 303, headers={"Cache-Control": "no-store"})


def _sign_in(request: Request, serving: Services, secret: str, target: str) -> Response:
    try:
        caller = serving.access.resolve_key(secret)
    except Unauthorized as fault:
        answer = _form(target, fault.message)
        answer.status_code = 401
        return answer
    token = serving.access.issue(caller, audience=BROWSER, lifetime_s=_LIFETIME_S)
    answer = RedirectResponse(target, 303)
    is_secure = request.scope["scheme"] == "https"
    answer.set_cookie(
        COOKIE, token, max_age=_LIFETIME_S, path="/", secure=is_secure, httponly=True, samesite=_SAME_SITE
    )
    return answer


def _form(target: str, fault: str = "") -> Response:
    return render("sign_in.html", target=target, fault=fault)


def _inside(target: str) -> str:
    """A page of ours, whatever was asked for: a link to the form must lead nobody elsewhere."""
    try:
        netloc = urlsplit(target).netloc
    except ValueError:
        return "/sessions"
    # Browsers take a backslash for a slash, and drop characters that steer.
    is_ours = target.startswith("/") and not target.startswith(("//", "/sign-")) and "\\" not in target
    return target if is_ours and not netloc and target.isprintable() else "/sessions"
