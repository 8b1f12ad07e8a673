"""The fixture ``greencloud_server``. pytest loads this in every run of whoever has greencloud: it imports next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from greencloud.testing.server import Server

__all__ = ["greencloud_server"]


@pytest.fixture(scope="session")
def greencloud_server() -> Iterator[Server]:
    """A real greencloud server with seeded data, one for the session. To change what it has, start your own ``Server()``."""
    from greencloud.testing.server import Server

    with Server() as server:
        yield server
