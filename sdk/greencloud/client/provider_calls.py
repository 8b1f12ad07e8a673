"""What the calls of GoalService need of the client that they are a part of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greencloud.client.answers import Conversation
    from greencloud.client.calls import Stubs

__all__ = ["AsyncProviderCalls", "ProviderCalls"]


class ProviderCalls:
    """A part of ``Client``."""

    if TYPE_CHECKING:

        @property
        def raw(self) -> Stubs: ...

        def _call(self, method: Any, request: Any, timeout: float | None) -> Any: ...

        def _asker(self, method: Any, timeout: float | None) -> Callable[[Any], Any]: ...

        def _converse(self, method: Any, conversation: Conversation, timeout: float | None) -> Any: ...


class AsyncProviderCalls:
    """A part of ``AsyncClient``."""

    if TYPE_CHECKING:

        @property
        def raw(self) -> Stubs: ...

        async def _call(self, method: Any, request: Any, timeout: float | None) -> Any: ...

        def _asker(self, method: Any, timeout: float | None) -> Callable[[Any], Awaitable[Any]]: ...

        async def _converse(self, method: Any, conversation: Conversation, timeout: float | None) -> Any: ...
