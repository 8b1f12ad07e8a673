"""The provider's books for a verb: of a data directory, or behind a server; the same methods either way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greencloud.cli._source import Source

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.goal import ProviderBooks

__all__ = ["changed_books", "provider_books"]


@contextmanager
def changed_books(source: Source, action: str, summary: str = "") -> Iterator[ProviderBooks | Client]:
    """The books, to change something in them: of a data directory it is told in the audit trail, before and after; a server
    does so itself. Raises as ``provider_books``, and StoreError where it cannot be noted."""
    with ExitStack() as stack:
        directory = source.directory()
        if directory is not None:
            from greencloud.cli._audit import audited

            stack.enter_context(audited(directory, action, summary))
        yield stack.enter_context(provider_books(source))


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
    from greencloud.engine.statement_totals import statement_totals
    from greencloud.goal import ProviderBooks, take_over
    from greencloud.inventory import BookHardware, Journal

    books = ProviderBooks(
        Journal(directory.books_directory, objects=directory.objects),
        actor=f"local:{system_user()}",
        clock=lambda: datetime.now(UTC),
        ledger=directory.ledger.snapshot,
        hardware=lambda revision: BookHardware.of(directory.facility_of(revision) if revision else directory.facility()),
        statements=lambda start, end: statement_totals(directory.closes, start, end),
    )
    take_over(books, directory.goal_directory)
    yield books
