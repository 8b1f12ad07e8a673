"""``greencloud inventory evidence, log``: documents, and the journal of the provider's books."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import show, writing
from greencloud.cli._output import Output, output_options, write_file
from greencloud.cli._source import Source, source_options

__all__ = ["COMMANDS"]


@click.group()
def evidence() -> None:
    """Documents that figures are taken from, by their SHA-256."""


@evidence.command()
@source_options
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def put(*, source: Source, files: tuple[Path, ...]) -> None:
    """Keep FILES, and print their SHA-256, as sha256sum does. To keep one again changes nothing.

    \b
    Example:
      greencloud inventory evidence put --data ./data report-2020.pdf
    """
    with writing(source, "evidence put", ", ".join(file.name for file in files)) as books:
        for file in files:
            click.echo(f"{books.upload_evidence(file.read_bytes())}  {file}")


@evidence.command()
@source_options
@click.argument("digest", metavar="SHA256")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE", help="Where to.  [standard output]"
)
def get(*, source: Source, digest: str, out: Path | None) -> None:
    """Get a document; what comes is checked against its SHA-256.

    \b
    Example:
      greencloud inventory evidence get --data ./data \\
        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out report-2020.pdf
    """
    with provider_books(source) as books:
        content = books.get_evidence(digest.removeprefix("evidence/"))
    if out is None or str(out) == "-":
        click.echo(content, nl=False)
    else:
        write_file(out, content)
        click.echo(f"wrote {out}", err=True)


@click.command()
@source_options
@click.option("--after", type=click.IntRange(0), default=0, show_default=False, metavar="N", help="Records after number N.")
@output_options("table", "json", "csv")
def log(*, source: Source, after: int, output: Output) -> None:
    """Show the journal: every change of the provider's books, who made it, when and why. Each record binds the one before.

    \b
    Example:
      greencloud inventory log --data ./data -o json
    """
    from greencloud.report.inventory_documents import records_data, records_document
    from greencloud.report.inventory_year_tables import records_table

    with provider_books(source) as books:
        found = list(books.list_book_records(after=after))
    show(output, lambda: records_table(found), lambda: records_document(found), lambda: records_data(found))


COMMANDS: Final = (evidence, log)
