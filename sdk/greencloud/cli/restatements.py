"""``greencloud restatements``: what was restated, from a data directory or from a server, with the same output."""

from __future__ import annotations

import json

import click

from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.cli._span import Span, span_options
from greencloud.results import Restatement

__all__ = ["command"]


@click.command(name="restatements")
@source_options
@click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Lines of this account (repeatable); all that you may see."
)
@span_options
@output_options("table", "json", "jsonl", "csv")
def command(
    *,
    source: Source,
    accounts: tuple[str, ...],
    span: Span,
    output: Output,
) -> None:
    """List restatements of final figures: old, new and difference of each line, the cause, who asked for it, and when.

    \b
    Examples:
      greencloud restatements --data ./data
      greencloud restatements --data ./data --account acme --from 2026-07-01 --to 2026-08-01 -o csv
      GREENCLOUD_TOKEN=... greencloud restatements --server localhost:4317 -o jsonl
    """
    directory = source.directory()
    if directory is not None:
        found = directory.ledger.snapshot().restatements(span.start, span.end, accounts or None)
    else:
        with source.client() as client:
            found = list(client.list_restatements(start=span.start, end=span.end, accounts=accounts))
    output.write(_render(found, output.format))


def _render(found: list[Restatement], output: str) -> str:
    from greencloud.report import restatements_csv, restatements_document, restatements_jsonl, restatements_table

    match output:
        case "json":
            return json.dumps(restatements_document(found), indent=2, ensure_ascii=False) + "\n"
        case "jsonl":
            return restatements_jsonl(found)
        case "csv":
            return restatements_csv(found)
        case _:
            return restatements_table(found)
