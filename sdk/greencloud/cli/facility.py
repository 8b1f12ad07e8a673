"""``greencloud facility``: look at a facility book before it is put in force."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from greencloud.facility import FOREVER, HARDWARE_RECORD_DAYS, AccountKind, Examined, Facility, examine_facility
from greencloud.units import Emissions, Energy, format_instant

__all__ = ["command"]


@click.group(name="facility")
def command() -> None:
    """Check a facility book."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Read the book FILE and show what it holds, or every mistake in it with its line and remedy."""
    examined = examine_facility(file)
    for note in examined.notes:
        click.echo(f"note: {note}", err=True)
    if examined.facility is None:
        _show_mistakes(examined)
        sys.exit(1)
    if (since := _out_of_date(examined.facility, datetime.now(UTC).date())) is not None:
        click.echo(f"note: the hardware records are of {since}, more than {HARDWARE_RECORD_DAYS} days ago", err=True)
    for zone, kind, last in _ended(examined.facility, datetime.now(UTC)):
        click.echo(f"note: {kind} factors of {zone} end at {format_instant(last)}: later windows are refused", err=True)
    rows = _summary(examined.facility)
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        click.echo(f"{label:<{width}}  {text}")


def _show_mistakes(examined: Examined) -> None:
    for error in examined.errors:
        click.echo(f"error: {error.message}", err=True)
        if error.advice:
            click.echo(f"  {error.advice}", err=True)
    total = len(examined.errors) + examined.untold
    hidden = f", {examined.untold} of them like those above" if examined.untold else ""
    click.echo(f"{total} mistake{'s' if total != 1 else ''}{hidden}", err=True)


def _out_of_date(book: Facility, today: date) -> date | None:
    """The day of hardware records that are old: machines bought since then carry no embodied mass."""
    old = book.hardware_as_of is not None and (today - book.hardware_as_of).days > HARDWARE_RECORD_DAYS
    return book.hardware_as_of if old else None


def _ended(book: Facility, now: datetime) -> list[tuple[str, str, datetime]]:
    """Zones and kinds whose factors end before now."""
    last: dict[tuple[str, str], datetime] = {}
    for factor in book.factors:
        key = (factor.zone, factor.kind.value)
        last[key] = max(factor.end, last.get(key, factor.end))
    return [(zone, kind, end) for (zone, kind), end in sorted(last.items()) if end <= now]


def _summary(book: Facility) -> list[tuple[str, str]]:
    vcpu, gpus = sum(host.vcpu for host in book.hosts.values()), sum(host.gpus for host in book.hosts.values())
    internal = sum(account.kind is AccountKind.INTERNAL for account in book.accounts.values())
    rows = [
        ("book", book.name or "(no name)"),
        ("revision", book.revision),
        ("window", f"{book.window_seconds // 60} min"),
        ("sites", ", ".join(f"{site.id} ({site.region}, grid zone {site.grid_zone})" for site in book.sites.values())),
        ("accounts", f"{len(book.accounts)}, {internal} of them internal"),
        ("declared use", str(len(book.declared_uses))),
        ("hosts", f"{len(book.hosts)} with {vcpu} vCPU" + (f" and {gpus} GPU" if gpus else "")),
        ("curves", ", ".join(sorted(book.curves)) or "none"),
        ("reservations", str(len(book.reservations))),
        ("factors", str(len(book.factors))),
    ]
    for zone, kind in sorted({(factor.zone, factor.kind) for factor in book.factors}):
        found = [factor for factor in book.factors if (factor.zone, factor.kind) == (zone, kind)]
        first, last = min(factor.start for factor in found), max(factor.end for factor in found)
        rows.append((f"  {zone} {kind}", f"{format_instant(first)} to {'no end' if last == FOREVER else format_instant(last)}"))
    certified = Energy(sum(certificate.millijoules for certificate in book.certificates))
    embodied = Emissions(sum(asset.embodied_micrograms for asset in book.hardware))
    as_of = f", as of {book.hardware_as_of}" if book.hardware_as_of else ""
    direct = Emissions(sum(emission.micrograms for emission in book.direct_emissions))
    return [
        *rows,
        ("certificates", f"{len(book.certificates)}, {certified}"),
        ("hardware", f"{len(book.hardware)} assets, {embodied} CO2e embodied{as_of}"),
        ("direct emissions", f"{len(book.direct_emissions)}, {direct} CO2e by the potentials of {book.gwp_set}"),
        ("meter readings", str(len(book.readings))),
    ]
