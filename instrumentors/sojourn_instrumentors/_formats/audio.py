"""The audio formats of OpenAI: speech from words, and words from speech."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.responses import read_usage
from sojourn_instrumentors._kit import Media, as_dict, as_list, as_plain, as_text, blob, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Part

__all__ = [
    "read_speech",
    "read_speech_chunk",
    "read_speech_parameters",
    "read_speech_sent",
    "read_transcript",
    "read_transcript_chunk",
    "read_transcript_parameters",
    "read_transcript_sent",
]

_KEPT = 24_576
"""Bytes of a sound that are recorded; of a longer one only its length is."""


def read_speech_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = body.get("model")
    gen.output_type = "speech"
    gen.stream = True if body.get("stream_format") == "sse" else None


def read_speech_sent(body: Mapping[str, Any], gen: Generation) -> None:
    if words := as_text(body.get("instructions")):
        gen.system_instructions = [text(words)]
    words = as_text(body.get("input"))
    gen.inputs = [message("user", [text(words)] if words else [])]


def read_speech(reply: Any, gen: Generation) -> None:
    """A sound, which is no JSON."""
    if gen.wants_content and isinstance(reply, Media):
        gen.outputs = [message("assistant", [_sound(reply)])]


def read_speech_chunk(part: Any, gen: Generation) -> None:
    """One event of a streamed sound: pieces, and at the end what it cost."""
    read_usage(getattr(part, "usage", None), gen)
    if gen.wants_content and part.type == "speech.audio.delta":
        size = gen.scratch.get("size", 0) + len(part.audio or "")
        gen.scratch["size"] = size
        gen.outputs = [message("assistant", [blob("audio", f"[{size} base64 characters]")])]


def read_transcript_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = body.get("model")
    gen.output_type = "text"
    gen.temperature = body.get("temperature")


def read_transcript_sent(body: Mapping[str, Any], gen: Generation) -> None:
    if words := as_text(body.get("prompt")):
        gen.inputs = [message("user", [text(words)])]


def read_transcript(reply: Any, gen: Generation) -> None:
    """A transcript: plain, in a subtitle format, with times, or by speaker."""
    if isinstance(reply, Media):
        reply = (reply.content or b"").decode("utf-8", "replace")
    if not isinstance(reply, str):
        _read_length(reply, gen)
    if gen.wants_content:
        _say(reply if isinstance(reply, str) else _spoken(reply), gen)


def read_transcript_chunk(part: Any, gen: Generation) -> None:
    """One event of a streamed transcript. The last one holds the whole; the others matter when it never comes."""
    kind = part.type
    if kind == "transcript.text.delta":
        if gen.wants_content:
            gen.draft(0).texts.append(part.delta)
    elif kind == "transcript.text.done":
        _read_length(part, gen)
        gen.drafts.clear()
        if gen.wants_content:
            _say(gen.scratch.get("segments") or part.text, gen)
    elif kind == "transcript.text.segment" and gen.wants_content:
        kept: list[Part] = gen.scratch.setdefault("segments", [])
        kept.append(_segment(as_dict(as_plain(part))))


def _read_length(reply: Any, gen: Generation) -> None:
    if getattr(reply, "logprobs", None):
        gen.others[semconv.LOGPROBS] = True
    usage = getattr(reply, "usage", None)
    seconds = getattr(usage, "seconds", None)
    if seconds is None:
        read_usage(usage, gen)
        seconds = getattr(reply, "duration", None)
    if seconds is not None:
        gen.others[semconv.USAGE_AUDIO_SECONDS] = float(seconds)


def _spoken(reply: Any) -> str | list[Part]:
    segments = [as_dict(as_plain(one)) for one in as_list(getattr(reply, "segments", None))]
    if any(one.get("speaker") for one in segments):
        return [_segment(one) for one in segments]
    return as_text(getattr(reply, "text", None)) or ""


def _segment(one: dict[str, Any]) -> Part:
    """What one speaker said. No part of the conventions names a speaker; they are open for extension."""
    return {**text(str(one.get("text", ""))), "speaker": one.get("speaker")}


def _say(said: str | list[Part], gen: Generation) -> None:
    gen.outputs = [message("assistant", [text(said)] if isinstance(said, str) else said)]


def _sound(media: Media) -> Part:
    if media.content is None or media.size > _KEPT:
        return blob("audio", f"[{media.size} bytes]", media.mime_type)
    return blob("audio", b64encode(media.content).decode(), media.mime_type)
