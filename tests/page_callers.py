"""Callers of views: a real client of a real server, and addresses as a browser sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from greencloud.client import Client
from greencloud.page.asked import Asked
from greencloud.page.customer import VIEWS
from greencloud.page.file import FileAnswer
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.report.page.sections import Section, Table
from greencloud.results import FootprintRow

if TYPE_CHECKING:
    from greencloud.testing import Server

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
"""In the month after that of the seed."""


@contextmanager
def calling(server: Server, account: str = "") -> Iterator[Caller]:
    """The account, or the provider without one."""
    with server.client(account) as client:
        yield caller_of(client)


def caller_of(client: Client) -> Caller:
    return Caller(client, client.get_caller_identity())


def look(caller: Caller, path: str, now: datetime = NOW, /, **parameters: str) -> Any:
    """What the view at ``path`` answers."""
    return follow(caller, path, parameters, now)


def follow(caller: Caller, address: str, parameters: Mapping[str, str] | None = None, now: datetime = NOW) -> Any:
    """What is behind a link of the page."""
    parts = urlsplit(address)
    assert not parts.scheme
    assert not parts.netloc
    given = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else dict(parameters or {})
    view = next(view for view in VIEWS if view.path == parts.path)
    return view.show(caller, Asked.of(parts.path, given, now))


def section_of(shown: Shown, name: str) -> Section:
    return next(section for section in shown.sections if section.id == name)


def table_of(shown: Shown, name: str) -> Table:
    table = section_of(shown, name).table
    assert table is not None
    return table


def column(table: Table, name: str) -> list[Decimal]:
    """The exact cells of the CSV; what is empty is left out."""
    heading, *rows = table.csv
    place = list(heading).index(name)
    return [Decimal(row[place]) for row in rows if row[place]]


def summed(table: Table, name: str) -> Decimal:
    return sum(column(table, name), Decimal())


def kg(row: FootprintRow, *, market: bool = False) -> Decimal:
    total = row.total_market_based if market else row.total_location_based
    return Decimal(total.micrograms).scaleb(-9)


def texts_of(answer: Shown | FileAnswer) -> str:
    """Everything that the answer would show, charts and files included."""
    if isinstance(answer, FileAnswer):
        return answer.name + answer.content.decode("latin-1")
    tables = [section.table for section in answer.sections if section.table]
    drawn = [str(chart(860)) for section in answer.sections for chart in section.charts]
    cells = [cell for table in tables for row in (table.heading, *table.rows, *table.csv, table.links) for cell in row]
    return "\n".join([repr(answer), *cells, *drawn])
