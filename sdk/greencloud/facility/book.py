"""The facility book as one value: what the provider knows about its sites before any telemetry arrives.

A ``Facility`` is one revision of the book: sites and their hosts, who reserved what, the emission factors of each grid zone,
certificates, hardware with its embodied mass, direct emissions and meter readings. It is immutable, knows its own digest
(``revision``), and answers "which one holds at this instant?". It never guesses: where the book is silent it raises
``FacilityError`` with the key that is missing, because an invented factor is a plausible wrong number.

What one entry says is in ``greencloud.facility.values``; reading and checking the files is ``greencloud.facility.reader``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from greencloud.errors import FacilityError
from greencloud.facility.timeline import Timeline, timelines
from greencloud.facility.values import (
    Account,
    AccountKind,
    Certificate,
    DeclaredUse,
    DirectEmission,
    Factor,
    FactorKind,
    Hardware,
    Host,
    HostReading,
    PowerCurve,
    Reservation,
    ResourceWeights,
    Site,
    Uncertainties,
)
from greencloud.units import Window, accrued, format_instant, microseconds_of

__all__ = ["Facility"]

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Facility:
    """One revision of the facility book. ``revision`` is the SHA-256 of its canonical content, in hex."""

    revision: str
    window_seconds: int
    accounts: dict[str, Account]
    sites: dict[str, Site]
    hosts: dict[tuple[str, str], Host]  # (site, host id)
    curves: dict[str, PowerCurve]
    reservations: tuple[Reservation, ...] = ()
    factors: tuple[Factor, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    hardware: tuple[Hardware, ...] = ()
    direct_emissions: tuple[DirectEmission, ...] = ()
    readings: tuple[HostReading, ...] = ()
    weights: ResourceWeights = field(default_factory=ResourceWeights)
    default_site: str = ""  # where use on unlisted hosts is booked; "" where there is more than one candidate
    name: str = ""
    declared_uses: tuple[DeclaredUse, ...] = ()
    uncertainties: Uncertainties = field(default_factory=Uncertainties)
    gwp_set: str = "AR6"  # the set of global warming potentials that direct emissions were made with
    hardware_as_of: date | None = None  # the day of the hardware records; None where the book does not say
    # Indexes over the fields above: not content, so not compared, shown or passed.
    _factors: dict[tuple[str, FactorKind], Timeline[Factor]] = field(init=False, repr=False, compare=False)
    _certificates: dict[str, Timeline[Certificate]] = field(init=False, repr=False, compare=False)
    _reservations: dict[str, Timeline[Reservation]] = field(init=False, repr=False, compare=False)
    _declared: dict[str, Timeline[DeclaredUse]] = field(init=False, repr=False, compare=False)
    _direct: dict[str, Timeline[DirectEmission]] = field(init=False, repr=False, compare=False)
    _readings: dict[tuple[str, Window], list[HostReading]] = field(init=False, repr=False, compare=False)
    _hardware: dict[str, list[Hardware]] = field(init=False, repr=False, compare=False)
    _lengths: frozenset[int] = field(init=False, repr=False, compare=False)
    _named: dict[str, Host] = field(init=False, repr=False, compare=False)
    _housed: dict[str, list[Host]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named: dict[str, Host] = {}
        for host in self.hosts.values():
            for name in (host.id, *host.aliases):
                named.setdefault(name, host)
        housed: dict[str, list[Host]] = {}
        for key in sorted(self.hosts):
            housed.setdefault(key[0], []).append(self.hosts[key])
        readings: dict[tuple[str, Window], list[HostReading]] = {}
        for reading in sorted(self.readings, key=lambda r: r.host):
            readings.setdefault((reading.site, reading.window), []).append(reading)
        hardware: dict[str, list[Hardware]] = {}
        for asset in self.hardware:
            hardware.setdefault(asset.site, []).append(asset)
        indexes = {
            "_factors": timelines(self.factors, lambda f: (f.zone, f.kind)),
            "_certificates": timelines(self.certificates, lambda c: c.zone),
            "_reservations": timelines(self.reservations, lambda r: r.site),
            "_declared": timelines(self.declared_uses, lambda use: use.account),
            "_direct": timelines(self.direct_emissions, lambda d: d.site),
            "_readings": readings,
            "_hardware": hardware,
            "_lengths": frozenset(reading.window.seconds for reading in self.readings),
            "_named": named,
            "_housed": housed,
        }
        for name, index in indexes.items():
            object.__setattr__(self, name, index)

    def is_internal(self, account: str) -> bool:
        known = self.accounts.get(account)
        return known is not None and known.kind is AccountKind.INTERNAL

    def declared_callers(self, account: str, window: Window) -> dict[str, Fraction]:
        """For whom an internal account is declared to work at the start of the window, by fraction; the rest it keeps."""
        touching = self._declared.get(account, Timeline()).touching(window.start, window.end)
        held = [use for use in touching if use.start <= window.start]
        return {use.caller: use.share for use in sorted(held, key=lambda use: use.caller) if use.share}

    def host_named(self, name: str) -> Host | None:
        """The host with that id or alias at any site (ids are unique over sites when they come from telemetry)."""
        return self._named.get(name)

    def hosts_of(self, site: str) -> list[Host]:
        """Hosts of a site in canonical (id) order."""
        return list(self._housed.get(site, ()))

    def factor(self, zone: str, kind: FactorKind, window: Window) -> Factor:
        """The factor that covers the whole window.

        Raises:
            FacilityError: the book has none; a missing factor is never replaced by an average.
        """
        factor = self._factors.get((zone, kind), Timeline()).covering(window.start, window.end)
        if factor is not None:
            return factor
        raise FacilityError(
            f"no {kind.value} factor for grid zone {zone!r} covers {window}",
            key=f"factors.{zone}.{kind.value}",
            advice=f"add a {kind.value} row for zone {zone} whose start and end include {format_instant(window.start)}",
        )

    def has_factors(self, zone: str, kind: FactorKind) -> bool:
        """Whether the book has any factor of that kind for the zone, at whatever time."""
        return (zone, kind) in self._factors

    def reservations_over(self, site: str, window: Window) -> list[tuple[Reservation, Fraction]]:
        """Reservations that share time with the window, each with the seconds that they do, in canonical order."""
        found = self._reservations.get(site, Timeline()).touching(window.start, window.end)
        ordered = sorted(found, key=lambda r: (r.account, r.service, r.start))
        return [(r, _seconds(min(r.end, window.end) - max(r.start, window.start))) for r in ordered]

    def certificates_in(self, zone: str, window: Window) -> list[Certificate]:
        """Certificates of the zone, for any site and purpose, whose period lies over the window, in canonical order."""
        found = self._certificates.get(zone, Timeline()).touching(window.start, window.end)
        return sorted(found, key=lambda c: (c.micrograms_per_kwh, c.id))

    def readings_at(self, site: str, window: Window) -> list[HostReading]:
        """Meter readings of a site for exactly that window, by host ("" for the facility comes first)."""
        return list(self._readings.get((site, window), ()))

    def read_windows(self) -> set[tuple[Window, str]]:
        """Every window and site with a meter reading.

        Raises:
            FacilityError: a reading is of another length of window than the book's; the reader makes none.
        """
        self.check_reading_lengths()
        return {(window, site) for site, window in self._readings}

    def check_reading_lengths(self) -> None:
        """Raises FacilityError as ``read_windows``, at no cost."""
        if self._lengths - {self.window_seconds}:
            lengths = ", ".join(f"{seconds} s" for seconds in sorted(self._lengths))
            raise FacilityError(
                f"readings in windows of {lengths}, and the facility allocates windows of {self.window_seconds} s",
                key="meters",
                advice="bring readings to the facility's windows",
            )

    def direct_at(self, site: str, window: Window) -> list[tuple[DirectEmission, int]]:
        """Scope 1 of a site: each booked amount with its micrograms in a window, evenly over its own period.

        Raises:
            FacilityError: nothing is booked and the site does not declare that it has none.
        """
        found = self._direct.get(site, Timeline()).touching(window.start, window.end)
        if not found and not self.sites[site].scope1_declared_none:
            raise FacilityError(
                f"site {site!r} books no Scope 1 emissions for {window}",
                key=f"sites.{site}.scope1",
                advice='add direct emissions that cover it, or declare scope1 = "none" for the site',
            )
        return [
            (d, accrued(d.micrograms, microseconds_of(d.start), microseconds_of(d.end), window.start_us, window.end_us))
            for d in found
        ]

    def hardware_at(self, site: str) -> list[Hardware]:
        """Hardware of a site, in the book's order."""
        return list(self._hardware.get(site, ()))

    def embodied_micrograms(self, asset: Hardware, window: Window) -> int:
        """Straight line over whole days from ``in_service``; the windows of its life add up to the mass exactly.

        What an early retirement writes off falls evenly on the day of the retirement.
        """
        mass, start_us = asset.embodied_micrograms, _midnight_us(asset.in_service)
        end_us = start_us + asset.life_days * _DAY_US
        retired_us = end_us if asset.retired is None else _midnight_us(asset.retired)
        if asset.on_retirement == "continue" or retired_us >= end_us:
            return accrued(mass, start_us, end_us, window.start_us, window.end_us)
        planned = accrued(mass, start_us, end_us, window.start_us, min(window.end_us, max(window.start_us, retired_us)))
        left = mass - accrued(mass, start_us, end_us, start_us, retired_us)
        return planned + accrued(left, retired_us, retired_us + _DAY_US, window.start_us, window.end_us)


def _seconds(length: timedelta) -> Fraction:
    return Fraction(length // timedelta(microseconds=1), 1_000_000)


def _midnight_us(day: date) -> int:
    return microseconds_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
