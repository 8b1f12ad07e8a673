"""``greencloud export``: figures for what already reads them: the tables that providers publish, or all of ours, exact."""

from __future__ import annotations

from typing import Any

import click

from greencloud.cli._footprint import ask, filters_option, group_by_option
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options
from greencloud.results import FootprintQuery, FootprintRow, Granularity

__all__ = ["command"]

_PRESETS = ("plain", "aws-carbon", "google-carbon", "focus")
_LENGTHS = ("month", "hour", "day", "quarter", "year", "window", "all")


@click.command(name="export")
@source_options
@click.option(
    "--preset", type=click.Choice(_PRESETS), default="plain", help="Whose table: the columns are those that they publish."
)
@click.option("--account", metavar="ID", help="Of this account only; all that you may see if left out.")
@span_options
@click.option(
    "--granularity", type=click.Choice(_LENGTHS), default="month", help="The period of a row, where the table leaves it open."
)
@group_by_option("account,service,region,sku")
@filters_option
@click.option(
    "--payer", default="", metavar="ID", help="Who pays for the accounts, in tables that name one.  [each account itself]"
)
@output_options("csv", "tsv", "jsonl", "parquet", "arrow")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    source: Source,
    preset: str,
    account: str | None,
    span: Span,
    granularity: str,
    group_by: tuple[str, ...],
    filters: dict[str, tuple[str, ...]],
    payer: str,
    output: Output,
) -> None:
    """Export the footprint as a table for other programs.

    \b
    plain          all of ours: every line, both methods, evidence, intervals; integers in millijoules and micrograms
    aws-carbon     AWS Data Exports, Carbon emissions; t CO2e, monthly
    google-carbon  Google Cloud Carbon Footprint for BigQuery; kg CO2e, monthly; records in jsonl and parquet
    focus          FOCUS 1.2 columns with x_ columns for emissions, to be joined with costs

    \b
    Examples:
      greencloud export --data ./data --preset aws-carbon --period 2026-Q1 --out carbon.csv
      greencloud export --data ./data --preset google-carbon --out footprint.jsonl
      greencloud export --data ./data --preset focus --granularity day --period last-month --out focus.parquet
      GREENCLOUD_TOKEN=... greencloud export --server localhost:4317 --out all.parquet
    """
    from greencloud.report import PRESETS, write_dataset

    if account and "accounts" in filters:
        raise click.UsageError("Give either --account or --filter account=ID.")
    named = {name: ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in ("group_by", "granularity")}
    table = PRESETS.get(preset)
    if table:
        if named["group_by"]:
            raise click.UsageError(f"{preset} says what its rows are: leave --group-by out.")
        if granularity not in table.granularities:
            raise click.UsageError(f"{preset} is by {' or '.join(table.granularities)}.")
        group_by = table.group_by
    _whole(span, Granularity(granularity))
    start, end = span.bounds
    query = FootprintQuery(
        start,
        end,
        **({"accounts": (account,) if account else None} | filters),  # type: ignore[arg-type]
        group_by=group_by,
        granularity=Granularity(granularity),
        fiscal_year_start_month=span.fiscal_year_start_month,
    )
    found = ask(source, query)
    if not found.rows:
        click.echo("Nothing is posted in that time: the table has no rows.", err=True)
    output.write(write_dataset(_data(table, found.rows, group_by, payer), output.format))


def _data(table: Any, rows: list[FootprintRow], group_by: tuple[str, ...], payer: str) -> Any:
    from greencloud.report import footprint_data

    return table.data(rows, payer) if table else footprint_data(rows, group_by)


def _whole(span: Span, granularity: Granularity) -> None:
    """Refuse a time that cuts a month in two: its row would be read as the whole month."""
    from greencloud.results.periods import bucket_of

    if granularity in (Granularity.ALL, Granularity.WINDOW):
        return
    for name, instant in (("start", span.start), ("end", span.end)):
        if instant is not None and bucket_of(instant, granularity, span.fiscal_year_start_month).start != instant:
            raise click.UsageError(
                f"The {name} of the time cuts a {granularity} in two, and its row would look whole: name whole ones."
            )
