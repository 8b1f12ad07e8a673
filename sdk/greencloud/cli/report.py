"""``greencloud report``: the footprint of one account, from a data directory or from a server, with the same output.

Data goes to standard output; notes go to standard error. The keys of ``-o json`` are in ``greencloud.report.documents``, the
columns of the formats for programs in ``greencloud.report.footprint_data``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from greencloud.cli._footprint import FILTERS, Asked, ask, asking, filters_option, group_by_option
from greencloud.cli._options import MASS, NAMES, ORDER, ZONE, Mass
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options
from greencloud.errors import QuantityError
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.results.periods import bucket_of

if TYPE_CHECKING:
    from greencloud.report import Changes, Layout

__all__ = ["command"]

_PAGES = ("html", "pdf", "png", "svg")
_FORMATS = ("table", "json", "jsonl", "csv", "tsv", "md", "parquet", "arrow", *_PAGES)
_METHODS = {"location": "total_location_based", "market": "total_market_based"}
_THRESHOLD_EXCEEDED = 3


@click.command(name="report")
@source_options
@click.option(
    "--account", metavar="ID", help="The account (cloud.account.id), or a pool in parentheses; all that you may see if left out."
)
@span_options
@group_by_option("service")
@click.option("--granularity", type=click.Choice([str(g) for g in Granularity]), default="all", help="The period of a row.")
@filters_option
@click.option("--method", type=click.Choice(list(_METHODS)), default="location", help="Whose total --change and --fail-above mean.")
@click.option("--change", is_flag=True, help="Show the period before, and the change from it.")
@click.option("--sort", type=ORDER, metavar="FIELD[:desc]", help="Order of the rows; by period and dimensions by default.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Show N rows of a period, and the sum of its others as one row.")
@click.option("--columns", type=NAMES, metavar="LIST", help="Only these columns, in this order (not with -o json).")
@click.option(
    "--unit", "units", multiple=True, metavar="UNIT", help="Unit of tables: g, kg, t, kWh, MWh...; give it again for energy."
)
@click.option("--tz", "zone", type=ZONE, metavar="ZONE", help="Show times of tables in this zone; periods stay those of UTC.")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", help="Language of html, pdf, png and svg.")
@click.option("--fail-above", type=MASS, metavar="MASS", help="End with exit code 3 if the total is above this, as 100kg.")
@output_options(*_FORMATS)
def command(
    *,
    source: Source,
    account: str | None,
    span: Span,
    group_by: tuple[str, ...],
    granularity: str,
    filters: dict[str, tuple[str, ...]],
    method: str,
    change: bool,
    sort: Any,
    limit: int | None,
    columns: tuple[str, ...],
    units: tuple[str, ...],
    zone: Any,
    language: str,
    fail_above: Mass | None,
    output: Output,
) -> None:
    """Show the footprint of an account: energy, each emission line, both totals, and how sure and how fresh they are.

    \b
    Examples:
      greencloud report --data ./data --account tenant-a --period last-month --change
      greencloud report --data ./data --account tenant-a --group-by service,component -o json
      greencloud report --data ./data --period 2026-Q1 --granularity month --sort total_location_based:desc --limit 5
      greencloud report --data ./data --account tenant-a --period this-month --fail-above 100kg
      GREENCLOUD_TOKEN=... greencloud report --server localhost:4317 --period 2026-11 --out november.parquet
      greencloud report --data ./data --account tenant-a --period 2026-11 --out november.html
    """
    from greencloud.report import Layout

    if account and "accounts" in filters:
        raise click.UsageError("Give either --account or --filter account=ID.")
    if columns and output.format == "json":
        raise click.UsageError("--columns is not for -o json, which has every figure: use -o jsonl, or jq.")
    if change and span.period is None:
        raise click.UsageError("--change needs a whole time: --period, or --from and --to.")
    start, end = span.bounds
    query = FootprintQuery(
        start,
        end,
        **({"accounts": (account,) if account else None} | filters),  # type: ignore[arg-type]
        group_by=group_by,
        granularity=Granularity(granularity),
        fiscal_year_start_month=span.fiscal_year_start_month,
    )
    found = ask(source, query, _before(query, span) if change else None, titled=output.format in ("table", "md", *_PAGES))
    measure = _METHODS[method]
    whole = found.rows
    try:
        found, changes = _arranged(found, query, measure, sort, limit)
        if output.format in _PAGES:
            content = _page(source, query, found, span, kind=output.format, language=language)
        else:
            content = _render(found, query, output.format, Layout(columns, _units(units), zone or UTC), changes)
    except QuantityError as error:  # a column or a field that there is not
        raise click.UsageError(f"{error.message}; {error.advice}") from None
    if not found.rows:
        click.echo(f"Nothing is posted for {f'account {account}' if account else 'any account'} in that time.", err=True)
    output.write(content)
    if fail_above is not None:
        _check(whole, measure, fail_above)


def _page(source: Source, query: FootprintQuery, found: Asked, span: Span, *, kind: str, language: str) -> str | bytes:
    """The footprint to look at. What is drawn is always all of it: dimensions, order and columns are those of the page."""
    from greencloud.report.page import account_figures, overview_file, page_html

    start, end = found.period or (query.start, query.end)
    whole = replace(query, start=start, end=end, group_by=(), granularity=Granularity.ALL)
    before = _before(whole, span) if span.period is not None else None
    named = query.accounts[0] if query.accounts and len(query.accounts) == 1 else ""
    with asking(source) as ask_one:
        figures = account_figures(ask_one, whole, before, account=named or found.whose)
    if kind == "html":
        return page_html(figures, now=datetime.now(UTC), language=language)
    return overview_file(figures, kind, language=language)


def _before(query: FootprintQuery, span: Span) -> FootprintQuery:
    """The query of what each row is compared with."""
    assert span.period is not None, "a change has a whole time"
    if query.granularity is Granularity.ALL:
        before = span.period.previous()
        return replace(query, start=before.start, end=before.end)
    if query.granularity is Granularity.WINDOW:
        return replace(query, start=bucket_of(query.start, Granularity.HOUR).previous().start)
    return replace(query, start=bucket_of(query.start, query.granularity, query.fiscal_year_start_month).previous().start)


def _arranged(found: Asked, query: FootprintQuery, measure: str, sort: Any, limit: int | None) -> tuple[Asked, Changes | None]:
    """The rows in the order and number asked for, with their changes where there is something before."""
    from greencloud.report import Changes, Pair, key_of, limited, paired, sorted_pairs, total_pair

    names = query.group_by
    single = query.granularity is Granularity.ALL

    def start_before(row: FootprintRow) -> datetime:
        if query.granularity is Granularity.WINDOW:
            return row.start - (row.end - row.start)
        return bucket_of(row.start, query.granularity, query.fiscal_year_start_month).previous().start

    pairs = [Pair(row) for row in found.rows]
    total = None
    if found.before is not None:
        every = paired(
            found.rows,
            found.before,
            lambda row: (None if single else start_before(row), key_of(row, names)),
            lambda row: (None if single else row.start, key_of(row, names)),
        )
        pairs = [pair for pair in every if pair.new]
        if single and pairs:
            total = total_pair(every)
    if sort is not None:
        pairs = sorted_pairs(pairs, sort, names, measure)
    if limit is not None:
        pairs = limited(pairs, limit, names)
    rows = [pair.row for pair in pairs]
    if found.before is None or not pairs:
        return replace(found, rows=rows), None
    # Several periods have no one period before them.
    return replace(found, rows=rows), Changes(pairs, total or Pair(total_pair(pairs).new), measure)


def _render(found: Asked, query: FootprintQuery, output: str, layout: Layout, changes: Changes | None) -> str | bytes:
    from greencloud.report import (
        balance_table,
        footprint_data,
        footprint_document,
        footprint_markdown,
        footprint_table,
        printable,
        write_dataset,
    )

    account = query.accounts[0] if query.accounts and len(query.accounts) == 1 else None
    narrowed = [f"{name} {' or '.join(getattr(query, field))}" for name, field in FILTERS.items() if getattr(query, field)]
    whose = narrowed.pop(0).removeprefix("account ") if query.accounts else found.whose or "all accounts and pools"
    title = printable(", ".join([f"Footprint of {whose}", *narrowed]))
    match output:
        case "table":
            now = datetime.now(UTC)
            text = footprint_table(found.rows, query.group_by, title=title, now=now, layout=layout, changes=changes)
            if found.batches:
                text += f"\nEnergy of all accounts in these windows\n{balance_table(found.batches)}"
            return text
        case "md":
            return footprint_markdown(found.rows, query.group_by, title=title, layout=layout, changes=changes)
        case "json":
            document = footprint_document(
                found.rows,
                account=account,
                period=found.period,
                group_by=query.group_by,
                granularity=str(query.granularity),
                batches=found.batches,
                changes=changes,
            )
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    data = footprint_data(found.rows, query.group_by, changes)
    return write_dataset(data.select(layout.columns) if layout.columns else data, output)


def _units(units: tuple[str, ...]) -> tuple[str, ...]:
    from greencloud.report import EMISSION_UNITS, ENERGY_UNITS

    known = [name for name, _ in (*EMISSION_UNITS, *ENERGY_UNITS)]
    for unit in units:
        if unit not in known:
            raise click.BadParameter(f"{unit!r} is not one of {', '.join(known)}", param_hint="--unit")
    return units


def _check(rows: list[FootprintRow], measure: str, limit: Mass) -> None:
    """End with exit code 3 where the total is above the limit, or not known: that is not known to be below."""
    name = measure.removeprefix("total_").replace("_", "-")
    if not rows:
        click.echo(f"greencloud: --fail-above {limit.text}: the {name} total is not known, since nothing is posted", err=True)
        sys.exit(_THRESHOLD_EXCEEDED)
    total = sum(getattr(row, measure).micrograms for row in rows)
    if total > limit.micrograms:
        from greencloud.units import format_emissions

        click.echo(f"greencloud: the {name} total, {format_emissions(total)}, is above --fail-above {limit.text}", err=True)
        sys.exit(_THRESHOLD_EXCEEDED)
