"""The page with all its views, over a connection to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from greencloud.client import Client
from greencloud.page import customer, provider
from greencloud.page.app import PageApp

__all__ = ["opened_page"]

_TIMEOUT_S: Final = 20.0
"""Of one question to the server: longer than that nobody looks at an empty page."""


@contextmanager
def opened_page(connection: Mapping[str, Any], *, clock: Callable[[], datetime]) -> Iterator[PageApp]:
    """The application while the block lasts. ``connection``: arguments of ``Client``; a token among them is never used.

    Raises:
        ConfigError: the server cannot be asked so.
        MissingExtraError: greencloud[page] is not installed.
    """
    own = {"token": None, "timeout": _TIMEOUT_S, "app_info": "greencloud-page"}
    with Client(**{**connection, **own}) as client:
        yield PageApp(client, customer.VIEWS, provider.VIEWS, clock=clock)
