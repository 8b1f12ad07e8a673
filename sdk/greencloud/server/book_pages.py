"""Lists of what the provider's books hold, in pages that all show the books as they were at the first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from greencloud.goal import ProviderBooks
from greencloud.server.auth import caller
from greencloud.server.checks import Checks
from greencloud.server.paging import Cursor, fill
from greencloud.server.provider_methods import ProviderMethods

__all__ = ["BookPages"]

T = TypeVar("T")
R = TypeVar("R", bound=Message)

_DEFAULT: Final = 1_000
_MOST: Final = 10_000


class BookPages(ProviderMethods):
    """Methods that list. ``Cursor.version`` is the last record of the journal that counts."""

    def _page(
        self,
        request: Any,
        response: R,
        checks: Checks,
        *,
        books: ProviderBooks,
        values: Callable[[ProviderBooks], Sequence[T]],
        to_message: Callable[[T], Message],
    ) -> R:
        """The next page of ``values`` in the first field of a new response. Raises RequestError for what the checks found."""
        size = checks.page_size(request.page_size, default=_DEFAULT, most=_MOST)
        checks.done()
        cursor = self._pages.open(request, caller())
        number = len(books.journal.changes()) if cursor.version is None else cursor.version
        left = values(books.as_of(number))[cursor.offset :]
        page = fill(left, size, to_message)
        told: Any = response
        getattr(told, response.DESCRIPTOR.fields_by_number[1].name).extend(page)
        if len(page) < len(left):
            told.next_page_token = self._pages.seal(Cursor(number, cursor.offset + len(page)), request, caller())
        return response
