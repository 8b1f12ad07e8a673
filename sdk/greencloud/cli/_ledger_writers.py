"""``greencloud ledger lease`` and ``feed``: who may write to a ledger of several machines, and what they write it from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from greencloud.cli._audit import audited
from greencloud.cli._log import shared_log
from greencloud.cli._options import data_option, log_option, output_option
from greencloud.units import format_instant

__all__ = ["feed", "lease"]


@click.command()
@data_option
@click.option("--release", "number", type=click.IntRange(1), metavar="N", help="Let go of lease N, whose holder is dead.")
@output_option("table", "json")
def lease(data: Path, number: int | None, output: str) -> None:
    """Show who holds the lease to write to the ledger, and until when. With --release nobody waits until then.

    A lease whose holder died passes on by itself when it expires, by your clock: in two minutes, unless its holder's clock was far
    ahead. Look at the holder first. Releasing is safe all the same: what it had begun cannot be committed any more, and a holder
    that is alive begins anew. In object storage a lease that was renewed since you looked has another number, and is not released.

    \b
    Example:
      greencloud ledger lease --data ./data --release 17
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.leasing import release

    directory = DataDirectory.open(data, create=False)
    if number is not None:
        with audited(directory, "ledger lease", f"release={number}"), directory.allocating():
            release(directory, number, datetime.now(UTC))
    latest, ours = directory.lease()
    now = datetime.now(UTC)
    held = latest is not None and not latest.let_go and latest.expires > now
    if output == "json":
        told: dict[str, Any] = {"number": 0, "holder": "", "expires": None, "held": held, "own": ours}
        if latest:
            told |= {"number": latest.number, "holder": latest.holder, "expires": format_instant(latest.expires)}
        click.echo(json.dumps(told, indent=2))
    elif latest is None:
        click.echo("nobody has held the lease yet")
    else:
        left = timedelta(seconds=int((latest.expires - now).total_seconds()))
        state = f"held until {format_instant(latest.expires)}, for {left} from now" if held else "free"
        whose = "this directory" if ours else "another directory"
        click.echo(f"lease {latest.number}  {state}  ({latest.holder or 'nobody'}: {whose})")


@click.command()
@data_option
@log_option
@click.option(
    "--set", "setting", is_flag=True, help="From now on the ledger is fed by the book in force here, and --log or --no-log."
)
@click.option(
    "--beside", is_flag=True, help="Let --log feed it beside those that do: a region's, whose sites no other one tells of."
)
@click.option("--no-log", is_flag=True, help="No shared log feeds it any more: the telemetry of one directory does.")
@output_option("table", "json")
def feed(*, data: Path, log: str, setting: bool, beside: bool, no_log: bool, output: str) -> None:
    """Show what feeds a ledger in object storage: the shared log of its telemetry, and the facility book.

    Whoever knows another log, or an earlier book, is not allocated: two that differ would restate each other without end. --set
    changes it on purpose; a later book, put in force anywhere, succeeds by itself.

    \b
    Examples:
      greencloud ledger feed --data ./data
      greencloud ledger feed --data ./data --set --log nats://10.0.0.5:4222/telemetry
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.feed import Feed

    if no_log and (log or not setting):
        raise click.UsageError("--no-log goes with --set, and without --log and GREENCLOUD_LOG_URI.")
    if beside and (setting or not log):
        raise click.UsageError("--beside goes with --log, and without --set, which has the ledger fed by that log alone.")
    directory = DataDirectory.open(data, create=False)
    found = Feed(directory)
    if setting or beside:
        with audited(directory, "ledger feed", f"log={log}; beside={beside}; no_log={no_log}"):
            if no_log:
                found.follow("")
            with shared_log(log) as shared:
                if shared:
                    found.follow(shared.name, beside=beside)
            if setting:
                found.take_over(datetime.now(UTC))
    fed = found.current()
    since = format_instant(fed.since) if fed.book else None
    if output == "json":
        click.echo(json.dumps({"logs": fed.logs, "book": fed.book, "since": since, "by": fed.by}, indent=2))
        return
    click.echo(f"log   {', '.join(fed.logs) or 'none'}")
    click.echo(f"book  {fed.book[:12]}, in force since {since}" if fed.book else "book  the one in force")
    if fed.by:
        click.echo(f"by    {fed.by}")
