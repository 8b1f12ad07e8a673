"""What only the whole book can show: repeats, overlaps, and things that a site needs and nobody wrote.

Each check takes entries beside the values read from them, so that a mistake is told at its line, and yields errors. ``notes``
yields what is allowed and yet worth knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Final, TypeVar

from greencloud.errors import FacilityError
from greencloud.facility.entry import Entry
from greencloud.facility.quantities import exact_text
from greencloud.facility.timeline import Dated
from greencloud.facility.values import (
    FOREVER,
    Certificate,
    DeclaredUse,
    DirectEmission,
    Factor,
    FactorKind,
    Host,
    HostReading,
    Reservation,
    Site,
)
from greencloud.units import format_instant

__all__ = ["host_names", "missing_factors", "notes", "overdeclared", "overlaps", "repeats", "scope1", "unmatched_losses"]

NEEDED = (FactorKind.LOCATION, FactorKind.RESIDUAL, FactorKind.UPSTREAM)

T = TypeVar("T")
D = TypeVar("D", bound=Dated)
Read = list[tuple[Entry, T]]
Resource = Callable[[Host | Reservation], Fraction]

_RESOURCES: Final[Mapping[str, Resource]] = {
    "vCPU": lambda of: of.vcpu,
    "GiB": lambda of: Fraction(of.memory_bytes, 1 << 30),
    "GPU": lambda of: of.gpus,
    "TiB of SSD": lambda of: Fraction(of.ssd_bytes, 1 << 40),
    "TiB of HDD": lambda of: Fraction(of.hdd_bytes, 1 << 40),
}


def repeats(read: Read[T], key: str, name: Callable[[T], str]) -> Iterator[FacilityError]:
    """Ids that are given twice."""
    seen: dict[str, Entry] = {}
    for entry, value in read:
        first = seen.setdefault(name(value), entry)
        if first is not entry:
            yield entry.error(key, f"{key} {name(value)!r} is there already, at {first.path}:{first.line}", "give each its own")


def host_names(read: Read[Host]) -> Iterator[FacilityError]:
    """Ids and aliases of hosts that mean two hosts, or one host twice: telemetry names hosts without their site."""
    seen = {host.id: entry for entry, host in reversed(read)}
    for entry, host in read:
        for alias in host.aliases:
            first = seen.setdefault(alias, entry)
            if first is not entry:
                yield entry.error(
                    "aliases", f"alias {alias!r} is taken at {first.path}:{first.line}", "a name means one host: remove one"
                )
            elif alias == host.id or host.aliases.count(alias) > 1:
                yield entry.error("aliases", f"alias {alias!r} is given twice for host {host.id!r}", "remove one")
                break


def overlaps(read: Read[D], what: str, key: Callable[[D], Hashable]) -> Iterator[FacilityError]:
    """Things of one key whose periods share time, so that two would hold at once."""
    groups: dict[Hashable, Read[D]] = {}
    for entry, value in read:
        groups.setdefault(key(value), []).append((entry, value))
    for group in groups.values():
        group.sort(key=lambda pair: (pair[1].start, pair[0].path, pair[0].line))
        for (first, before), (entry, value) in pairwise(group):
            if value.start < before.end:
                ends = "has no end" if before.end == FOREVER else f"ends {format_instant(before.end)}"
                yield entry.error(
                    "start",
                    f"{what} overlaps the one at {first.path}:{first.line}, which {ends}",
                    f"end the earlier one at {format_instant(value.start)}, or remove one; periods are [start, end)",
                )


def overdeclared(read: Read[DeclaredUse]) -> Iterator[FacilityError]:
    """Internal accounts that are declared to work for others by more than all they do, told where the sum is highest."""
    groups: dict[str, Read[DeclaredUse]] = {}
    for entry, use in read:
        groups.setdefault(use.account, []).append((entry, use))
    for account, group in groups.items():
        total, when = _peak([use for _, use in group], lambda use: use.share)
        if total > 1:
            entry = [entry for entry, use in group if use.start == when][-1]
            yield entry.error(
                "share",
                f"the declared shares of {account!r} add up to {exact_text(total)} from {format_instant(when)}",
                "lower them to at most 1 together, or end those that no longer hold; what is left the account keeps",
            )


def missing_factors(sites: Read[Site], factors: Iterable[Factor]) -> Iterator[FacilityError]:
    """Location-based, residual and upstream factors are all needed where there is a site: none stands in for another."""
    known = {(factor.zone, factor.kind) for factor in factors}
    for entry, site in sites:
        missing = [kind.value for kind in NEEDED if (site.grid_zone, kind) not in known]
        if missing:
            yield entry.error(
                "grid_zone",
                f"grid zone {site.grid_zone!r} has no {', '.join(missing)} factor",
                f'add [[factors]] with zone = "{site.grid_zone}" and kind = "{missing[0]}"; kinds are {", ".join(FactorKind)}',
            )


def scope1(sites: Read[Site], booked: Iterable[DirectEmission]) -> Iterator[FacilityError]:
    """A site books its direct emissions or declares that it has none; silence is neither."""
    with_emissions = {emission.site for emission in booked}
    for entry, site in sites:
        if site.scope1_declared_none and site.id in with_emissions:
            yield entry.error(
                "scope1", f"site {site.id!r} declares no Scope 1 and books some", "remove scope1 or the direct_emissions"
            )
        if not site.scope1_declared_none and site.id not in with_emissions:
            yield entry.error(
                "scope1",
                f"site {site.id!r} says nothing of Scope 1",
                'add [[direct_emissions]] for its fuel and refrigerants, or write scope1 = "none"',
            )


def notes(
    sites: Iterable[Site], hosts: Iterable[Host], reservations: Iterable[Reservation], readings: Iterable[HostReading]
) -> Iterator[str]:
    """What is allowed and worth knowing."""
    shared = [host for host in hosts if not host.dedicated_to]
    booked = list(reservations)
    metered = {reading.site for reading in readings if not reading.host}
    for site in sites:
        if site.pue is None and site.id not in metered:
            yield f"site {site.id!r} has no pue: only windows with a reading of its facility meter can be allocated"
        here = [host for host in shared if host.site == site.id]
        at_site = [r for r in booked if r.site == site.id]
        for unit, size in _RESOURCES.items():
            reserved, when = _peak(at_site, size)
            capacity = sum((size(host) for host in here), Fraction(0))
            if here and reserved > capacity:
                yield _oversold(site, unit, reserved, capacity, when)


def unmatched_losses(certificates: Iterable[Certificate], factors: Iterable[Factor]) -> Iterator[str]:
    """Certificates for losses that nothing counts."""
    counted = {factor.zone for factor in factors if factor.kind is FactorKind.LOSSES}
    for zone in sorted({held.zone for held in certificates if held.purpose == "losses"} - counted):
        yield f"certificates for losses of grid zone {zone!r} match nothing: the zone has no losses factor"


def _oversold(site: Site, unit: str, reserved: Fraction, capacity: Fraction, when: datetime) -> str:
    return (
        f"site {site.id!r} is oversubscribed: {_short(reserved)} {unit} reserved from {format_instant(when)}, "
        f"{_short(capacity)} {unit} on its shared hosts"
    )


def _peak(held: list[D], size: Callable[[D], Fraction]) -> tuple[Fraction, datetime]:
    """The most that holds at once, and since when."""
    changes = [(each.start, size(each)) for each in held] + [(each.end, -size(each)) for each in held]
    changes.sort(key=lambda change: change[0])
    level, peak = Fraction(0), (Fraction(0), FOREVER)
    for at, (when, change) in enumerate(changes):
        level += change
        settled = at + 1 == len(changes) or changes[at + 1][0] != when
        if settled and level > peak[0]:
            peak = (level, when)
    return peak


def _short(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{round(value * 10) // 10}.{round(value * 10) % 10}"
