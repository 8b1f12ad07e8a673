"""``greencloud explain``: how a figure of the ledger came about, down to meters, rows and factors; and the same integer again."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from greencloud.cli._options import INSTANT, data_option, output_option

__all__ = ["command"]

_LINES = (
    "energy_mj",
    "scope1_ug",
    "scope2_location_ug",
    "scope2_market_ug",
    "scope3_upstream_location_ug",
    "scope3_upstream_market_ug",
    "scope3_embodied_ug",
)


@click.command(name="explain")
@data_option
@click.option("--account", required=True, metavar="ID", help='An account, or a pool such as "(unsold)".')
@click.option("--from", "start", type=INSTANT, required=True, metavar="T", help="First window start (ISO 8601).")
@click.option("--to", "end", type=INSTANT, required=True, metavar="T", help="Windows start before this (ISO 8601).")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Only this site; may be given again, as the next four.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only this service.")
@click.option("--sku", "skus", multiple=True, metavar="NAME", help="Only this SKU.")
@click.option("--operation", "operations", multiple=True, metavar="NAME", help="Only this operation.")
@click.option("--component", "components", multiple=True, metavar="NAME", help="Only this component, as dynamic or overhead.")
@click.option("--line", "lines", type=click.Choice(_LINES), multiple=True, help="Only this line; give it again for more.  [all]")
@click.option("--windows", "most", type=click.IntRange(0), default=1, metavar="N", help="Explain the N largest windows in full.")
@click.option("--audience", type=click.Choice(["provider", "tenant"]), default="provider", help="Whose eyes it is for.")
@click.option("--recompute", "again", is_flag=True, help="Compute every batch behind the figure again, and compare.")
@output_option("text", "json", "md")
def command(
    *,
    data: Path,
    account: str,
    start: datetime,
    end: datetime,
    sites: tuple[str, ...],
    services: tuple[str, ...],
    skus: tuple[str, ...],
    operations: tuple[str, ...],
    components: tuple[str, ...],
    lines: tuple[str, ...],
    most: int,
    audience: str,
    again: bool,
    output: str,
) -> None:
    """Explain what an account bears: from the posting to meters, usage, factors, rule and arithmetic.

    JSON is complete: a program can run the arithmetic again, step by step. What a tenant may see holds no figure of another
    account (--audience tenant). Ends with exit code 1 if a window cannot be explained, or a batch computed again differs.

    \b
    Examples:
      greencloud explain --data ./data --account acme --from 2026-11-23 --to 2026-11-24 --line scope2_market_ug
      greencloud explain --data ./data --account acme --from 2026-11-01 --to 2026-12-01 --component idle --recompute -o json
    """
    from greencloud.allocation.explanation import Where
    from greencloud.engine import DataDirectory
    from greencloud.engine.cell_document import cell_document
    from greencloud.engine.explain import Cell, explain_cell
    from greencloud.report.explanation import explanation_markdown, explanation_text

    if start >= end:
        raise click.UsageError("--from must be before --to.")
    directory = DataDirectory.open(data, create=False)
    where = Where(services, skus, operations, components, tuple(line for line in _LINES if line in lines) or _LINES)
    cell = Cell(account, start, end, where, sites, "tenant" if audience == "tenant" else "provider")
    document = cell_document(explain_cell(directory, cell, most=most, again=again))
    if output == "json":
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo((explanation_markdown if output == "md" else explanation_text)(document), nl=False)
    unexplained = [window for window in document["windows"] if window["explanation"] is None]
    differing = [batch for batch in document["recomputed"] or () if not batch["same"]]
    for window in unexplained:
        click.echo(f"not explained: {window['site']} {window['window_start']}: {window['reason']}", err=True)
    for batch in differing:
        click.echo(f"not the same again: {batch['site']} {batch['window_start']}: {batch['reason']}", err=True)
    if unexplained or differing:
        sys.exit(1)
