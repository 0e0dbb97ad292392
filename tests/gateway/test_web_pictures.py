"""Pictures that were sent to a model: shown as they were recorded, and nothing else is loaded in their place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.model.messages import Media, Text, parse_messages
from sojourn_gateway.web import conversation
from sojourn_gateway.web.pictures import picture_of
from tests.gateway.story import Story

if TYPE_CHECKING:
    from tests.gateway.serving import Served

DATA = "iVBORw0KGgo="
ADDRESS = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": DATA},
        {"type": "uri", "modality": "image", "uri": ADDRESS},
        {"type": "image_url", "image_url": {"url": ADDRESS}},
        {"type": "input_image", "image_url": ADDRESS},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    ],
)
def test_a_picture_is_known_in_the_words_of_each_provider(part: dict[str, Any]) -> None:
    assert picture_of(json.dumps(part)) == ADDRESS


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://elsewhere.example/a.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/svg+xml;base64,{DATA}"}},
        {"type": "image_url", "image_url": {"url": 'data:image/png;base64,"><script>'}},
        {"type": "blob", "mime_type": "text/html", "content": DATA},
        {"type": "blob", "mime_type": "image/png", "content": "[40000 bytes]"},
        {"type": "uri", "uri": ["a"]},
        ["no", "part"],
    ],
)
def test_what_is_no_picture_of_ours_is_not_shown_as_one(part: Any) -> None:
    assert picture_of(json.dumps(part)) == ""
    assert picture_of("no JSON") == ""


def test_what_is_nearly_a_picture_is_told_apart_at_once() -> None:
    """Looked at again from each of its places it would take a day."""
    assert picture_of(json.dumps({"url": f"data:image/png;base64,{' ' * 3_000_000}!"})) == ""


def test_a_page_holds_so_many_pictures_and_says_where_others_are(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "_MOST_PICTURES", 2 * len(ADDRESS))
    story = Story("s-1")
    for number in range(4):
        parts = [{"type": "text", "content": f"What is {number}?"}, {"type": "image_url", "image_url": ADDRESS}]
        asked = json.dumps([{"role": "user", "parts": parts}])
        call = story.begin("chat m", number, gen_ai__operation__name="chat", gen_ai__input__messages=asked)
        story.end(call, number + 0.5)
    gateway.keep(story)

    page = gateway.get("/sessions/s-1", view="conversation").text
    assert (page.count('<img class="picture"'), page.count("[image_url]")) == (2, 4)


def test_a_picture_shows_in_the_conversation_and_in_the_panel(gateway: Served) -> None:
    story = Story("s-1")
    parts = [{"type": "text", "content": "What is this?"}, {"type": "image_url", "image_url": {"url": ADDRESS}}]
    asked = json.dumps([{"role": "user", "parts": parts}])
    call = story.begin("chat m", 0, gen_ai__operation__name="chat", gen_ai__input__messages=asked)
    story.end(call, 1)
    gateway.keep(story)
    (step,) = gateway.data("/v1/sessions/s-1")["spans"]

    shown = f'<img class="picture" src="{ADDRESS}"'
    assert shown in gateway.get("/sessions/s-1", view="conversation").text
    panel = gateway.get(f"/spans/{step['trace_id']}/{step['id']}", session="s-1")
    assert shown in panel.text
    assert "img-src 'self' data:;" in panel.headers["content-security-policy"]


def test_parts_of_any_depth_are_shown_in_some_way() -> None:
    """Python reads somewhat deeper than it writes; what it cannot write again stands as it was recorded."""
    kinds = set[bool]()
    for deep in range(860, 980):
        said = f'[{{"role":"user","parts":[{{"type":"odd","value":{"[" * deep}{"]" * deep}}}]}}]'
        (message,) = parse_messages(said, role="user")
        assert [picture_of(part.text) for part in message.parts if isinstance(part, Media)] in ([], [""])
        kinds.add(message.parts == (Text(said),))
    assert True in kinds
