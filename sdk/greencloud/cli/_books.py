"""The provider's books for a verb: of a data directory, or behind a server; the same methods either way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greencloud.cli._source import Source

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.goal import ProviderBooks

__all__ = ["provider_books"]


@contextmanager
def provider_books(source: Source) -> Iterator[ProviderBooks | Client]:
    """In a data directory the one who writes is the user of the system; behind a server it is who the credential says.

    Raises:
        StoreError, ConfigError: there is no such directory, or no server is named.
    """
    directory = source.directory()
    if directory is None:
        with source.client() as client:
            yield client
        return
    from greencloud.engine.audit import system_user
    from greencloud.goal import ProviderBooks, take_over
    from greencloud.inventory import BookHardware, Journal

    books = ProviderBooks(
        Journal(directory.books_directory),
        actor=f"local:{system_user()}",
        clock=lambda: datetime.now(UTC),
        ledger=directory.ledger.snapshot,
        hardware=lambda: BookHardware.of(directory.facility()),
    )
    take_over(books, directory.goal_directory)
    yield books
