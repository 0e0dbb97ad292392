"""The names of AgentMark's SDK that are not spans: the object that a program begins with, and a span processor."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import sojourn
from sojourn import current
from sojourn.arguments import demand_flag, demand_function, demand_number, demand_text
from sojourn.client import get_client
from sojourn.inquiry import Inquiry

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

__all__ = ["AgentMarkGroupingProcessor", "AgentMarkSDK"]


class AgentMarkSDK:
    """What programs of AgentMark begin with: `init_tracing`, and scores.

    `base_url` is the endpoint, `mask` a redactor. `app_id` is kept, and means nothing here: the key names the project.
    """

    def __init__(
        self,
        api_key: str | None = None,
        app_id: str | None = None,
        base_url: str | None = None,
        mask: Callable[[str], str] | None = None,
    ) -> None:
        demand_text("api_key", api_key)
        demand_text("app_id", app_id)
        demand_text("base_url", base_url)
        demand_function("mask", mask)
        self.api_key = api_key
        self.app_id = app_id
        self.base_url = base_url
        self._mask = mask

    def init_tracing(self, disable_batch: bool = False) -> TracerProvider:
        """Begin to record, without a session: spans say theirs. Returns the provider that our spans are made by.

        The global provider stays as it is. `disable_batch` has no meaning: each step is on disk within a moment.
        """
        demand_flag("disable_batch", disable_batch)
        sojourn.init(
            self.api_key,
            endpoint=self.base_url,
            auto_start_session=False,
            redact=self._mask,
        )
        client = get_client()
        if client is None or client.settings.disabled:
            return TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        return client.provider

    async def score(
        self,
        resource_id: str,
        name: str,
        score: float,
        label: str | None = None,
        reason: str | None = None,
        type: str | None = None,
        source: str | None = None,
    ) -> dict[str, Any]:
        """The same as `score_sync`, without keeping other tasks waiting."""
        return await asyncio.to_thread(self.score_sync, resource_id, name, score, label, reason, type, source)

    def score_sync(
        self,
        resource_id: str,
        name: str,
        score: float,
        label: str | None = None,
        reason: str | None = None,
        type: str | None = None,
        source: str | None = None,
    ) -> dict[str, Any]:
        """Grade a trace or span at the gateway, and return what it answers.

        Raises OSError when the gateway cannot be reached, and ValueError, with its words, when it refuses.
        """
        told = {"resource_id": resource_id, "name": name, "label": label, "reason": reason}
        for part, value in {**told, "type": type, "source": source}.items():
            demand_text(part, value)
        demand_number("score", score)
        if not resource_id or not name or math.isnan(score):
            raise ValueError("a score needs the id of a trace or span, a name and a number")
        body = {**told, "score": float(score), "type": type, "source": source}
        inquiry = Inquiry(self.base_url, self.api_key)
        try:
            status, answer = inquiry.tell(
                "/v1/scores", {part: value for part, value in body.items() if value is not None}
            )
        finally:
            inquiry.close()
        if status >= 500:
            raise ConnectionError(f"{inquiry.url} answered {status}")
        if status >= 400:
            raise ValueError(f"{inquiry.url} refused the score: {_words(answer) or status}")
        return answer or {}


class AgentMarkGroupingProcessor(SpanProcessor):
    """Has the spans of a tracer provider of the program's own carry what `with_agentmark` says.

    Ours carry it without.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # OTel's signature
        """Write the facts of the scope on a span that begins, but for those that it has."""
        for key, fact in current.stamps().items():
            if key not in (span.attributes or ()):
                span.set_attribute(key, fact)

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing."""


def _words(answer: Any) -> str | None:
    try:
        return str(answer["error"]["message"])
    except (KeyError, TypeError):
        return None
