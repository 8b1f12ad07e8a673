"""The facility book as values: what the provider knows about its sites before any telemetry arrives.

A ``Facility`` is one revision of the book: sites and their hosts, who reserved what, the emission factors of each grid zone,
certificates, hardware with its embodied mass, direct emissions and meter readings. It is immutable, knows its own digest
(``revision``), and answers "which one holds at this instant?". It never guesses: where the book is silent it raises
``FacilityError`` with the key that is missing, because an invented factor is a plausible wrong number.

Dated things hold over the half-open interval ``[start, end)`` in UTC. Quantities are integers in base units (millijoules,
micrograms, bytes) or exact rationals. Reading and checking the files is ``greencloud.facility.reader``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final

from greencloud.errors import FacilityError
from greencloud.facility.timeline import Timeline, timelines
from greencloud.units import Window, accrued, format_instant

__all__ = [
    "FOREVER",
    "POOL_UNATTRIBUTED",
    "POOL_UNSOLD",
    "Account",
    "AccountKind",
    "Certificate",
    "DirectEmission",
    "Facility",
    "Factor",
    "FactorKind",
    "Hardware",
    "Host",
    "HostReading",
    "PowerCurve",
    "Reservation",
    "ResourceWeights",
    "Site",
]

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The end of what has no end."""

POOL_UNATTRIBUTED: Final = "(unattributed)"
"""Energy of use that nobody was seen to cause. Parentheses cannot occur in an account id, so no tenant can pose as a pool."""

POOL_UNSOLD: Final = "(unsold)"
"""Idle energy and embodied mass of capacity that nobody reserved, where the provider keeps it."""


class AccountKind(StrEnum):
    TENANT = "tenant"
    INTERNAL = "internal"  # works for other accounts; its use is reallocated to them (DESIGN 5.3)


class FactorKind(StrEnum):
    """Direct and life-cycle factors are different kinds and never mix."""

    LOCATION = "location"  # Scope 2 location-based: direct emissions of generation in the zone
    RESIDUAL = "residual"  # Scope 2 market-based: the residual mix that unmatched load takes
    UPSTREAM = "upstream"  # Scope 3 category 3: extraction and transport of fuels, transmission and distribution losses


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    kind: AccountKind = AccountKind.TENANT
    name: str = ""


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Watts of a host against the busy share of its CPU, linear between points; ``points`` ascend from 0 to 1."""

    name: str
    points: tuple[tuple[Fraction, Fraction], ...]
    source: str
    per_vcpu: bool = False  # the watts are per vCPU, to be multiplied by the host's count

    def watts(self, busy: Fraction, vcpu: Fraction = Fraction(1)) -> Fraction:
        """Exact watts at a busy share, which is clamped to [0, 1] (clocks of counters differ by a little)."""
        busy = min(max(busy, Fraction(0)), Fraction(1))
        for (low, low_w), (high, high_w) in zip(self.points, self.points[1:], strict=False):
            if busy <= high:
                value = low_w + (high_w - low_w) * (busy - low) / (high - low)
                return value * vcpu if self.per_vcpu else value
        value = self.points[-1][1]
        return value * vcpu if self.per_vcpu else value


@dataclass(frozen=True, slots=True)
class Site:
    """A place with one grid connection. ``pue`` is None where facility energy is metered or not known."""

    id: str
    region: str
    grid_zone: str
    pue: Fraction | None
    unsold_to: str = "tenants"  # "tenants" (by reservation) or "provider" (the pool "(unsold)")
    scope1_declared_none: bool = False
    unlisted_hosts: str = ""  # name of the power curve that prices use on hosts that the book does not list; "" refuses
    source: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    id: str
    site: str
    vcpu: Fraction
    memory_bytes: int
    curve: str = ""  # PowerCurve name; "" where the host must be metered
    idle_watts: Fraction | None = None  # recorded idle; None takes the curve at 0
    dedicated_to: str = ""  # account id
    aliases: tuple[str, ...] = ()  # other host.id / host.name / k8s.node.name values that mean this host


@dataclass(frozen=True, slots=True)
class Reservation:
    account: str
    site: str
    vcpu: Fraction
    memory_bytes: int
    start: datetime
    end: datetime
    service: str = ""


@dataclass(frozen=True, slots=True)
class Factor:
    zone: str
    kind: FactorKind
    start: datetime
    end: datetime
    micrograms_per_kwh: Fraction
    source: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """An energy attribute certificate for one hour (or less) of one grid zone; its energy is used once."""

    id: str
    zone: str
    start: datetime
    end: datetime
    millijoules: int
    micrograms_per_kwh: Fraction
    source: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """Cradle-to-gate mass, straight line over ``life_days`` whole days from ``in_service``, zero afterwards."""

    id: str
    site: str
    embodied_micrograms: int
    in_service: date
    life_days: int
    source: str
    host: str = ""  # the host that it belongs to, or "" for what the whole site shares


@dataclass(frozen=True, slots=True)
class DirectEmission:
    """A Scope 1 amount (fuel, refrigerant) that accrues evenly over ``[start, end)``."""

    id: str
    site: str
    start: datetime
    end: datetime
    micrograms: int
    source: str


@dataclass(frozen=True, slots=True)
class HostReading:
    """What a meter or the provider's agent says of one host (host "" = the whole facility) over one window.

    ``energy_mj`` None: not metered. ``covered_s``: seconds of the window that the reading covers. ``busy_cpu_ns`` and
    ``memory_byte_s``: the host's whole use, None where not known. ``quality``: "measured" or "modelled".
    """

    window: Window
    site: str
    host: str
    energy_mj: int | None
    covered_s: Fraction
    busy_cpu_ns: int | None = None
    memory_byte_s: int | None = None
    quality: str = "measured"


@dataclass(frozen=True, slots=True)
class ResourceWeights:
    """Relative power of one core, one GiB of memory, one GPU. Schneider & Mattia 2024 (arXiv:2406.09645), section 3.3."""

    cpu: Fraction = Fraction(1)
    memory_gib: Fraction = Fraction(1, 20)
    gpu: Fraction = Fraction(20)

    def nanosecond_equivalents(self, cpu_ns: int, memory_byte_s: int, gpu_ns: int) -> int:
        """Power-weighted use as core-nanoseconds, floored once: the integer basis that the kernel apportions by."""
        memory = Fraction(memory_byte_s * 1_000_000_000, 1 << 30)
        return int(self.cpu * cpu_ns + self.memory_gib * memory + self.gpu * gpu_ns)


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
    # Indexes over the fields above: not content, so not compared, shown or passed.
    _factors: dict[tuple[str, FactorKind], Timeline[Factor]] = field(init=False, repr=False, compare=False)
    _certificates: dict[str, Timeline[Certificate]] = field(init=False, repr=False, compare=False)
    _reservations: dict[str, Timeline[Reservation]] = field(init=False, repr=False, compare=False)
    _direct: dict[str, Timeline[DirectEmission]] = field(init=False, repr=False, compare=False)
    _readings: dict[tuple[str, Window], list[HostReading]] = field(init=False, repr=False, compare=False)
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
        indexes = {
            "_factors": timelines(self.factors, lambda f: (f.zone, f.kind)),
            "_certificates": timelines(self.certificates, lambda c: c.zone),
            "_reservations": timelines(self.reservations, lambda r: r.site),
            "_direct": timelines(self.direct_emissions, lambda d: d.site),
            "_readings": readings,
            "_named": named,
            "_housed": housed,
        }
        for name, index in indexes.items():
            object.__setattr__(self, name, index)

    def is_internal(self, account: str) -> bool:
        known = self.accounts.get(account)
        return known is not None and known.kind is AccountKind.INTERNAL

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

    def reservations_at(self, site: str, window: Window) -> list[Reservation]:
        """Reservations in force at the start of the window, in canonical order."""
        touching = self._reservations.get(site, Timeline()).touching(window.start, window.end)
        found = [r for r in touching if r.start <= window.start]
        return sorted(found, key=lambda r: (r.account, r.service, r.start))

    def certificates_in(self, zone: str, window: Window) -> list[Certificate]:
        """Certificates whose period lies over the window, in canonical order."""
        found = self._certificates.get(zone, Timeline()).touching(window.start, window.end)
        return sorted(found, key=lambda c: (c.micrograms_per_kwh, c.id))

    def readings_at(self, site: str, window: Window) -> list[HostReading]:
        """Meter readings of a site for exactly that window, by host ("" for the facility comes first)."""
        return list(self._readings.get((site, window), ()))

    def direct_micrograms(self, site: str, window: Window) -> int:
        """Scope 1 of a site in a window: each booked amount, evenly over its own period.

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
        return sum(accrued(d.micrograms, _us(d.start), _us(d.end), window.start_us, window.end_us) for d in found)

    def embodied_micrograms(self, asset: Hardware, window: Window) -> int:
        """Straight line over whole days from ``in_service``; the windows of its life add up to the mass exactly."""
        start = datetime(asset.in_service.year, asset.in_service.month, asset.in_service.day, tzinfo=UTC)
        start_us = _us(start)
        end_us = start_us + asset.life_days * 86_400_000_000
        return accrued(asset.embodied_micrograms, start_us, end_us, window.start_us, window.end_us)


def _us(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
