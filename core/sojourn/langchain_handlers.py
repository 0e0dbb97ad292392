"""The callback handlers that programs of AgentOps give to LangChain.

LangChain is observed without any of them. They begin to record where `init` was not called, have LangChain observed
where the program chose other libraries, and record nothing by themselves: so that no call counts twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.callbacks.base import AsyncCallbackHandler, BaseCallbackHandler

import sojourn
from sojourn import instruments
from sojourn.arguments import demand_flag
from sojourn.client import get_client

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AsyncLangchainCallbackHandler", "LangchainCallbackHandler"]


class _Begins:
    """What making a handler does."""

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        max_wait_time: int | None = None,
        max_queue_size: int | None = None,
        default_tags: str | Iterable[str] | None = None,
        *,
        tags: str | Iterable[str] | None = None,
        auto_session: bool = True,
    ) -> None:
        super().__init__()
        demand_flag("auto_session", auto_session)
        if get_client() is None:
            options: dict[str, Any] = {"max_wait_time": max_wait_time, "max_queue_size": max_queue_size}
            sojourn.init(
                api_key,
                endpoint=endpoint,
                auto_start_session=auto_session,
                default_tags=default_tags,
                tags=tags,
                **options,
            )
        instruments.observe("langchain_core")

    @property
    def current_session_ids(self) -> list[str]:
        """The ids of the sessions that run in this process, oldest first."""
        return sojourn.get_client().current_session_ids


class LangchainCallbackHandler(_Begins, BaseCallbackHandler):
    """For `callbacks=[...]` of sync calls."""


class AsyncLangchainCallbackHandler(_Begins, AsyncCallbackHandler):
    """For `callbacks=[...]` of async calls."""
