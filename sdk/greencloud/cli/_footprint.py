"""Rows of a footprint from a data directory or from a server, and the options that narrow, order and show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from greencloud.cli._source import Source
from greencloud.cli._span import EVER
from greencloud.errors import NotFoundError
from greencloud.results import GROUPABLE, BatchSummary, FootprintQuery, FootprintRow, Granularity

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.engine import DataDirectory

__all__ = ["FILTERS", "Asked", "ask", "asking", "filters_option", "group_by_option", "read_filters"]

FILTERS: Final = {
    "account": "accounts",
    "service": "services",
    "region": "regions",
    "site": "sites",
    "sku": "skus",
    "operation": "operations",
    "component": "components",
    "methodology_version": "methodology_versions",
}
"""Dimensions that can be filtered by, and the field of a query for each."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the source answered. ``period`` is None where there is no window; ``batches`` where it does not show its windows.
    ``before`` are the rows of another time, where that was asked for. ``whose``: the accounts of a customer that named none.
    """

    rows: list[FootprintRow]
    period: tuple[datetime, datetime] | None
    batches: list[BatchSummary] | None = None
    before: list[FootprintRow] | None = None
    whose: str = ""


def _dimensions(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in GROUPABLE and not (name.startswith("label:") and len(name) > len("label:")):
            raise click.BadParameter(f"{name!r} is not one of {', '.join(GROUPABLE)}, label:KEY", ctx, parameter)
    if len(set(names)) < len(names):
        raise click.BadParameter("a dimension is named twice", ctx, parameter)
    return names


def group_by_option(default: str) -> Callable[[Any], Any]:
    """``--group-by``, as a tuple of dimensions."""
    text = "Dimensions, comma-separated; '' for none."
    return click.option(
        "--group-by", default=default, callback=_dimensions, metavar="LIST", help=text, shell_complete=_completed_dimensions
    )


def _completed_dimensions(_ctx: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    """The list with its last name completed."""
    before, comma, last = text.rpartition(",")
    return [f"{before}{comma}{name}" for name in GROUPABLE if name.startswith(last)]


def read_filters(
    ctx: click.Context | None, parameter: click.Parameter | None, values: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """``region=eu`` and so on as fields of a query; values of one dimension are alternatives.

    Raises:
        click.BadParameter: not ``DIMENSION=VALUE``, or no dimension of a filter.
    """
    found: dict[str, list[str]] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name not in FILTERS:
            raise click.BadParameter(f"{text!r} is not DIMENSION=VALUE with one of {', '.join(FILTERS)}", ctx, parameter)
        found.setdefault(FILTERS[name], []).append(value)
    return {field: tuple(dict.fromkeys(several)) for field, several in found.items()}


def filters_option(function: Any) -> Any:
    """``--filter``, as fields of a query."""
    return click.option(
        "--filter",
        "filters",
        multiple=True,
        callback=read_filters,
        shell_complete=lambda _ctx, _parameter, text: [f"{name}=" for name in FILTERS if name.startswith(text)],
        metavar="DIM=VALUE",
        help="Count only what has this value (repeatable; values of one dimension are alternatives).",
    )(function)


def ask(source: Source, query: FootprintQuery, before: FootprintQuery | None = None, *, titled: bool = False) -> Asked:
    """The rows of a query, and those of another one. Open ends are moved to the first and last window.

    A directory is asked both of one version of the ledger. A server reads the newest one for each, so that what is posted in
    between is in the second alone. ``titled``: a server is asked who its customer is, too, where no account is named.

    Raises:
        NotFoundError: an account that is nowhere to be found.
        GreencloudError: as the source.
    """
    data = source.directory()
    if data is not None:
        return _from_directory(data, query, before)
    from greencloud.client.questions import footprint_rows

    with source.client() as client:
        answered = _answer(lambda wanted: footprint_rows(client, wanted), query)
        whose = _whose(client) if titled and not query.accounts else ""
        return replace(answered, before=None if before is None else footprint_rows(client, before), whose=whose)


@contextmanager
def asking(source: Source) -> Iterator[Callable[[FootprintQuery], list[FootprintRow]]]:
    """What answers one query after the other: one version of a directory's ledger, or one connection to a server."""
    data = source.directory()
    if data is not None:
        yield data.ledger.snapshot().footprint
        return
    from greencloud.client.questions import footprint_rows

    with source.client() as client:
        yield lambda query: footprint_rows(client, query)


def _whose(client: Client) -> str:
    caller = client.get_caller_identity()
    return f"{caller.account} and the accounts that it pays for" if caller.member_accounts else caller.account


def _from_directory(data: DataDirectory, query: FootprintQuery, before: FootprintQuery | None) -> Asked:
    from greencloud.server import KeyStore

    snapshot = data.ledger.snapshot()
    batches = snapshot.batches(query.start, query.end)
    if query.accounts is not None or (before and before.accounts):
        posted = set(snapshot.accounts()) | {pool for batch in snapshot.batches() for pool in batch.pool_energy}
        named = (*(query.accounts or ()), *((before and before.accounts) or ()))
        _check_known(named, posted, lambda: set(data.facility().accounts) | set(KeyStore(data.keys_directory).accounts_issued()))
    found = _answer(snapshot.footprint, query)
    if found.period is None and batches:
        return replace(found, period=(batches[0].start, max(batch.end for batch in batches)), batches=batches)
    listed = batches if found.period is None else snapshot.batches(*found.period)
    return replace(found, batches=listed, before=None if before is None else snapshot.footprint(before))


def _check_known(named: Iterable[str], posted: set[str], in_book: Callable[[], set[str]]) -> None:
    """Raises NotFoundError for an account that has no posting, is not in the facility book and never got a token."""
    unknown = [account for account in named if account not in posted]
    if not unknown:
        return
    known = sorted(posted | in_book())
    for account in unknown:
        if account not in known:
            raise NotFoundError(
                f"no account {account!r} is in the ledger or in the facility book, or was given a token",
                advice=f"known accounts: {', '.join(known)}"
                if known
                else "nothing is allocated yet: greencloud allocate --data DIR",
            )


def _answer(asking: Callable[[FootprintQuery], list[FootprintRow]], query: FootprintQuery) -> Asked:
    bounded, period = _bounded(query, asking)
    return Asked([] if period is None else asking(bounded), period)


def _bounded(
    query: FootprintQuery, asking: Callable[[FootprintQuery], list[FootprintRow]]
) -> tuple[FootprintQuery, tuple[datetime, datetime] | None]:
    """The query with its open ends moved to the first and last window that it asks of; None where it has no window."""
    if query.start > EVER[0] and query.end < EVER[1]:
        return query, (query.start, query.end)
    windows = asking(replace(query, group_by=(), granularity=Granularity.WINDOW))
    if not windows:
        return query, None
    start = query.start if query.start > EVER[0] else min(row.start for row in windows)
    end = query.end if query.end < EVER[1] else max(row.end for row in windows)
    return replace(query, start=start, end=end), (start, end)
