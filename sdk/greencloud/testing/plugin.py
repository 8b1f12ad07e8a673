"""The fixture ``greencloud_server``. pytest loads this in every run of everybody who has greencloud, so it imports next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from greencloud.testing.server import Server

__all__ = ["greencloud_server"]


@pytest.fixture(scope="session")
def greencloud_server() -> Iterator[Server]:
    """A real greencloud server with seeded data, one for the whole session. To change what it has, start a ``Server()`` of your own."""
    from greencloud.testing.server import Server

    with Server() as server:
        yield server
