"""``greencloud restatements``: what was restated, from a data directory or from a server, with the same output."""

from __future__ import annotations

import json
from datetime import datetime

import click

from greencloud.cli._options import INSTANT
from greencloud.cli._source import Source, source_options
from greencloud.results import Restatement

__all__ = ["command"]


@click.command(name="restatements")
@source_options
@click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Lines of this account (repeatable); all that you may see."
)
@click.option("--from", "start", type=INSTANT, metavar="TIME", help="Windows that start at or after this.")
@click.option("--to", "end", type=INSTANT, metavar="TIME", help="Windows that start before this.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "jsonl", "csv"]), default="table", help="The format.")
def command(
    *,
    source: Source,
    accounts: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    output: str,
) -> None:
    """List restatements of final figures: old, new and difference of each line, the cause, who asked for it, and when.

    \b
    Examples:
      greencloud restatements --data ./data
      greencloud restatements --data ./data --account acme --from 2026-07-01 --to 2026-08-01 -o csv
      GREENCLOUD_TOKEN=... greencloud restatements --server localhost:4317 -o jsonl
    """
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--from must be before --to.")
    directory = source.directory()
    if directory is not None:
        found = directory.ledger.snapshot().restatements(start, end, accounts or None)
    else:
        with source.client() as client:
            found = list(client.list_restatements(start=start, end=end, accounts=accounts))
    click.echo(_render(found, output), nl=False)


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
