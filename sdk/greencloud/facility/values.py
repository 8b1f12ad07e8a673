"""What one entry of the facility book says, section by section, as values.

Dated things hold over the half-open interval ``[start, end)`` in UTC. Quantities are integers in base units (millijoules,
micrograms, bytes) or exact rationals. An ``uncertainty`` is the half-width of the 95 % interval relative to the value (a coverage
factor of 2, JCGM 100:2008 section 6), None where the book does not say and its named default holds; ``data_quality`` is one of
``DATA_QUALITY`` (GHG Protocol Scope 3 Standard, table 7.6), "" where it was not graded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from greencloud.units import Window

__all__ = [
    "DATA_QUALITY",
    "FOREVER",
    "HARDWARE_RECORD_DAYS",
    "POOL_UNATTRIBUTED",
    "POOL_UNSOLD",
    "Account",
    "AccountKind",
    "Certificate",
    "DeclaredUse",
    "DirectEmission",
    "Factor",
    "FactorKind",
    "Hardware",
    "Host",
    "HostKind",
    "HostReading",
    "PowerCurve",
    "Reservation",
    "ResourceWeights",
    "Site",
    "Uncertainties",
]

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The end of what has no end."""

POOL_UNATTRIBUTED: Final = "(unattributed)"
"""Energy of use that nobody was seen to cause. Parentheses cannot occur in an account id, so no tenant can pose as a pool."""

POOL_UNSOLD: Final = "(unsold)"
"""Idle energy and embodied mass of capacity that nobody reserved, where the provider keeps it."""

HARDWARE_RECORD_DAYS: Final = 366
"""Hardware records that are older are worth a note: machines bought since carry no embodied mass."""

DATA_QUALITY: Final = ("very good", "good", "fair", "poor")


UNSAID: Final = {"unsaid": True}
"""Metadata of a field that came later: where it is empty the revision of a book is what it was before there was the field."""


class AccountKind(StrEnum):
    TENANT = "tenant"
    INTERNAL = "internal"  # works for other accounts; its use is reallocated to them


class FactorKind(StrEnum):
    """Direct and life-cycle factors are different kinds and never mix."""

    LOCATION = "location"  # Scope 2 location-based: direct emissions of generation in the zone
    RESIDUAL = "residual"  # Scope 2 market-based: the residual mix that unmatched load takes
    UPSTREAM = "upstream"  # Scope 3 category 3: extraction, production and transport of fuels
    LOSSES = "losses"  # Scope 3 category 3: transmission and distribution losses; none where upstream includes them


class HostKind(StrEnum):
    COMPUTE = "compute"
    STORAGE = "storage"  # its dynamic energy goes by the bytes read and written on it
    NETWORK = "network"  # its dynamic energy goes by the bytes that it carried


@dataclass(frozen=True, slots=True)
class Account:
    """``passes``: what an internal account hands on, "all" components of its cost, or "dynamic" energy (and its overhead and
    emissions) alone, where idle capacity is already reserved in the callers' names (Schneider & Mattia 2024, 3.4).

    ``payer``: the account that pays for a tenant's and so may see what it is charged; "" for none. No figure rests on it.
    """

    id: str
    kind: AccountKind = AccountKind.TENANT
    name: str = ""
    passes: str = "all"
    payer: str = field(default="", metadata=UNSAID)


@dataclass(frozen=True, slots=True)
class DeclaredUse:
    """The fraction of an internal account's work that is for ``caller``, where traces do not tell."""

    account: str
    caller: str
    share: Fraction
    start: datetime
    end: datetime
    source: str


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Watts of a host (or one vCPU, or one GPU) against its busy share, linear between points; ``points`` ascend from 0 to 1."""

    name: str
    points: tuple[tuple[Fraction, Fraction], ...]
    source: str
    per_vcpu: bool = False  # the watts are per vCPU, to be multiplied by the host's count
    uncertainty: Fraction | None = None

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
    """A place with one grid connection. ``pue`` is None where facility energy is metered or not known.

    While a site ramps up (windows that start before ``ramp_up_until``), tenants bear no more unsold capacity than a mature site
    would have, of which ``mature_share`` is reserved; the provider keeps the excess.
    """

    id: str
    region: str
    grid_zone: str
    pue: Fraction | None
    unsold_to: str = "tenants"  # "tenants" (by reservation) or "provider" (the pool "(unsold)")
    scope1_declared_none: bool = False
    unlisted_hosts: str = ""  # name of the power curve that prices use on hosts that the book does not list; "" refuses
    source: str = ""
    ramp_up_until: datetime | None = None
    mature_share: Fraction | None = None  # given exactly when ramp_up_until is
    pue_uncertainty: Fraction | None = None
    meter_uncertainty: Fraction | None = None  # of the facility's meter


@dataclass(frozen=True, slots=True)
class Host:
    id: str
    site: str
    vcpu: Fraction
    memory_bytes: int
    curve: str = ""  # PowerCurve name; "" where the host must be metered
    idle_watts: Fraction | None = None  # recorded idle; None takes the curves at 0
    dedicated_to: str = ""  # account id
    aliases: tuple[str, ...] = ()  # other host.id / host.name / k8s.node.name values that mean this host
    kind: HostKind = HostKind.COMPUTE
    gpus: Fraction = Fraction(0)
    gpu_curve: str = ""  # PowerCurve name: watts of one GPU against its busy share, beside ``curve``
    ssd_bytes: int = 0
    hdd_bytes: int = 0
    meter_uncertainty: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    account: str
    site: str
    vcpu: Fraction
    memory_bytes: int
    start: datetime
    end: datetime
    service: str = ""
    gpus: Fraction = Fraction(0)
    ssd_bytes: int = 0
    hdd_bytes: int = 0


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
    uncertainty: Fraction | None = None
    data_quality: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """An energy attribute certificate for one hour (or less) of one grid zone; its energy is used once.

    ``purpose`` "load" matches the site's own load (Scope 2), "losses" its transmission and distribution losses (Scope 3
    category 3). ``site`` says which site of the zone it is for, where the zone has several; "" is the only one.
    """

    id: str
    zone: str
    start: datetime
    end: datetime
    millijoules: int
    micrograms_per_kwh: Fraction
    source: str
    purpose: str = "load"
    site: str = ""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Cradle-to-gate mass, straight line over ``life_days`` whole days from ``in_service``, zero afterwards.

    ``retired`` is the first day out of service, when that is before the end of its life. ``on_retirement`` says what becomes of the
    mass that is left: "continue" on the line as planned, or "write_off" within that day.
    """

    id: str
    site: str
    embodied_micrograms: int
    in_service: date
    life_days: int
    source: str
    host: str = ""  # the host that it belongs to, or "" for what the whole site shares
    kind: str = "it"  # "it" or "building": lines of their own
    retired: date | None = None
    on_retirement: str = "continue"
    uncertainty: Fraction | None = None
    data_quality: str = ""


@dataclass(frozen=True, slots=True)
class DirectEmission:
    """A Scope 1 amount (fuel, refrigerant) that accrues evenly over ``[start, end)``; ``basis`` says how the mass was made."""

    id: str
    site: str
    start: datetime
    end: datetime
    micrograms: int
    source: str
    basis: str = ""  # e.g. "2.5 kg of R-410A x GWP 2255.5 (AR6)"
    uncertainty: Fraction | None = None
    data_quality: str = ""


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
    """Relative power of resources, in cores: one core 1, GiB of memory, GPU, TiB of SSD and of HDD reserved.

    Schneider & Mattia 2024 (arXiv:2406.09645), section 3.3, gives 1 core = 20 GiB = 1 TiB of SSD = 6 TiB of HDD. ``disk_gib`` and
    ``network_gib`` are core-seconds per GiB moved; no source gives them in general, so they count nothing until the book says.
    """

    cpu: Fraction = Fraction(1)
    memory_gib: Fraction = Fraction(1, 20)
    gpu: Fraction = Fraction(20)
    ssd_tib: Fraction = Fraction(1)
    hdd_tib: Fraction = Fraction(1, 6)
    disk_gib: Fraction = Fraction(0)
    network_gib: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Uncertainties:
    """Named defaults: the relative half-width of the 95 % interval of what the book does not qualify itself."""

    meter: Fraction = Fraction(2, 100)
    idle: Fraction = Fraction(10, 100)
    modelled: Fraction = Fraction(25, 100)
    pue: Fraction = Fraction(5, 100)
    location: Fraction = Fraction(10, 100)
    residual: Fraction = Fraction(10, 100)
    upstream: Fraction = Fraction(30, 100)
    losses: Fraction = Fraction(30, 100)
    direct: Fraction = Fraction(5, 100)
    embodied: Fraction = Fraction(50, 100)
