"""``greencloud ingest``: take OTLP files and usage tables into a data directory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from greencloud.cli._audit import audited
from greencloud.cli._log import shared_log
from greencloud.cli._options import data_option, facility_option, log_option
from greencloud.engine import DataDirectory, Ingested, ingest_file
from greencloud.facility import check_account_id

__all__ = ["command"]


@click.command(name="ingest")
@data_option
@facility_option
@log_option
@click.option("--account", default="", metavar="A", help="Take OTLP files as this tenant's own telemetry, not as the provider's.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
def command(data: Path, facility: Path | None, log: str, account: str, files: tuple[Path, ...]) -> None:
    """Take OTLP files (.json .jsonl .binpb .pb .otlp) and usage tables (.parquet .arrow .feather .csv), each also as .gz.

    Taking the same file again does nothing. Run "greencloud allocate" afterwards.
    """
    if account:
        check_account_id(account)
    directory = DataDirectory.open(data, create=True)
    if facility:
        with audited(directory, "facility apply", f"file={facility}"):
            book = directory.apply_facility(facility, applied_by="greencloud ingest", now=datetime.now(UTC))
        click.echo(f"{facility}: the facility book in force, revision {book.revision[:12]}")
    with shared_log(log) as shared:
        for path in files:
            click.echo(f"{path}: {_describe(ingest_file(directory, path, account=account, progress=_progress, log=shared))}")


def _progress(count: int) -> None:
    if sys.stderr.isatty() and count % 100 == 0:
        click.echo(f"\r{count:,} requests", err=True, nl=False)


def _describe(taken: Ingested) -> str:
    if taken.kind == "known":
        return "already taken, nothing done"
    if taken.kind == "usage":
        return f"{taken.rows:,} usage rows, {taken.readings:,} host readings"
    text = f"{taken.requests:,} OTLP requests"
    return f"{text}, {taken.rejected:,} items rejected: {taken.message}" if taken.rejected else text
