"""``greencloud compare``: several allocation rules on the same telemetry, side by side; nothing is posted."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greencloud.cli._options import INSTANT, RULE, data_option, output_option
from greencloud.results import FootprintRow
from greencloud.units import Emissions, Energy, format_instant

if TYPE_CHECKING:
    from greencloud.allocation import Comparison

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
    from greencloud.engine.compare import compare_rules

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
    comparison, refused = compare_rules(directory, rules=rules or RULES, by=names, start=start, end=end)
    click.echo(_render(comparison, _FIELDS[measure], output), nl=False)
    for note in comparison.notes:
        click.echo(f"note: {note}", err=True)
    for refusal in refused:
        click.echo(f"left out: {refusal.site} {format_instant(refusal.start)}: {refusal.message}", err=True)
    if not comparison.table.num_rows and not refused:
        if start or end:
            click.echo("no window with telemetry starts in that time: move --from or --to, or leave them out", err=True)
        else:
            click.echo("there is no telemetry yet: send OTLP to greencloud serve, or use greencloud ingest", err=True)
    if refused:
        sys.exit(1)


def _render(comparison: Comparison, measure: str, output: str) -> str:
    from greencloud.report import footprint_csv, rules_document, rules_markdown, rules_table

    rows = _rows(comparison)
    if output == "csv":
        return footprint_csv(rows, (*comparison.by, "rule"))
    if output == "json":
        document = rules_document(rows, comparison.by, comparison.rules, comparison.notes)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return (rules_markdown if output == "md" else rules_table)(rows, comparison.by, comparison.rules, measure)


def _rows(comparison: Comparison) -> list[FootprintRow]:
    from greencloud.allocation import methodology_version
    from greencloud.engine.run import GRACE

    if comparison.period is None:
        return []
    start, end = comparison.period
    provisional = datetime.now(UTC) < end + GRACE

    def row(found: dict[str, Any]) -> FootprintRow:
        return FootprintRow(
            start=start,
            end=end,
            dimensions={name: found[name] for name in (*comparison.by, "rule")},
            energy=Energy(int(found["energy_mj"])),
            scope1=Emissions(int(found["scope1_ug"])),
            scope2_location_based=Emissions(int(found["scope2_location_ug"])),
            scope2_market_based=Emissions(int(found["scope2_market_ug"])),
            scope3_upstream_location_based=Emissions(int(found["scope3_upstream_location_ug"])),
            scope3_upstream_market_based=Emissions(int(found["scope3_upstream_market_ug"])),
            scope3_embodied=Emissions(int(found["scope3_embodied_ug"])),
            operation_count=int(found["count"]),
            quality_flags=tuple(flag for flag in found["quality"].split(",") if flag),
            provisional=provisional,
            methodology_versions=(methodology_version(found["rule"]),),
        )

    return [row(found) for found in comparison.table.to_pylist()]
