"""``greencloud lake``: lakes of usage, for runs on many machines."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from greencloud.cli._engine import Engine, engine_options
from greencloud.cli._options import DURATION, INSTANT, data_option
from greencloud.engine import DataDirectory
from greencloud.engine.shuffle import Shuffled, shuffle_lake

__all__ = ["command"]


@click.group(name="lake")
def command() -> None:
    """Lay telemetry out by site and window, for greencloud allocate --lake."""


@command.command(name="shuffle")
@data_option
@click.option("--from", "start", type=INSTANT, metavar="T", help="First window start (ISO 8601); the earliest by default.")
@click.option("--to", "end", type=INSTANT, metavar="T", help="Windows start before this (ISO 8601); the latest by default.")
@engine_options
@click.option("--buckets", type=click.IntRange(0, 1 << 20), default=0, metavar="N", help="Parts of a day; by size by default.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where --engine processes keeps what does not fit in memory.",
)
@click.argument("raw", metavar="RAW")
@click.argument("lake", metavar="LAKE")
def shuffle(
    *,
    data: Path,
    start: datetime | None,
    end: datetime | None,
    engine: Engine,
    buckets: int,
    folder: Path | None,
    raw: str,
    lake: str,
) -> None:
    """Lay the telemetry of RAW out as the lake of usage LAKE; each is a folder or s3://BUCKET/PREFIX.

    RAW holds OTLP files (.json .jsonl .binpb .pb .otlp, each also as .gz) under role=provider/ or role=tenant/account=ACCOUNT/,
    and segments of a log (.wal). Windows and sites are those of the data directory's facility book. Windows of LAKE are replaced
    by what RAW tells; running it again changes nothing, and a RAW without telemetry is refused. With --engine local all is held
    in memory: take processes, or spark, for what is large.

    \b
    Examples:
      greencloud lake shuffle --data ./data s3://telemetry/raw s3://telemetry/usage
      greencloud lake shuffle --data ./data --engine spark --master spark://host:7077 s3://telemetry/raw s3://telemetry/usage
      greencloud allocate --data ./data --lake s3://telemetry/usage
    """
    if engine.name == "ray":
        raise click.UsageError("Ray groups nothing here: take --engine processes or spark.")
    if engine.memory:
        raise click.UsageError("--worker-memory is for greencloud allocate, which works on whole windows.")
    if folder is not None and engine.name != "processes":
        raise click.UsageError("--folder is for --engine processes.")
    engine.check(dry_run=False)
    facility = DataDirectory.open(data, create=False).facility()
    with engine.shuffler(folder) as chosen:
        made = shuffle_lake(raw, lake, facility, chosen, start=start, end=end, buckets=buckets, progress=_progress)
    if sys.stderr.isatty():
        click.echo(err=True)
    for letter in made.dead_letters:
        click.echo(f"not used: {letter.count:,} x {letter.reason} (first: {letter.example})", err=True)
    click.echo(_told(made))


@command.command(name="maintain")
@click.option(
    "--grace", type=DURATION, default="7d", metavar="T", help="Keep so long what was replaced: longer than any run takes."
)
@click.argument("lake", metavar="LAKE")
def maintain(grace: timedelta, lake: str) -> None:
    """Remove what nobody reads any more of LAKE, a folder or s3://BUCKET/PREFIX. No figure changes.

    Windows that greencloud lake shuffle laid out again stay in their older editions for those that are reading them; after the
    grace these go, and what a shuffle left that was killed. Files of other writers are left alone.

    \b
    Example, once a day:
      greencloud lake maintain s3://telemetry/usage
    """
    from greencloud.engine.lake_maintenance import maintain_lake

    removed = maintain_lake(lake, datetime.now(UTC), grace=grace)
    click.echo(f"{removed.files:,} files removed ({removed.bytes / (1 << 20):,.1f} MiB)")


def _told(made: Shuffled) -> str:
    emptied = f"; {made.emptied:,} windows of the lake emptied" if made.emptied else ""
    return (
        f"{made.files:,} files, {made.requests:,} requests: {made.windows:,} windows with {made.rows:,} usage rows and "
        f"{made.readings:,} host readings{emptied}"
    )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{text:<60}", err=True, nl=False)
