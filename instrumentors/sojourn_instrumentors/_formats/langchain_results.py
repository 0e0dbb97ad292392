"""What models answer through LangChain: their words, tokens and reasons, read by what the results have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._formats.finish import finish
from sojourn_instrumentors._formats.langchain_messages import read_message
from sojourn_instrumentors._kit import Generation, as_dict, as_list, as_text, message, text

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Message

__all__ = ["read_result"]

_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
# LangChain makes these up for providers that give no id.
_MADE_UP = ("run-", "lc_run-")


def read_result(result: Any, gen: Generation) -> None:
    """What a model answered, whole, or in part when `result` came with an error."""
    answers = as_list(next(iter(as_list(getattr(result, "generations", None))), None))
    if not answers:
        return
    said = getattr(answers[0], "message", None)
    about = {
        **as_dict(result.llm_output),
        **as_dict(getattr(answers[0], "generation_info", None)),
        **as_dict(getattr(said, "response_metadata", None)),
    }
    gen.response_model = as_text(about.get("model_name") or about.get("model"))
    response_id = as_text(about.get("id") or getattr(said, "id", None)) or ""
    gen.response_id = None if response_id.startswith(_MADE_UP) else response_id or None
    gen.response_service_tier = as_text(about.get("service_tier"))
    gen.fingerprint = as_text(about.get("system_fingerprint"))
    reasons = [_reason(about)]
    if len(answers) > 1:
        reasons = [_reason_of(answer) or reasons[0] for answer in answers]
    gen.finish_reasons = [reason for reason in reasons if reason] or None
    _read_usage(_usage(said, about), gen)
    if gen.wants_content:
        gen.outputs = [_answer(answer, reason) for answer, reason in zip(answers, reasons, strict=True)]


def _reason(about: dict[str, Any]) -> str | None:
    for name in _REASONS:
        if found := as_text(about.get(name)):
            return finish(found)
    return as_text(as_dict(about.get("incomplete_details")).get("reason"))


def _reason_of(answer: Any) -> str | None:
    said = as_dict(getattr(getattr(answer, "message", None), "response_metadata", None))
    return _reason({**as_dict(getattr(answer, "generation_info", None)), **said})


def _usage(said: Any, about: dict[str, Any]) -> dict[str, Any]:
    return as_dict(getattr(said, "usage_metadata", None)) or as_dict(about.get("token_usage") or about.get("usage"))


def _read_usage(usage: dict[str, Any], gen: Generation) -> None:
    if usage.get("total_cost") == 0:
        return  # answered from LangChain's cache: the numbers are those of the call that filled it
    gen.input_tokens = usage.get("input_tokens", usage.get("prompt_tokens"))
    gen.output_tokens = usage.get("output_tokens", usage.get("completion_tokens"))
    written, apart = None, None
    for name, count in as_dict(usage.get("input_token_details")).items():
        # Some integrations write the tier of service in front: `priority_cache_read`.
        if name.endswith("cache_read"):
            gen.cache_read_tokens = _sum(gen.cache_read_tokens, count)
        elif name.endswith("cache_creation"):
            written = _sum(written, count)
        elif name.startswith("ephemeral_"):
            apart = _sum(apart, count)
        elif name == "audio":
            gen.audio_input_tokens = count
    # By lifetime they are the same tokens once more.
    gen.cache_write_tokens = apart or written
    for name, count in as_dict(usage.get("output_token_details")).items():
        if name.endswith("reasoning"):
            gen.reasoning_tokens = _sum(gen.reasoning_tokens, count)
        elif name == "audio":
            gen.audio_output_tokens = count


def _sum(known: int | None, count: Any) -> int | None:
    return (known or 0) + count if isinstance(count, int) else known


def _answer(answer: Any, reason: str | None) -> Message:
    said = getattr(answer, "message", None)
    told = message("assistant", [text(answer.text)]) if said is None else read_message(said)
    return {**told, "finish_reason": reason} if reason else told
