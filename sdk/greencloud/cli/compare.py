"""``greencloud compare``: several allocation rules on the same telemetry, side by side; nothing is posted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from greencloud.cli._options import INSTANT, RULE, data_option, output_option
from greencloud.results import RuleComparison
from greencloud.units import format_instant

__all__ = ["command"]

_BY = ("account", "service", "sku", "operation", "site", "region", "component")
_MEASURES = ("energy", "total-location", "total-market", "embodied")
_FIELDS = dict(zip(_MEASURES, ("energy", "total_location_based", "total_market_based", "scope3_embodied"), strict=True))


@click.command(name="compare")
@data_option
@click.option(
    "--rule", "rules", type=RULE, multiple=True, metavar="RULE", help="A rule; give it again for more. The first is the base. [all]"
)
@click.option("--by", default="account", metavar="LIST", help=f"Dimensions, comma-separated: {', '.join(_BY)}.")
@click.option("--measure", type=click.Choice(_MEASURES), default="total-location", help="What tables show; csv and json show all.")
@click.option("--from", "start", type=INSTANT, metavar="TIME", help="First window start; the earliest by default.")
@click.option("--to", "end", type=INSTANT, metavar="TIME", help="Windows start before this; the latest by default.")
@output_option("table", "json", "csv", "md")
def command(
    *,
    data: Path,
    rules: tuple[str, ...],
    by: str,
    measure: str,
    start: datetime | None,
    end: datetime | None,
    output: str,
) -> None:
    """Show who would pay how much under each allocation rule, and the difference.

    A rule changes who pays, never how much. Nothing is posted: greencloud allocate --rule does that.
    Ends with exit code 1 if a window could not be allocated by one of the rules; it is then left out for all.

    \b
    Examples:
      greencloud compare --data ./data
      greencloud compare --data ./data --rule reserved_and_used --rule used --by account,service -o csv
    """
    from greencloud.allocation import RULES
    from greencloud.engine import DataDirectory
    from greencloud.engine.compare import compare_rules, rule_comparison

    names = tuple(name.strip() for name in by.split(",") if name.strip())
    for name in names:
        if name not in _BY:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(_BY)}", param_hint="--by")
    for given, hint in ((names, "--by"), (rules, "--rule")):
        if len(set(given)) < len(given):
            raise click.BadParameter("one is named twice", param_hint=hint)
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--from must be before --to.")
    directory = DataDirectory.open(data, create=False)
    compared = compare_rules(directory, rules=rules or RULES, by=names, start=start, end=end)
    comparison, refused = rule_comparison(compared, now=datetime.now(UTC)), compared.refused
    click.echo(_render(comparison, names, _FIELDS[measure], output), nl=False)
    for note in comparison.notes:
        click.echo(f"note: {note}", err=True)
    for refusal in refused:
        click.echo(f"left out: {refusal.site} {format_instant(refusal.start)}: {refusal.message}", err=True)
    if not comparison.rows and not refused:
        if start or end:
            click.echo("no window with telemetry starts in that time: move --from or --to, or leave them out", err=True)
        else:
            click.echo("there is no telemetry yet: send OTLP to greencloud serve, or use greencloud ingest", err=True)
    if refused:
        sys.exit(1)


def _render(comparison: RuleComparison, by: tuple[str, ...], measure: str, output: str) -> str:
    from greencloud.report import footprint_csv, rules_document, rules_markdown, rules_table

    rows = [replace(each.row, dimensions={**each.row.dimensions, "rule": each.rule}) for each in comparison.rows]
    if output == "csv":
        return footprint_csv(rows, (*by, "rule"))
    if output == "json":
        document = rules_document(rows, by, comparison.rules, comparison.notes)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return (rules_markdown if output == "md" else rules_table)(rows, by, comparison.rules, measure)
