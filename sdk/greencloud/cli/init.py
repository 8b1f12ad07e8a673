"""``greencloud init``: make a data directory, and say where its ledger lies."""

from __future__ import annotations

from pathlib import Path

import click

from greencloud.cli._options import SIZE, data_option

__all__ = ["command"]


@click.command()
@data_option
@click.option(
    "--ledger",
    metavar="s3://BUCKET/PREFIX",
    envvar="GREENCLOUD_LEDGER_URI",
    help="Keep the ledger in object storage; credentials and endpoint come from AWS_ variables.",
)
@click.option("--ledger-cache", type=SIZE, metavar="SIZE", help="Disk that copies of its objects may take (10GB).")
def command(data: Path, ledger: str | None, ledger_cache: int | None) -> None:
    """Make a data directory. Without it the other verbs make one with the ledger in its folder.

    \b
    Example:
      greencloud init --data ./data --ledger s3://lake/greencloud
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.place import LedgerPlace

    if ledger_cache is not None and ledger is None:
        raise click.UsageError("--ledger-cache is for a ledger in object storage: name it with --ledger")
    directory = DataDirectory.open(data, create=True)
    if ledger is not None:
        size = LedgerPlace().cache_bytes if ledger_cache is None else ledger_cache
        directory.place_ledger(LedgerPlace(ledger, size))
        version = directory.ledger.snapshot().version
        held = f"version {version}" if version >= 0 else "empty"
        click.echo(f"{data}: the ledger is at {directory.ledger_place.uri} ({held})")
    else:
        click.echo(f"{data}: the ledger is in {directory.path / 'ledger'}")
