"""``greencloud allocate``: allocate the windows of a data directory and post balanced batches."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from greencloud.cli._options import DURATION, INSTANT, RULE, data_option
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.run import gather
from greencloud.report.tables import balance_table
from greencloud.telemetry import SHORTEST
from greencloud.units import format_instant

__all__ = ["command"]


@click.command(name="allocate")
@data_option
@click.option("--rule", type=RULE, default="reserved_and_used", metavar="RULE", help="Who pays for what: the allocation rule.")
@click.option("--from", "start", type=INSTANT, metavar="T", help="First window start (ISO 8601); the earliest by default.")
@click.option("--to", "end", type=INSTANT, metavar="T", help="Windows start before this (ISO 8601); the latest by default.")
@click.option(
    "--settle-after",
    type=DURATION,
    metavar="T",
    help="Afterwards, settle hours of which nothing came for so long, 14d at least: later runs leave their telemetry closed.",
)
def command(data: Path, rule: str, start: datetime | None, end: datetime | None, settle_after: timedelta | None) -> None:
    """Allocate energy and emissions of every site and window with telemetry, and post them as balanced batches.

    Windows that have not ended are allocated as well, and marked provisional. Running it again changes nothing, unless the
    telemetry or the facility book has changed: then a new batch supersedes the old one, which is kept.
    Ends with exit code 1 if any window was refused.
    """
    if settle_after is not None and settle_after < SHORTEST:
        raise click.BadParameter(
            f"live telemetry may change hours for {SHORTEST.days} days: write 14d or more", param_hint="--settle-after"
        )
    directory = DataDirectory.open(data, create=False)
    with directory.allocating():
        gathered = gather(directory, keep=True)
        for letter in gathered.collected.dead_letters:
            click.echo(f"not used: {letter.count:,} x {letter.reason} (first: {letter.example})", err=True)
        run = run_allocation(
            directory, rule=rule, start=start, end=end, now=datetime.now(UTC), gathered=gathered, settle_after=settle_after
        )
    if run.posted:
        click.echo(balance_table(list(run.posted)))
    click.echo(f"{len(run.posted):,} batches posted, {run.unchanged_count:,} unchanged, {len(run.refused):,} refused")
    for note in sorted({note for batch in run.posted for note in batch.notes}):
        click.echo(f"note: {note}", err=True)
    for refusal in run.refused:
        click.echo(f"refused: {refusal.site} {format_instant(refusal.start)}: {refusal.message}", err=True)
    if not run.posted and not run.unchanged_count and not run.refused:
        click.echo("there is no telemetry to allocate yet: send OTLP to greencloud serve, or use greencloud ingest", err=True)
    if run.refused:
        sys.exit(1)
