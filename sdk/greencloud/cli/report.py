"""``greencloud report``: the footprint of one account, from a data directory or from a server, with the same output.

Data goes to standard output; notes go to standard error. The keys of ``-o json`` are in ``greencloud.report.documents``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from greencloud.cli._options import INSTANT
from greencloud.cli._source import Source, source_options
from greencloud.errors import NotFoundError
from greencloud.results import GROUPABLE, BatchSummary, FootprintQuery, FootprintRow, Granularity

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory

__all__ = ["command"]

_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class _Found:
    """What the source answered; ``batches`` is None where it does not show its windows."""

    rows: list[FootprintRow]
    period: tuple[datetime, datetime] | None
    batches: list[BatchSummary] | None = None


def _dimensions(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in GROUPABLE and not (name.startswith("label:") and len(name) > len("label:")):
            raise click.BadParameter(f"{name!r} is not one of {', '.join(GROUPABLE)}, label:KEY", ctx, parameter)
    if len(set(names)) < len(names):
        raise click.BadParameter("a dimension is named twice", ctx, parameter)
    return names


@click.command(name="report")
@source_options
@click.option(
    "--account", metavar="ID", help="The account (cloud.account.id), or a pool in parentheses; all that you may see if left out."
)
@click.option("--from", "start", type=INSTANT, metavar="TIME", help="Start, inclusive; the first window by default.")
@click.option("--to", "end", type=INSTANT, metavar="TIME", help="End, exclusive; the last window by default.")
@click.option(
    "--group-by", default="service", callback=_dimensions, metavar="LIST", help="Dimensions, comma-separated; '' for none."
)
@click.option("--granularity", type=click.Choice([str(g) for g in Granularity]), default="all", help="The period of a row.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "csv", "md"]), default="table", help="The format.")
def command(
    *,
    source: Source,
    account: str | None,
    start: datetime | None,
    end: datetime | None,
    group_by: tuple[str, ...],
    granularity: str,
    output: str,
) -> None:
    """Show the footprint of an account: energy, each emission line, both totals, and how sure and how fresh they are.

    \b
    Examples:
      greencloud report --data ./data --account tenant-a
      greencloud report --data ./data --account tenant-a --group-by service,component -o json
      GREENCLOUD_TOKEN=... greencloud report --server localhost:4317 --account tenant-a --from 2026-11-01 --to 2026-12-01
    """
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--from must be before --to.")
    query = FootprintQuery(
        start or _EVER[0],
        end or _EVER[1],
        accounts=(account,) if account else None,
        group_by=group_by,
        granularity=Granularity(granularity),
    )
    data = source.directory()
    found = _from_server(source, query) if data is None else _from_directory(data, query)
    if not found.rows:
        click.echo(f"Nothing is posted for {f'account {account}' if account else 'any account'} in that time.", err=True)
    click.echo(_render(found, account, query, output, datetime.now(UTC)), nl=False)


def _render(found: _Found, account: str | None, query: FootprintQuery, output: str, now: datetime) -> str:
    from greencloud.report import balance_table, footprint_csv, footprint_document, footprint_markdown, footprint_table

    title = f"Footprint of {account or 'all accounts and pools'}"
    if output == "csv":
        return footprint_csv(found.rows, query.group_by)
    if output == "md":
        return footprint_markdown(found.rows, query.group_by, title=title)
    if output == "json":
        document = footprint_document(
            found.rows,
            account=account,
            period=found.period,
            group_by=query.group_by,
            granularity=str(query.granularity),
            batches=found.batches,
        )
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    text = footprint_table(found.rows, query.group_by, title=title, now=now)
    if found.batches:
        text += f"\nEnergy of all accounts in these windows\n{balance_table(found.batches)}"
    return text


def _from_directory(data: DataDirectory, query: FootprintQuery) -> _Found:
    from greencloud.server import KeyStore

    snapshot = data.ledger.snapshot()
    batches = snapshot.batches(query.start, query.end)
    posted = set(snapshot.accounts()) | {pool for batch in snapshot.batches() for pool in batch.pool_energy}
    _check_known(query, posted, lambda: set(data.facility().accounts) | set(KeyStore(data.keys_directory).accounts_issued()))
    query, period = _bounded(query, snapshot.footprint)
    if period is None and batches:
        period = (batches[0].start, max(batch.end for batch in batches))
    if period is None:
        return _Found([], None, batches)
    query = replace(query, start=period[0], end=period[1])
    return _Found(snapshot.footprint(query), period, snapshot.batches(*period))


def _check_known(query: FootprintQuery, posted: set[str], in_book: Callable[[], set[str]]) -> None:
    """Raises NotFoundError for an account that has no posting, is not in the facility book and never got a token."""
    if query.accounts is None or query.accounts[0] in posted:
        return
    (account,) = query.accounts
    known = sorted(posted | in_book())
    if account not in known:
        raise NotFoundError(
            f"no account {account!r} is in the ledger or in the facility book, or was given a token",
            advice=f"known accounts: {', '.join(known)}" if known else "nothing is allocated yet: greencloud allocate --data DIR",
        )


def _from_server(source: Source, query: FootprintQuery) -> _Found:
    with source.client() as client:

        def ask(wanted: FootprintQuery) -> list[FootprintRow]:
            rows = client.query_footprint(
                start=wanted.start,
                end=wanted.end,
                accounts=wanted.accounts or (),
                group_by=wanted.group_by,
                granularity=wanted.granularity,
            )
            return list(rows)

        query, period = _bounded(query, ask)
        return _Found([] if period is None else ask(query), period)


def _bounded(
    query: FootprintQuery, ask: Callable[[FootprintQuery], list[FootprintRow]]
) -> tuple[FootprintQuery, tuple[datetime, datetime] | None]:
    """The query with its open ends moved to the account's first and last window; None where it has no window."""
    if query.start > _EVER[0] and query.end < _EVER[1]:
        return query, (query.start, query.end)
    windows = ask(replace(query, group_by=(), granularity=Granularity.WINDOW))
    if not windows:
        return query, None
    start = query.start if query.start > _EVER[0] else min(row.start for row in windows)
    end = query.end if query.end < _EVER[1] else max(row.end for row in windows)
    return replace(query, start=start, end=end), (start, end)
