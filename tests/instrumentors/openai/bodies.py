"""Answers of OpenAI's endpoints, as its documentation shows them."""

from __future__ import annotations

from typing import Any

TOKENS = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 2},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 39,
}
TOLD_TOKENS = {
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 9,
    "gen_ai.usage.cache_read.input_tokens": 10,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.reasoning.output_tokens": 4,
}
PICTURE_TOKENS = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
    "output_tokens": 400,
    "total_tokens": 450,
}
TOLD_PICTURE_TOKENS = {
    "gen_ai.usage.input_tokens": 50,
    "gen_ai.usage.output_tokens": 400,
    "gen_ai.usage.image.input_tokens": 40,
    "gen_ai.usage.text.input_tokens": 10,
}


def said(words: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": words, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def response(*output: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m-1-2026",
        "status": "completed",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": TOKENS,
        **rest,
    }


def streamed(*output: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    """The events of a response that consists of one text."""
    whole = response(*output, **rest)
    begun: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
    words = [one["content"][0]["text"] for one in output if one["type"] == "message"]
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    empty: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**said(""), "content": []}},
        {"type": "response.content_part.added", **at, "part": empty},
        *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in words),
        {"type": "response.output_text.done", **at, "text": "".join(words), "logprobs": []},
        *({"type": "response.output_item.done", "output_index": n, "item": one} for n, one in enumerate(output)),
        {"type": f"response.{whole['status']}", "response": whole},
    ]
    return [{**one, "sequence_number": number} for number, one in enumerate(told)]


def run(status: str = "completed", **rest: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    return {
        "id": "run_1",
        "object": "thread.run",
        "created_at": 1,
        "thread_id": "thread_1",
        "assistant_id": "asst_1",
        "model": "m-1-2026",
        "status": status,
        "instructions": "",
        "tools": [],
        "metadata": {},
        "parallel_tool_calls": True,
        "usage": usage if status == "completed" else None,
        **rest,
    }


def thread_message(words: str, role: str = "assistant") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "object": "thread.message",
        "created_at": 1,
        "thread_id": "thread_1",
        "status": "completed",
        "role": role,
        "content": [{"type": "text", "text": {"value": words, "annotations": []}}],
    }


def verdict(**broken: bool) -> dict[str, Any]:
    categories = {"harassment": False, "self-harm/intent": False, "violence": False, **broken}
    scores = {name: 0.9 if is_so else 0.1 for name, is_so in categories.items()}
    result = {"flagged": any(broken.values()), "categories": categories, "category_scores": scores}
    return {"id": "modr_1", "model": "omni-moderation-2026", "results": [result]}
