"""``greencloud compare``: several allocation rules on the same telemetry, side by side; nothing is posted.

From a data directory or from a server, with the same output. A server shows a tenant its own rows, and of the windows that were
left out how many there were.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

import click

from greencloud.cli._options import NAMES, RULE
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options
from greencloud.results import RuleComparison
from greencloud.units import format_instant

__all__ = ["command"]

_BY = ("account", "service", "sku", "operation", "site", "region", "component")
_MEASURES = ("energy", "total-location", "total-market", "embodied")
_FIELDS = dict(zip(_MEASURES, ("energy", "total_location_based", "total_market_based", "scope3_embodied"), strict=True))


@click.command(name="compare")
@source_options
@click.option(
    "--rule", "rules", type=RULE, multiple=True, metavar="RULE", help="A rule; give it again for more. The first is the base. [all]"
)
@click.option(
    "--group-by",
    "--by",
    "by",
    type=NAMES,
    default="account",
    metavar="LIST",
    help=f"Dimensions, comma-separated: {', '.join(_BY)}.",
)
@click.option("--measure", type=click.Choice(_MEASURES), default="total-location", help="What tables show; other formats show all.")
@span_options
@output_options("table", "json", "jsonl", "csv", "tsv", "md", "parquet", "arrow")
def command(
    *,
    source: Source,
    rules: tuple[str, ...],
    by: tuple[str, ...],
    measure: str,
    span: Span,
    output: Output,
) -> None:
    """Show who would pay how much under each allocation rule, and the difference.

    A rule changes who pays, never how much. Nothing is posted: greencloud allocate --rule does that.
    Ends with exit code 1 if a window could not be allocated by one of the rules; it is then left out for all.

    \b
    Examples:
      greencloud compare --data ./data
      greencloud compare --data ./data --rule reserved_and_used --rule used --group-by account,service -o csv
      GREENCLOUD_TOKEN=... greencloud compare --server localhost:4317 --period yesterday
    """
    for name in by:
        if name not in _BY:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(_BY)}", param_hint="--group-by")
    if len(set(rules)) < len(rules):
        raise click.BadParameter("one is named twice", param_hint="--rule")
    comparison, left_out = (
        _from_directory(source, rules, by, span) if source.data is not None else _from_server(source, rules, by, span)
    )
    output.write(_render(comparison, by, _FIELDS[measure], output.format))
    for note in comparison.notes:
        click.echo(f"note: {note}", err=True)
    for told in left_out:
        click.echo(f"left out: {told}", err=True)
    if not comparison.rows and not left_out:
        if span.start or span.end:
            click.echo("no window with telemetry starts in that time: move --from or --to, or leave them out", err=True)
        else:
            click.echo("there is no telemetry yet: send OTLP to greencloud serve, or use greencloud ingest", err=True)
    if left_out:
        sys.exit(1)


def _from_directory(source: Source, rules: tuple[str, ...], by: tuple[str, ...], span: Span) -> tuple[RuleComparison, list[str]]:
    from greencloud.allocation import RULES
    from greencloud.engine.compare import compare_rules, rule_comparison

    directory = source.directory()
    assert directory is not None, "there is a data directory"
    compared = compare_rules(directory, rules=rules or RULES, by=by, start=span.start, end=span.end)
    left_out = [f"{refusal.site} {format_instant(refusal.start)}: {refusal.message}" for refusal in compared.refused]
    return rule_comparison(compared, now=datetime.now(UTC)), left_out


def _from_server(source: Source, rules: tuple[str, ...], by: tuple[str, ...], span: Span) -> tuple[RuleComparison, list[str]]:
    with source.client() as client:
        comparison = client.compare_rules(span.start, span.end, rules, group_by=by)
    count = comparison.refused_window_count
    return comparison, [f"{count:,} windows of a site that one of the rules cannot allocate"] if count else []


def _render(comparison: RuleComparison, by: tuple[str, ...], measure: str, output: str) -> str | bytes:
    from greencloud.report import footprint_data, rules_document, rules_markdown, rules_table, write_dataset

    rows = [replace(each.row, dimensions={**each.row.dimensions, "rule": each.rule}) for each in comparison.rows]
    match output:
        case "json":
            document = rules_document(rows, by, comparison.rules, comparison.notes)
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        case "table":
            return rules_table(rows, by, comparison.rules, measure)
        case "md":
            return rules_markdown(rows, by, comparison.rules, measure)
    return write_dataset(footprint_data(rows, (*by, "rule")), output)
