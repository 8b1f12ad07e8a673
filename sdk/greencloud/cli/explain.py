"""``greencloud explain``: how a figure of the ledger came about, down to meters, rows and factors; and the same integer again."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options

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
@source_options
@click.option(
    "--account", default="", metavar="ID", help='An account, or a pool such as "(unsold)"; of a server, your own if left out.'
)
@span_options
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Only this site; may be given again, as the next four.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only this service.")
@click.option("--sku", "skus", multiple=True, metavar="NAME", help="Only this SKU.")
@click.option("--operation", "operations", multiple=True, metavar="NAME", help="Only this operation.")
@click.option("--component", "components", multiple=True, metavar="NAME", help="Only this component, as dynamic or overhead.")
@click.option("--line", "lines", type=click.Choice(_LINES), multiple=True, help="Only this line; give it again for more.  [all]")
@click.option("--windows", "most", type=click.IntRange(0), default=1, metavar="N", help="Explain the N largest windows in full.")
@click.option(
    "--audience",
    type=click.Choice(["provider", "tenant"]),
    default="provider",
    help="Whose eyes it is for; a server knows by the token.",
)
@click.option("--recompute", "again", is_flag=True, help="Compute every batch behind the figure again, and compare.")
@output_options("text", "json", "md")
def command(
    *,
    source: Source,
    account: str,
    span: Span,
    sites: tuple[str, ...],
    services: tuple[str, ...],
    skus: tuple[str, ...],
    operations: tuple[str, ...],
    components: tuple[str, ...],
    lines: tuple[str, ...],
    most: int,
    audience: str,
    again: bool,
    output: Output,
) -> None:
    """Explain what an account bears: from the posting to meters, usage, factors, rule and arithmetic.

    JSON is complete: a program can run the arithmetic again, step by step. What a tenant may see holds no figure of another
    account (--audience tenant). Ends with exit code 1 if a window cannot be explained, or a batch computed again differs.

    \b
    Examples:
      greencloud explain --data ./data --account acme --from 2026-11-23 --to 2026-11-24 --line scope2_market_ug
      greencloud explain --data ./data --account acme --from 2026-11-01 --to 2026-12-01 --component idle --recompute -o json
      GREENCLOUD_TOKEN=... greencloud explain --server localhost:4317 --from 2026-11-23 --to 2026-11-24
    """
    from greencloud.report.explanation import explanation_markdown, explanation_text

    if span.start is None or span.end is None:
        raise click.UsageError("Name a time: --period, or --from and --to.")
    if source.data is not None and not account:
        raise click.UsageError("Name an --account.")
    asked: dict[str, Any] = {"account": account, "start": span.start, "end": span.end, "sites": sites}
    asked |= {"services": services, "skus": skus, "operations": operations, "components": components}
    asked["measures"] = tuple(line for line in _LINES if line in lines) or _LINES
    if source.data is not None:
        document = _from_directory(source, asked, most, again, audience)
    else:
        with source.client() as client:
            document = client.explain_footprint(**asked, windows=most, recompute=again)
    if output.format == "json":
        output.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        output.write((explanation_markdown if output.format == "md" else explanation_text)(document))
    unexplained = [window for window in document["windows"] if window["explanation"] is None]
    differing = [batch for batch in document["recomputed"] or () if not batch["same"]]
    for window in unexplained:
        click.echo(f"not explained: {window['site']} {window['window_start']}: {window['reason']}", err=True)
    for batch in differing:
        click.echo(f"not the same again: {batch['site']} {batch['window_start']}: {batch['reason']}", err=True)
    if unexplained or differing:
        sys.exit(1)


def _from_directory(source: Source, asked: dict[str, Any], most: int, again: bool, audience: str) -> dict[str, Any]:
    from greencloud.allocation.explanation import Where
    from greencloud.engine.cell_document import cell_document
    from greencloud.engine.explain import Cell, explain_cell

    directory = source.directory()
    assert directory is not None
    where = Where(*(asked[name] for name in ("services", "skus", "operations", "components", "measures")))
    whose: Any = "tenant" if audience == "tenant" else "provider"
    cell = Cell(asked["account"], asked["start"], asked["end"], where, asked["sites"], whose)
    return cell_document(explain_cell(directory, cell, most=most, again="all" if again else "none"))
