"""``greencloud ledger copy``: a serving copy of the ledger in PostgreSQL, brought up to date, compared or removed."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from greencloud.cli._audit import audited
from greencloud.cli._options import data_option

__all__ = ["command", "serving_copy"]

_VARIABLE = "GREENCLOUD_SERVING_COPY"
_MOST_FINDINGS = 50


def serving_copy(context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """A connection string, which as an argument has no password; "" where none was given."""
    if not value:
        return ""
    from greencloud.serving.connection import checked

    source = context.get_parameter_source(_parameter.name or "")
    return checked(value, said_by_option=source is ParameterSource.COMMANDLINE)


@click.command(name="copy")
@data_option
@click.option(
    "--to",
    required=True,
    envvar=_VARIABLE,
    show_envvar=True,
    callback=serving_copy,
    metavar="postgresql://…",
    help="The database. A password: by PGPASSFILE, or all of it by the variable.",
)
@click.option("--check", is_flag=True, help="Compare the copy with the ledger, row by row, and change nothing.")
@click.option("--drop", is_flag=True, help="Remove the copy.")
def command(data: Path, to: str, *, check: bool, drop: bool) -> None:
    """Build a serving copy of the ledger in PostgreSQL, or bring it up to date. The ledger stays the truth.

    With --check it ends with exit code 1 if the copy is not what the ledger is.

    \b
    Example:
      greencloud ledger copy --data ./data --to postgresql://greencloud@db.example/footprints
    """
    from greencloud import serving
    from greencloud.engine import DataDirectory
    from greencloud.serving.check import check as compare
    from greencloud.serving.connection import WRITER, address_of, connect, database_errors

    if check and drop:
        raise click.UsageError("--check changes nothing and --drop removes it: give one of them")
    directory = DataDirectory.open(data, create=False)
    place = address_of(to)
    with database_errors(to):
        connection = connect(to, **WRITER)
    with connection:
        if check:
            count = 0
            for count, finding in enumerate(compare(to, connection, directory.ledger), 1):
                if count <= _MOST_FINDINGS:
                    click.echo(finding)
            if count:
                click.echo(f"{count} findings: if there is a copy, remove it with --drop; then build it anew", err=True)
                sys.exit(1)
            click.echo(f"{place}: the copy is what the ledger is")
            return
        with audited(directory, "ledger copy", f"to={place}; drop={drop}"):
            if drop:
                click.echo(f"{place}: {'the copy is removed' if serving.drop(to, connection) else 'there is no copy'}")
                return
            done = serving.refresh(to, connection, directory.ledger, progress=lambda step: click.echo(f"{step} ...", err=True))
    click.echo(
        f"{place}: version {done.version}; {done.added:,} batches in, {done.removed:,} out, {done.rolled:,} days added up, "
        f"{done.bytes / (1 << 20):,.1f} MiB copied"
    )
