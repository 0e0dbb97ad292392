"""Search in the vector stores of OpenAI: words in, passages with scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import as_list, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation

__all__ = ["read_found", "read_parameters", "read_sent"]


def read_parameters(body: Mapping[str, Any], store: str | None, gen: Generation) -> None:
    gen.name = store
    gen.others[semconv.DATA_SOURCE_ID] = store
    gen.others[semconv.RETRIEVAL_TOP_K] = body.get("max_num_results")


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    query = body.get("query")
    gen.asides[semconv.RETRIEVAL_QUERY] = as_text(query) or "\n".join(str(one) for one in as_list(query))


def read_found(reply: Any, gen: Generation) -> None:
    if gen.wants_content:
        gen.asides[semconv.RETRIEVAL_DOCUMENTS] = [_document(one) for one in as_list(getattr(reply, "data", None))]


def _document(found: Any) -> dict[str, Any]:
    passages = [words for part in as_list(getattr(found, "content", None)) if (words := as_text(part.text))]
    return {
        "id": getattr(found, "file_id", None),
        "score": getattr(found, "score", None),
        "name": getattr(found, "filename", None),
        "content": "\n".join(passages),
    }
