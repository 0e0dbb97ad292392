"""No request of the client is silent: what has no meaning of its own is named after its endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

from sojourn_instrumentors._formats.openai_endpoints import NAMED, find
from tests.instrumentors.openai.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrumentors.observed import Observed

REQUEST = re.compile(
    r'self\._(get|post|put|patch|delete|get_api_list)\(\s*(?:path_template\(\s*)?f?"([^"]*)"'
    r"(.*?)(?=\n    (?:async )?def |\Z)",
    re.DOTALL,
)


def requests() -> Iterator[tuple[str, str]]:
    """Method and path of every request in the client's own code, as far as programs make them."""
    for path in (Path(openai.__file__).parent / "resources").rglob("*.py"):
        for verb, url, rest in REQUEST.findall(path.read_text("utf-8")):
            posts = verb == "get_api_list" and 'method="post"' in rest
            method = "POST" if posts else "GET" if verb == "get_api_list" else verb.upper()
            template = re.sub(r"\{[^}]*\}", "{}", url.partition("?")[0])
            if not template.startswith(("/organization", "/projects")):
                yield method, template


def test_every_endpoint_of_the_client_is_listed() -> None:
    found = set(requests())

    assert len(found) > 60
    assert found - {(one.method, one.template) for one in NAMED} == set()


@pytest.mark.parametrize("one", NAMED, ids=lambda one: f"{one.method}{one.template}".replace("/", "-"))
def test_an_endpoint_is_found_by_its_path(one: Any) -> None:
    path = one.template.replace("{}", "x_1")

    assert find(one.method, path) == (one, ["x_1"] * one.template.count("{}"))
    assert find(one.method, f"https://x.test/v1{path}?after=y")[0] == one


@pytest.mark.parametrize(
    ("method", "url", "name", "template"),
    [
        ("POST", "/chat/completions", "chat.completions.create", "/chat/completions"),
        ("POST", "/openai/deployments/m-1/chat/completions", "chat.completions.create", "/chat/completions"),
        ("GET", "/organization/users/user_1", "organization.users.get", "/organization/users/{}"),
        ("POST", "/dreams/3f2a/wake", "dreams.wake.post", "/dreams/{}/wake"),
        ("GET", "/files/file_1/ghosts", "files.ghosts.get", "/files/{}/ghosts"),
        ("GET", "", "get", "/"),
    ],
)
def test_other_paths_are_named_without_the_ids_in_them(method: str, url: str, name: str, template: str) -> None:
    found, _ = find(method, url)

    assert (found.name, found.template) == (name, template)


def test_a_request_by_hand_is_recorded(observed: Observed) -> None:
    client = Service([{"ok": True}]).client()
    client.post("/dreams/3f2a/wake", body={"key": "CANARY"}, cast_to=object)

    seen = observed.one()
    assert (seen.name, seen.kind, seen.status) == ("dreams.wake.post", "client", "unset")
    assert seen.attributes == {
        "gen_ai.provider.name": "openai",
        "server.address": "api.openai.com",
        "server.port": 443,
        "http.request.method": "POST",
        "url.template": "/dreams/{id}/wake",
        "sojourn.resource.id": "3f2a",
    }


def test_what_is_sent_and_kept_beside_models_is_not_recorded(observed: Observed) -> None:
    """Some of these answers are keys."""
    client = Service([{"id": "key_1", "value": "sk-CANARY", "client_secret": "CANARY"}]).client()
    client.post("/realtime/client_secrets", body={"session": {"instructions": "CANARY"}}, cast_to=object)

    assert "CANARY" not in str(observed.one())


def test_a_chat_by_its_whole_address_is_a_chat(observed: Observed) -> None:
    client = Service([{"id": "c", "choices": [], "model": "m-2"}]).client()
    body: dict[str, Any] = {"model": "m-1", "messages": []}
    client.post("https://api.openai.com/v1/chat/completions", body=body, cast_to=object)

    assert observed.one().name == "chat m-1"
