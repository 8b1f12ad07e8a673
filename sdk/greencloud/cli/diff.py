"""``greencloud diff``: two periods, accounts, regions, sites or services side by side, the largest change first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import click

from greencloud.cli._footprint import FILTERS, ask, filters_option, group_by_option
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, read_period, span_options
from greencloud.results import FootprintQuery

__all__ = ["command"]

_FORMATS = ("table", "json", "jsonl", "csv", "tsv", "md", "parquet", "arrow")
_MEASURES = {"location": "total_location_based", "market": "total_market_based", "energy": "energy"}


@click.command(name="diff")
@click.argument("old")
@click.argument("new")
@source_options
@click.option(
    "--between", type=click.Choice(["period", *FILTERS]), default="period", help="What OLD and NEW are: periods, or values of this."
)
@click.option("--account", metavar="ID", help="Of this account only; all that you may see if left out.")
@span_options
@group_by_option("service")
@filters_option
@click.option("--method", type=click.Choice(list(_MEASURES)), default="location", help="What is compared.")
@output_options(*_FORMATS)
def command(
    *,
    old: str,
    new: str,
    source: Source,
    between: str,
    account: str | None,
    span: Span,
    group_by: tuple[str, ...],
    filters: dict[str, tuple[str, ...]],
    method: str,
    output: Output,
) -> None:
    """Show how NEW differs from OLD: two periods by default. The changes of the rows add up to the change of the total, exactly.

    \b
    Examples:
      greencloud diff last-month this-month --data ./data
      greencloud diff 2026-Q1 2026-Q2 --data ./data --account acme --group-by service,region --method market
      greencloud diff eu-west eu-north --between region --data ./data --period 2026-03 -o md
      GREENCLOUD_TOKEN=... greencloud diff 2025 2026 --server localhost:4317 -o json
    """
    from greencloud.report import difference_of

    if account:
        if "accounts" in filters or between == "account":
            raise click.UsageError("Name accounts once: by --account, --filter account=ID or --between account.")
        filters = {**filters, "accounts": (account,)}
    start, end = span.bounds
    query = FootprintQuery(start, end, **filters, group_by=tuple(name for name in group_by if name != between))  # type: ignore[arg-type]
    before, after = _sides(query, old, new, between, span)
    found = ask(source, after, before)
    difference = difference_of(
        found.before or [],
        found.rows,
        between=between,
        names=(old, new),
        measure=_MEASURES[method],
        group_by=query.group_by,
    )
    if not difference.known:
        click.echo("Nothing is posted on one side at least: a change from it, or to it, is not known.", err=True)
    output.write(_render(difference, output.format))


def _sides(query: FootprintQuery, old: str, new: str, between: str, span: Span) -> tuple[FootprintQuery, FootprintQuery]:
    """The query of each side."""
    if between == "period":
        if span.start is not None or span.end is not None:
            raise click.UsageError("OLD and NEW are the periods: leave --period, --from and --to out, or say --between.")
        periods = [read_period(name, span.fiscal_year_start_month, hint) for name, hint in ((old, "OLD"), (new, "NEW"))]
        before, after = (replace(query, start=period.start, end=period.end) for period in periods)
        return before, after
    field = FILTERS[between]
    if getattr(query, field):
        raise click.UsageError(f"--between {between} names the values: leave --filter {between}=... out.")
    one: dict[str, Any] = {field: (old,)}
    other: dict[str, Any] = {field: (new,)}
    return replace(query, **one), replace(query, **other)


def _render(difference: Any, output: str) -> str | bytes:
    from greencloud.report import difference_data, difference_document, difference_markdown, difference_table, write_dataset

    match output:
        case "table":
            return difference_table(difference)
        case "md":
            return difference_markdown(difference)
        case "json":
            return json.dumps(difference_document(difference), indent=2, ensure_ascii=False) + "\n"
    return write_dataset(difference_data(difference), output)
