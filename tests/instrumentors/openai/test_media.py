"""Pictures, sounds and vectors: what they cost and how long they are; small ones are kept, large ones are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.openai.bodies import PICTURE_TOKENS, TOLD_PICTURE_TOKENS, verdict
from tests.instrumentors.openai.service import Raw, Service

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

FILE = ("a.wav", b"RIFF", "audio/wav")
VECTOR: Any = {
    "object": "list",
    "model": "e-1",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.123456789] * 1536}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def output_of(observed: Observed) -> list[dict[str, Any]]:
    [message] = observed.one()["gen_ai.output.messages"]
    found: list[dict[str, Any]] = message["parts"]
    return found


def test_a_vector_is_not_recorded_only_its_length(observed: Observed) -> None:
    Service([VECTOR]).client().embeddings.create(model="e-1", input="x", encoding_format="float")

    seen = observed.one()
    assert seen["gen_ai.embeddings.dimension.count"] == 1536
    assert "0.1234" not in str(seen)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("x", ["x"]),
        (["x", "y"], ["x", "y"]),
        ([1, 2, 3], ["[3 tokens]"]),
        ([[1, 2], [3]], ["[2 tokens]", "[1 tokens]"]),
    ],
)
def test_what_is_embedded_is_a_message_each(given: Any, told: list[str], observed: Observed) -> None:
    Service([VECTOR]).client().embeddings.create(model="e-1", input=given)

    sent = observed.one()["gen_ai.input.messages"]
    assert [one["parts"][0]["content"] for one in sent] == told


@pytest.mark.parametrize("raw", [True, False])
def test_vectors_in_raw_responses_are_measured_too(raw: bool, observed: Observed) -> None:
    embeddings = Service([VECTOR]).client().embeddings
    if raw:
        embeddings.with_raw_response.create(model="e-1", input="x")
    else:
        with embeddings.with_streaming_response.create(model="e-1", input="x") as streaming:
            streaming.read()

    assert observed.one()["gen_ai.embeddings.dimension.count"] == 1536


def test_pictures_by_address_and_the_words_that_made_them(observed: Observed) -> None:
    told = {"created": 1, "data": [{"url": "https://x.test/a.png", "revised_prompt": "a grey cat"}]}
    Service([told]).client().images.generate(model="i-1", prompt="a cat", n=2)

    assert output_of(observed) == [
        {"type": "text", "content": "a grey cat"},
        {"type": "uri", "modality": "image", "uri": "https://x.test/a.png"},
    ]
    assert observed.one()["gen_ai.request.choice.count"] == 2


def test_a_large_picture_is_only_measured(observed: Observed) -> None:
    told = {"created": 1, "data": [{"b64_json": "A" * 40_000}]}
    Service([told]).client().images.generate(model="i-1", prompt="a cat")

    assert output_of(observed)[0]["content"] == "[40000 base64 characters]"


def test_of_a_streamed_picture_the_finished_one_is_kept(observed: Observed) -> None:
    about = {"created_at": 1, "size": "1024x1024", "quality": "low", "background": "auto", "output_format": "png"}
    events = [
        {"type": "image_generation.partial_image", "b64_json": "aa==", "partial_image_index": 0, **about},
        {"type": "image_generation.completed", "b64_json": "aGk=", "usage": PICTURE_TOKENS, **about},
    ]
    images: Any = Service([events]).client().images
    try:
        stream = images.generate(model="i-1", prompt="a cat", stream=True, partial_images=1)
    except TypeError:
        pytest.skip("this release of the client streams no pictures")
    assert [type(part).__name__ for part in stream] == ["ImageGenPartialImageEvent", "ImageGenCompletedEvent"]

    seen = observed.one()
    assert TOLD_PICTURE_TOKENS.items() <= seen.attributes.items()
    assert "gen_ai.response.time_to_first_chunk" in seen.attributes
    assert output_of(observed) == [{"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/png"}]


def test_a_long_sound_is_only_measured_and_reaches_the_program_whole(observed: Observed) -> None:
    sound = b"\x00" * 100_000
    reply = Service([Raw(sound, "audio/mpeg")]).client().audio.speech.create(model="t-1", voice="alloy", input="x")

    assert reply.read() == sound
    assert output_of(observed) == [
        {"type": "blob", "modality": "audio", "content": "[100000 bytes]", "mime_type": "audio/mpeg"}
    ]


def test_a_sound_that_is_read_as_it_comes_is_measured(observed: Observed) -> None:
    speech = Service([Raw(b"\x00" * 50_000, "audio/mpeg")]).client().audio.speech
    with speech.with_streaming_response.create(model="t-1", voice="alloy", input="x") as streaming:
        assert sum(map(len, streaming.iter_bytes(1024))) == 50_000

    assert output_of(observed)[0]["content"] == "[50000 bytes]"


def test_speech_by_events_tells_its_tokens(observed: Observed) -> None:
    usage = {"input_tokens": 5, "output_tokens": 60, "total_tokens": 65}
    events = [
        {"type": "speech.audio.delta", "audio": "aGk="},
        {"type": "speech.audio.delta", "audio": "aGk="},
        {"type": "speech.audio.done", "usage": usage},
    ]
    speech = Service([events]).client().audio.speech
    body = {"stream_format": "sse"}
    with speech.with_streaming_response.create(model="t-1", voice="a", input="x", extra_body=body) as streaming:
        assert sum(line.startswith("data:") for line in streaming.iter_lines()) == 4

    seen = observed.one()
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (5, 60)
    assert seen["gen_ai.request.stream"] is True
    assert output_of(observed)[0]["content"] == "[8 base64 characters]"


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_a_transcript_may_be_plain_text(form: Any, observed: Observed) -> None:
    service = Service([Raw(b"Ni\n", "text/plain")])
    service.client().audio.transcriptions.create(model="w-1", file=FILE, response_format=form)

    assert output_of(observed) == [{"type": "text", "content": "Ni\n"}]


def test_a_transcript_by_speaker_says_who_spoke(observed: Observed) -> None:
    segments = [
        {"id": "1", "type": "transcript.text.segment", "start": 0, "end": 1, "speaker": "A", "text": "Hi"},
        {"id": "2", "type": "transcript.text.segment", "start": 1, "end": 2, "speaker": "B", "text": "Ni"},
    ]
    told: dict[str, Any] = {"task": "transcribe", "text": "Hi Ni", "duration": 2, "segments": segments}
    told["usage"] = {"type": "duration", "seconds": 2}
    client = Service([told]).client()
    client.audio.transcriptions.create(model="w-1", file=FILE, extra_body={"response_format": "diarized_json"})

    assert output_of(observed) == [
        {"type": "text", "content": "Hi", "speaker": "A"},
        {"type": "text", "content": "Ni", "speaker": "B"},
    ]
    seen = observed.one()
    assert seen["sojourn.usage.audio.seconds"] == 2.0
    assert "gen_ai.usage.input_tokens" not in seen.attributes


@pytest.mark.parametrize("left", [True, False])
def test_a_streamed_transcript_is_read_as_it_comes(left: bool, observed: Observed) -> None:
    usage = {"type": "tokens", "input_tokens": 20, "output_tokens": 2, "total_tokens": 22}
    events = [
        {"type": "transcript.text.delta", "delta": "N"},
        {"type": "transcript.text.delta", "delta": "i"},
        {"type": "transcript.text.done", "text": "Ni", "usage": usage, "logprobs": [{"token": "Ni", "logprob": -1}]},
    ]
    transcriptions: Any = Service([events]).client().audio.transcriptions
    try:
        stream = transcriptions.create(model="w-1", file=FILE, stream=True)
    except TypeError:
        pytest.skip("this release of the client streams no transcripts")
    with stream:
        for part in stream:
            if left and part.type == "transcript.text.delta":
                break

    seen = observed.one()
    assert output_of(observed) == [{"type": "text", "content": "N" if left else "Ni"}]
    assert seen.attributes.get("gen_ai.usage.input_tokens") == (None if left else 20)
    assert seen.attributes.get("sojourn.response.logprobs") == (None if left else True)


def test_a_moderation_of_pictures_and_words(observed: Observed) -> None:
    given: Any = [
        {"type": "text", "text": "Hello"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
    ]
    service = Service([verdict(**{"self-harm/intent": True, "violence": True})])
    service.client().moderations.create(model="omni-moderation-latest", input=given)

    seen = observed.one()
    assert [one["parts"][0]["type"] for one in seen["gen_ai.input.messages"]] == ["text", "uri"]
    assert seen["sojourn.moderation.categories"] == ("self_harm_intent", "violence")
    assert seen["sojourn.output"][0]["flagged"] is True


def test_a_raw_moderation_names_the_categories_alike(observed: Observed) -> None:
    service = Service([verdict(**{"self-harm/intent": True})])
    with service.client().moderations.with_streaming_response.create(input="x") as streaming:
        streaming.read()

    assert observed.one()["sojourn.moderation.categories"] == ("self_harm_intent",)


def test_a_harmless_text_is_not_flagged(observed: Observed) -> None:
    Service([verdict()]).client().moderations.create(input="x")

    seen = observed.one()
    assert seen.name == "moderation"
    assert seen["sojourn.moderation.flagged"] is False
    assert (seen["sojourn.guardrail.passed"], seen["sojourn.guardrail.score"]) == (True, 0.1)
    assert "sojourn.guardrail.reason" not in seen.attributes
    assert "sojourn.moderation.categories" not in seen.attributes


@pytest.mark.parametrize(
    ("prompt", "told"),
    [("x", ["x"]), (["x", "y"], ["x", "y"]), ([1, 2], ["[2 tokens]"]), ([[1], [2, 3]], ["[1 tokens]", "[2 tokens]"])],
)
def test_each_prompt_of_a_completion_is_a_message(prompt: Any, told: list[str], observed: Observed) -> None:
    choices = [{"index": 0, "text": "Ni", "finish_reason": "stop", "logprobs": {"tokens": ["Ni"]}}]
    reply = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": choices}
    Service([reply]).client().completions.create(model="m-1", prompt=prompt)

    seen = observed.one()
    assert [one["parts"][0]["content"] for one in seen["gen_ai.input.messages"]] == told
    assert seen["sojourn.response.logprobs"] is True


def test_a_streamed_completion_is_put_together(observed: Observed) -> None:
    def piece(text: str, reason: str | None = None, **rest: Any) -> dict[str, Any]:
        choices = [{"index": 0, "text": text, "finish_reason": reason, "logprobs": None}]
        return {"id": "c", "object": "text_completion", "created": 1, "model": "m-2", "choices": choices, **rest}

    usage = {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
    events: list[Any] = [piece("N"), piece("i", "stop"), {**piece(""), "choices": [], "usage": usage}]
    list(Service([events]).client().completions.create(model="m-1", prompt="x", stream=True))

    seen = observed.one()
    assert output_of(observed) == [{"type": "text", "content": "Ni"}]
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (2, 2)
    assert seen["gen_ai.response.finish_reasons"] == ("stop",)
