"""Templates, and the one way in which they become an answer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from fastapi import Response

__all__ = ["ASSETS", "render"]

ASSETS: Final = Path(__file__).parent / "assets"


def render(template: str, **values: object) -> Response:
    """A page; nothing of it may be kept by a cache."""
    html = _environment().get_template(template).render(values)
    # What is shown was recorded in private: no cache on disk keeps it.
    # Half a surrogate pair, which JSON can say and UTF-8 cannot, is shown as a question mark.
    return HTMLResponse(html.encode("utf-8", "replace"), headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # An asset's address changes with its content, so that no browser shows an old style after an upgrade.
    stamp = max(int(path.stat().st_mtime) for path in ASSETS.iterdir())
    environment = Environment(
        loader=PackageLoader("sojourn_gateway.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(name: str) -> str:
        return f"/assets/{name}?{stamp:x}"

    helpers: dict[str, Any] = {"asset": asset}
    environment.globals.update(helpers)
    return environment
