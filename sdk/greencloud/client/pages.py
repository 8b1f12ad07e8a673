"""Lists: iterables that fetch a page when it is needed. Every page of one list reads the same version of the ledger.

A list can be gone through several times; each time asks anew, and sees the ledger as it is by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from greencloud.client.answers import Reader

__all__ = ["AsyncPager", "Page", "Pager"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page. ``total_size`` (of all pages) and ``ledger_version`` are None where the list does not say."""

    items: tuple[T, ...]
    total_size: int | None = None
    ledger_version: int | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class _List(Generic[T]):
    """What both kinds of lists share: how a request is begun and a page is read."""

    def __init__(self, ask: Callable[[Any], Any], request: Any, reader: Callable[[], Reader]) -> None:
        self._ask = ask
        self._request = request
        self._reader = reader

    def _begin(self) -> tuple[Any, Reader]:
        request = type(self._request)()
        request.CopyFrom(self._request)
        return request, self._reader()

    @staticmethod
    def _page(message: Any, read: Reader) -> Page[T]:
        known = message.DESCRIPTOR.fields_by_name
        return Page(
            tuple(read(message)),
            message.total_size if "total_size" in known else None,
            message.ledger_version if "ledger_version" in known else None,
        )


class Pager(_List[T]):
    """A list. Go through it for its items, or through ``pages()``."""

    def pages(self) -> Iterator[Page[T]]:
        request, read = self._begin()
        while True:
            message = self._ask(request)
            yield self._page(message, read)
            if not message.next_page_token:
                return
            request.page_token = message.next_page_token

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page

    def to_list(self) -> list[T]:
        """All items."""
        return list(self)


class AsyncPager(_List[T]):
    """A list. Go through it with ``async for`` for its items, or through ``pages()``."""

    _ask: Callable[[Any], Awaitable[Any]]

    async def pages(self) -> AsyncIterator[Page[T]]:
        request, read = self._begin()
        while True:
            message = await self._ask(request)
            yield self._page(message, read)
            if not message.next_page_token:
                return
            request.page_token = message.next_page_token

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page:
                yield item

    async def to_list(self) -> list[T]:
        """All items."""
        return [item async for item in self]
