"""``greencloud ledger``: close periods, keep the ledger tidy, and hand over what an auditor asks for."""

from __future__ import annotations

import json
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from greencloud.cli._audit import audited
from greencloud.cli._ledger_copy import command as copy_command
from greencloud.cli._ledger_writers import feed, lease
from greencloud.cli._options import DURATION, data_option, output_option
from greencloud.units import format_instant

__all__ = ["command"]


@click.group(name="ledger")
def command() -> None:
    """Close periods, keep the ledger tidy, hand it to an auditor."""


for each in (copy_command, feed, lease):
    command.add_command(each)


@command.command()
@data_option
@click.argument("period")
@click.option("--allow-gaps", is_flag=True, help="Close it although sites have no batch for some of its windows.")
@click.option("--shares", type=click.IntRange(2, 16), default=2, help="Into how many parts each account is divided in the tree.")
def close(data: Path, period: str, allow_gaps: bool, shares: int) -> None:
    """Close PERIOD (2026, 2026-Q4, 2026-11 or 2026-11-27): sum it up, sign the root and add it to the log.

    What the ledger says of it afterwards is a restatement. A period that has changed since is closed again by the same command: the
    new entry names the one that it restates.

    \b
    Example:
      greencloud ledger close --data ./data 2026-11
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.closes import period_named
    from greencloud.proof import fingerprint

    directory = DataDirectory.open(data, create=False)
    now = datetime.now(UTC)
    with (
        audited(directory, "ledger close", f"period={period}; allow_gaps={allow_gaps}"),
        directory.allocating(),
        directory.writing() as held,
    ):
        closing = directory.closes.close(
            directory.ledger, period_named(period), now, allow_gaps=allow_gaps, shares=shares, still=held.keep
        )
    for note in closing.notes:
        click.echo(f"note: {note}", err=True)
    body = closing.entry["body"]
    again = f", which restates entry {body['restates']}" if body["restates"] is not None else ""
    click.echo(f"{period} is closed by entry {closing.entry['index']} of the log{again}")
    for name, amount in _totals(body).items():
        click.echo(f"  {name:<28} {int(amount):>24,}")
    click.echo(f"  {'root':<28} {body['root']}")
    click.echo(f"  {'key':<28} {fingerprint(bytes.fromhex(closing.entry['key']))}")


@command.command()
@data_option
@output_option("table", "json")
def closes(data: Path, output: str) -> None:
    """List closed periods, and whether the ledger says something else of them now. Ends with exit code 3 if it does."""
    from greencloud.engine import DataDirectory

    directory = DataDirectory.open(data, create=False)
    changed = set(directory.closes.changed(directory.ledger.snapshot()))
    found = directory.closes.in_force()
    rows = [
        {
            "period": name,
            "entry": entry["index"],
            "closed": entry["time"],
            "restates": entry["body"]["restates"],
            "root": entry["body"]["root"],
            "changed": name in changed,
        }
        for name, entry in found.items()
    ]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif not rows:
        click.echo("no period is closed yet: greencloud ledger close --data DIR 2026-11", err=True)
    else:
        for row in rows:
            state = "changed since; close it again" if row["changed"] else "as closed"
            click.echo(f"{row['period']:<12} entry {row['entry']:>4}  {row['closed']}  {row['root'][:16]}  {state}")
    if changed:
        sys.exit(3)


@command.command(name="rotate-key")
@data_option
def rotate_key(data: Path) -> None:
    """Put a new signing key in force, vouched for in the log by the one before. Publish its fingerprint."""
    from greencloud.engine import DataDirectory

    directory = DataDirectory.open(data, create=False)
    with audited(directory, "ledger rotate-key", ""):
        fingerprint = directory.closes.rotate(datetime.now(UTC))
    click.echo(fingerprint)


@command.command()
@data_option
@click.argument("period")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE", help="Where to.")
@click.option("--named", is_flag=True, help="Name the accounts, so that the auditor can compare them with contracts.")
def audit(data: Path, period: str, out: Path, named: bool) -> None:
    """Write every leaf of a close, for an auditor to compute its root and look for what no account can see alone.

    It is not for customers: it holds what each account emitted.
    """
    from greencloud.engine import DataDirectory

    closes = DataDirectory.open(data, create=False).closes
    count = 0
    with open(out, "wb", opener=_for_the_owner) as file:
        for line in closes.audit(period, named=named):
            count += file.write(line)
    click.echo(f"{out}: {count:,} bytes, for the auditor alone")


@command.command()
@data_option
@click.option(
    "--grace", type=DURATION, default="7d", metavar="T", help="Keep files so long that only readers of earlier versions need."
)
@click.option(
    "--keep-superseded",
    type=DURATION,
    metavar="T",
    help="Remove final batches so long after they were superseded; their restatements stay. For ever by default.",
)
def maintain(data: Path, grace: timedelta, keep_superseded: timedelta | None) -> None:
    """Compact days that have settled, roll them up, and remove files that nobody needs. No figure changes.

    What a damaged segment holds up is told, and everything else is done. Ends with exit code 1 if there was any.

    \b
    Example, once a day:
      greencloud ledger maintain --data ./data
    """
    from greencloud.engine import DataDirectory
    from greencloud.engine.maintenance import maintain as run

    directory = DataDirectory.open(data, create=False)
    with audited(directory, "ledger maintain", f"grace={grace}; keep_superseded={keep_superseded}"):
        done = run(
            directory,
            datetime.now(UTC),
            grace=grace,
            keep_superseded=keep_superseded,
            progress=lambda step: click.echo(f"{step} ...", err=True),
        )
    click.echo(
        f"{done.days:,} days compacted, {done.rollups:,} roll-ups made; "
        f"{done.removed.files + done.inputs:,} files removed ({done.removed.bytes / (1 << 20):,.1f} MiB); "
        f"version {directory.ledger.snapshot().version}"
    )
    if done.trees:
        click.echo(f"{done.trees:,} trees removed, of closes that were killed")
    for sentence in done.left:
        click.echo(f"left: {sentence}", err=True)
    if done.left:
        sys.exit(1)


@command.command()
@data_option
def repair(data: Path) -> None:
    """Set a torn newest entry of the table's log aside, which a loss of power in the middle of a commit leaves.

    The ledger then opens at the version before; every commit that was acknowledged before is in it. Stop every writer first.
    """
    from greencloud.engine import DataDirectory

    directory = DataDirectory.open(data, create=False)
    with audited(directory, "ledger repair", ""):
        kept = directory.ledger.store.repair()
    if kept is None:
        click.echo("the newest entry of the log is whole; nothing to repair")
    else:
        click.echo(f"set aside: {kept}")
        click.echo("now allocate again what the lost commit may have posted: greencloud allocate --data DIR", err=True)


@command.command()
@data_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="The most versions to show, the latest first.")
def versions(data: Path, limit: int) -> None:
    """Show the latest versions of the ledger and when each was committed."""
    from greencloud.engine import DataDirectory

    ledger = DataDirectory.open(data, create=False).ledger
    latest = ledger.snapshot().version
    for number in range(latest, max(-1, latest - limit), -1):
        committed = ledger.store.committed(number)
        click.echo(f"{number:>8}  {format_instant(committed) if committed else 'unknown'}")


def _for_the_owner(path: str, flags: int) -> int:
    """Open a file that nobody else can read at any time, also where it was there before."""
    file = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.fchmod(file, 0o600)
    return file


def _totals(body: dict[str, Any]) -> dict[str, str]:
    from greencloud.proof import MEASURES

    return dict(zip(MEASURES, body["totals"], strict=True))
