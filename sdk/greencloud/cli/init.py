"""``greencloud init``: make a data directory, and say where what it keeps lies."""

from __future__ import annotations

from pathlib import Path

import click

from greencloud.cli._options import PLACE, SIZE, directory_option

__all__ = ["command"]


@click.command()
@directory_option
@click.option(
    "--store",
    metavar=PLACE,
    envvar="GREENCLOUD_STORE_URI",
    show_envvar=True,
    help="Keep everything that is written once in object storage, and in DIR copies of it; credentials and endpoint come from "
    "AWS_ variables.",
)
@click.option("--store-cache", type=SIZE, metavar="SIZE", help="Disk that these copies may take (10GB).")
@click.option(
    "--ledger",
    metavar=PLACE,
    envvar="GREENCLOUD_LEDGER_URI",
    show_envvar=True,
    help="Keep the ledger alone in object storage; --store keeps it, too.",
)
@click.option("--ledger-cache", type=SIZE, metavar="SIZE", help="Disk that copies of its objects may take (10GB).")
def command(data: Path, store: str | None, store_cache: int | None, ledger: str | None, ledger_cache: int | None) -> None:
    """Make a data directory, or give its cache another size. Without it the other verbs make one that keeps everything in its
    folder.

    With --store several machines share everything but telemetry that was not allocated yet, and the keys: give each the same keys.

    \b
    Examples:
      greencloud init --data ./data --store s3://lake/greencloud
      greencloud init --data ./data --store-cache 50GB
      greencloud init --data ./data --ledger s3://lake/greencloud/ledger
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.place import MARKER, LedgerPlace, StorePlace

    if store is not None and ledger is not None:
        raise click.UsageError("--store keeps the ledger, too: leave --ledger and GREENCLOUD_LEDGER_URI out")
    if (data / MARKER).exists():  # it knows its place; a cache alone may be given another size
        known = StorePlace.read(data / MARKER).uri
        if store_cache is not None and store is None and ledger is None:
            store = known or None
        if ledger_cache is not None and ledger is None and store is None and not known:
            ledger = LedgerPlace.read(data / MARKER).uri or None
    if ledger_cache is not None and ledger is None:
        raise click.UsageError("--ledger-cache is for a ledger in object storage: name it with --ledger")
    if store_cache is not None and store is None:
        raise click.UsageError("--store-cache is for a store in object storage: name it with --store")
    if store is not None:
        directory = DataDirectory.attach(store, data, cache_bytes=store_cache)
    else:
        directory = DataDirectory.open(data, create=True)
    if ledger is not None:
        size = LedgerPlace().cache_bytes if ledger_cache is None else ledger_cache
        directory.place_ledger(LedgerPlace(ledger, size))
    place = directory.ledger_place.uri
    if not place:
        click.echo(f"{data}: the ledger is in {directory.path / 'ledger'}")
        return
    version = directory.ledger.snapshot().version
    held = f"version {version}" if version >= 0 else "empty"
    if directory.store_place.uri:
        click.echo(f"{data}: a cache of {directory.store_place.uri} (ledger: {held})")
    else:
        click.echo(f"{data}: the ledger is at {place} ({held})")
