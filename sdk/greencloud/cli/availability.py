"""``greencloud availability``: from when to when there are figures, up to where they are final, and how fresh they are."""

from __future__ import annotations

import json

import click

from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.results import DataAvailability

__all__ = ["command"]


@click.command(name="availability")
@source_options
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Of this account (repeatable); all that you may see.")
@output_options("table", "json", "jsonl", "csv", "tsv", "parquet", "arrow")
def command(*, source: Source, accounts: tuple[str, ...], output: Output) -> None:
    """Show from when to when there are figures at each site, up to where they are final, and when the newest was posted.

    \b
    Examples:
      greencloud availability --data ./data
      GREENCLOUD_TOKEN=... greencloud availability --server localhost:4317 -o json
    """
    output.write(_render(_availability(source, accounts), output.format))


def _availability(source: Source, accounts: tuple[str, ...]) -> DataAvailability:
    directory = source.directory()
    if directory is None:
        with source.client() as client:
            return client.get_data_availability(accounts)
    from greencloud.ledger import data_availability

    return data_availability(directory.ledger.snapshot(), accounts or None)


def _render(found: DataAvailability, output: str) -> str | bytes:
    from greencloud.report import write_dataset
    from greencloud.report.catalogue import availability_data, availability_document, availability_table

    match output:
        case "table":
            return availability_table(found)
        case "json":
            return json.dumps(availability_document(found), indent=2, ensure_ascii=False) + "\n"
    return write_dataset(availability_data(found), output)
