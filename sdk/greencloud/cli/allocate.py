"""``greencloud allocate``: allocate the windows of a data directory and post balanced batches."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import click

from greencloud.cli._audit import audited
from greencloud.cli._engine import Engine, counting, engine_options
from greencloud.cli._log import shared_log
from greencloud.cli._options import BOUND, DURATION, INSTANT, RULE, data_option, log_option
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.audit import system_user
from greencloud.engine.gathering import Gathered
from greencloud.report import balance_table, dry_run_document, restatements_csv, restatements_table
from greencloud.results import RunSummary
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
@click.option("--reason", default="", metavar="TEXT", help="Why final figures are restated; their customers read it.")
@click.option("--by", "requested_by", default=system_user, show_default="your user name", metavar="NAME", help="Who asks for it.")
@click.option(
    "--most-change",
    type=BOUND,
    default="100%",
    metavar="PERCENT",
    help="Refuse to restate a window whose total would change by more, unless by late data alone; none: no bound.",
)
@click.option("--lake", default="", metavar="URI", help="Take usage from a lake laid out by site and window: a folder or s3://…")
@engine_options
@click.option("--dry-run", is_flag=True, help="Post nothing: show what would be posted and restated.")
@log_option
@click.option("-o", "--output", type=click.Choice(["table", "json", "csv"]), default="table", help="Format of a dry run.")
def command(
    *,
    data: Path,
    rule: str,
    start: datetime | None,
    end: datetime | None,
    settle_after: timedelta | None,
    reason: str,
    requested_by: str,
    most_change: Fraction | None,
    lake: str,
    engine: Engine,
    dry_run: bool,
    log: str,
    output: str,
) -> None:
    """Allocate energy and emissions of every site and window with telemetry, and post them as balanced batches.

    Windows that have not ended are allocated as well, and marked provisional. Running it again changes nothing, unless the
    telemetry or the facility book has changed: then a new batch supersedes the old one, which is kept. Where that was final, it
    is a restatement, which greencloud restatements lists. Ends with exit code 1 if any window was refused.

    \b
    Examples:
      greencloud allocate --data ./data
      greencloud allocate --data ./data --dry-run -o csv
      greencloud allocate --data ./data --from 2026-07-01 --to 2026-08-01 --reason "supplier corrected its factor"
      greencloud allocate --data ./data --engine processes --workers 8
      greencloud allocate --data /shared/data --engine spark --master spark://spark.example:7077
    """
    if len(reason) > 1_000 or len(requested_by) > 256 or not (reason + requested_by).isprintable():
        raise click.BadParameter("at most 1,000 (reason) and 256 (name) characters, in one line", param_hint="--reason, --by")
    if output != "table" and not dry_run:
        raise click.UsageError("-o is for --dry-run; greencloud restatements -o and greencloud report -o show what is posted.")
    if lake and (dry_run or settle_after is not None):
        raise click.UsageError(
            "--lake goes with neither --dry-run nor --settle-after, which are about the data directory's telemetry."
        )
    if dry_run and settle_after is not None:
        raise click.UsageError("--dry-run changes nothing, and --settle-after does: give one of them.")
    if settle_after is not None and settle_after < SHORTEST:
        raise click.BadParameter(
            f"live telemetry may change hours for {SHORTEST.days} days: write 14d or more", param_hint="--settle-after"
        )
    engine.check(dry_run=dry_run)
    directory = DataDirectory.open(data, create=False)
    if dry_run:
        would = run_allocation(
            directory,
            rule=rule,
            start=start,
            end=end,
            now=datetime.now(UTC),
            requested_by=requested_by,
            reason=reason,
            most_change=most_change,
            dry_run=True,
        )
        _show(would, output)
        return
    asked = {
        "rule": rule,
        "from": start,
        "to": end,
        "settle_after": settle_after,
        "reason": reason,
        "by": requested_by,
        "lake": lake,
        "engine": engine.name,
    }
    summary = "; ".join(f"{key}={value}" for key, value in asked.items() if value)
    with (
        audited(directory, "allocate", summary),
        shared_log(log) as shared,
        engine.runner() as runner,
        counting() as progress,
    ):
        run = run_allocation(
            directory,
            rule=rule,
            start=start,
            end=end,
            now=datetime.now(UTC),
            told=_not_used,
            log=shared,
            settle_after=settle_after,
            requested_by=requested_by,
            reason=reason,
            most_change=most_change,
            lake=lake,
            runner=runner,
            worker_memory=engine.memory,
            progress=progress,
        )
    if run.posted:
        click.echo(balance_table(list(run.posted)))
    click.echo(f"{len(run.posted):,} batches posted, {run.unchanged_count:,} unchanged, {len(run.refused):,} refused")
    if restated := sum(bool(batch.causes) for batch in run.posted):
        click.echo(f"{restated:,} of them restate final figures: greencloud restatements shows them", err=True)
    for note in sorted({note for batch in run.posted for note in batch.notes}):
        click.echo(f"note: {note}", err=True)
    for refusal in run.refused:
        click.echo(f"refused: {refusal.site} {format_instant(refusal.start)}: {refusal.message}", err=True)
    if not run.posted and not run.unchanged_count and not run.refused:
        if lake:
            told = f"{lake} has no usage of these windows: see that it is laid out as site=SITE/window_start=TIME (docs/scale.md)"
        else:
            told = "there is no telemetry to allocate yet: send OTLP to greencloud serve, or use greencloud ingest"
        click.echo(told, err=True)
    if run.refused:
        sys.exit(1)


def _not_used(gathered: Gathered) -> None:
    for letter in gathered.collected.dead_letters:
        click.echo(f"not used: {letter.count:,} x {letter.reason} (first: {letter.example})", err=True)


def _show(would: RunSummary, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(dry_run_document(would), indent=2, ensure_ascii=False))
    elif output == "csv":
        click.echo(restatements_csv(would.restatements), nl=False)
    else:
        click.echo(restatements_table(would.restatements), nl=False)
    told = f"would post {len(would.posted):,} batches; {would.unchanged_count:,} unchanged, {len(would.refused):,} would be refused"
    click.echo(told, err=output != "table")
    for refusal in would.refused:
        click.echo(f"would be refused: {refusal.site} {format_instant(refusal.start)}: {refusal.message}", err=True)
