"""Writes `docs/api.md` from the OpenAPI documents of all contracts.

python -m tools.api_document            # writes it
python -m tools.api_document --check    # says whether it is stale
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sojourn.home import Home
from sojourn_gateway.apis.openapi import documents
from sojourn_gateway.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE", "render"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "api.md"

_HEAD: Final = """\
# The APIs

The gateway answers the session APIs of four products over one store. Each has a document in OpenAPI 3.1 that says every
parameter and field; this page, made of those by `python -m tools.api_document`, says what there is.

| contract | document |
|---|---|
| our own, and AgentMark's: `/v1` | `/openapi/agentmark.json`, also `/v1/openapi.json` |
| AgentOps: `/v2`, `/v3`, `/v4`, `/public/v1` | `/openapi/agentops.json` |
| Agentuity: `/session`, `/thread`, `/evalrun`, `/cli` | `/openapi/agentuity.json` |
| Kore.ai: `/api/projects`, `/api/public/analytics` | `/openapi/kore.json` |

A key goes into any of the headers `Authorization: Bearer`, `X-API-Key` and `X-Agentops-Api-Key` ([keys](keys.md)); a
gateway on this machine asks for none. Lists of `/v1` are chosen by the [filter language](filters.md). The JSON of a
body may unfold to 256 MiB of values; what would be more is refused with 413, in the words of the contract. OTLP in
protobuf has no such limit but that of `SOJOURN_MAX_BODY_BYTES`.
"""
_TITLES: Final = {
    "agentmark": "Our own, and AgentMark's",
    "agentops": "AgentOps'",
    "agentuity": "Agentuity's",
    "kore": "Kore.ai's",
}


def render() -> str:
    """The page."""
    with tempfile.TemporaryDirectory() as folder:
        told = documents(create_app(Home(Path(folder))))
    return "\n".join((_HEAD, *(line for name, document in told.items() for line in _contract(name, document))))


def _contract(name: str, document: dict[str, Any]) -> Iterator[str]:
    yield f"## {_TITLES[name]}"
    yield ""
    yield "| | path | what | parameters |"
    yield "|---|---|---|---|"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = ", ".join(_parameters(operation))
            yield f"| `{method.upper()}` | `{path}` | {_cell(operation['summary'])} | {told} |"
    yield ""


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") != "path":
            yield f"`{parameter['name']}`" + (" (needed)" if parameter.get("required") else "")
    body: dict[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    members: dict[str, Any] = body.get("schema", {}).get("properties", {})
    if members:
        yield "in the body " + ", ".join(f"`{name}`" for name in members)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip().rstrip(".")


def main() -> int:
    """Write the page, or say that it is stale."""
    page = render()
    if "--check" in sys.argv[1:]:
        fresh = PAGE.is_file() and PAGE.read_text() == page
        print("docs/api.md is up to date" if fresh else "docs/api.md is stale: python -m tools.api_document")
        return 0 if fresh else 1
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
