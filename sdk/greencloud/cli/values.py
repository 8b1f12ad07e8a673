"""``greencloud values``: the values of a dimension, the largest emitter first: what can be filtered by."""

from __future__ import annotations

import json
from typing import Any

import click

from greencloud.cli._footprint import filters_option
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options
from greencloud.results import GROUPABLE, DimensionValue, FootprintQuery

__all__ = ["command"]

_DIMENSIONS = tuple(name for name in GROUPABLE if name != "scope")


def _dimension(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if value not in (*_DIMENSIONS, "label") and not (value.startswith("label:") and len(value) > len("label:")):
        raise click.BadParameter(f"{value!r} is not one of {', '.join(_DIMENSIONS)}, label, label:KEY", ctx, parameter)
    return value


def _completed(text: str) -> list[str]:
    return [name for name in (*_DIMENSIONS, "label") if name.startswith(text)]


@click.command(name="values")
@click.argument("dimension", callback=_dimension, shell_complete=lambda _ctx, _parameter, text: _completed(text))
@source_options
@click.option("--account", metavar="ID", help="Of this account only; all that you may see if left out.")
@span_options
@filters_option
@output_options("table", "json", "jsonl", "csv", "tsv", "parquet", "arrow")
def command(
    *,
    dimension: str,
    source: Source,
    account: str | None,
    span: Span,
    filters: dict[str, tuple[str, ...]],
    output: Output,
) -> None:
    """List the values of DIMENSION, with what the postings of each come to; "label" lists the keys of labels.

    \b
    Examples:
      greencloud values service --data ./data
      greencloud values label:team --data ./data --account acme --period last-month -o tsv
      GREENCLOUD_TOKEN=... greencloud values region --server localhost:4317
    """
    if account and "accounts" in filters:
        raise click.UsageError("Give either --account or --filter account=ID.")
    if account:
        filters = {**filters, "accounts": (account,)}
    found = _values(source, dimension, span, filters)
    output.write(_render(dimension, found, output.format))


def _values(source: Source, dimension: str, span: Span, filters: dict[str, Any]) -> list[DimensionValue]:
    directory = source.directory()
    if directory is None:
        with source.client() as client:
            return list(client.list_dimension_values(dimension, span.start, span.end, **filters))
    from greencloud.ledger import dimension_values

    return dimension_values(directory.ledger.snapshot(), dimension, FootprintQuery(*span.bounds, **filters))


def _render(dimension: str, found: list[DimensionValue], output: str) -> str | bytes:
    from greencloud.report import write_dataset
    from greencloud.report.catalogue import values_data, values_document, values_table

    match output:
        case "table":
            return values_table(dimension, found)
        case "json":
            return json.dumps(values_document(dimension, found), indent=2, ensure_ascii=False) + "\n"
    return write_dataset(values_data(dimension, found), output)
