"""What each section of the book means: one function a section, from an entry to the value that the book holds.

``SECTIONS`` says for every section which keys it has, in which of them a unit must be, and how it is read. Sections are read in
that order, so that an entry can only name what was declared before it; ``Declared`` carries the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from greencloud.errors import FacilityError, QuantityError
from greencloud.facility.accounts import check_account_id
from greencloud.facility.entry import Entry
from greencloud.facility.quantities import CERTIFICATE_UNITS, EMBODIED_UNITS, FACTOR_UNITS, MASS_UNITS, life_in_days, parse_number
from greencloud.facility.values import (
    FOREVER,
    Account,
    AccountKind,
    Certificate,
    DirectEmission,
    Factor,
    FactorKind,
    Hardware,
    Host,
    PowerCurve,
    Reservation,
    ResourceWeights,
    Site,
)

__all__ = ["SECTIONS", "WEIGHT_KEYS", "Declared", "Section", "weights"]

_MAX_PUE: Final = 10
_MAX_FACTOR: Final = 10_000 * 1_000_000  # µg per kWh; the dirtiest grids are near 1,500 g
_HOUR: Final = timedelta(hours=1)

WEIGHT_KEYS: Final = ("cpu", "memory_gib", "gpu")


@dataclass(slots=True)
class Declared:
    """Ids that the book declares, whether or not the entry that declares them is otherwise right."""

    accounts: set[str] = field(default_factory=set)
    curves: dict[str, bool] = field(default_factory=dict)  # name: whether it is per vCPU
    sites: set[str] = field(default_factory=set)
    hosts: dict[str, str] = field(default_factory=dict)  # id or alias: host id
    host_sites: dict[str, str] = field(default_factory=dict)  # host id: site


@dataclass(frozen=True, slots=True)
class Section:
    keys: tuple[str, ...]
    read: Callable[[Entry, Declared], Any]
    units: Mapping[str, int] = field(default_factory=dict)
    in_files: bool = True  # whether [files] may name CSV files for it


def account(entry: Entry, _: Declared) -> Account:
    written = entry.text("id")
    try:
        check_account_id(written)
    except FacilityError as error:
        raise entry.error("id", error.message, error.advice) from None
    return Account(written, AccountKind(entry.choice("kind", list(AccountKind), AccountKind.TENANT)), entry.text("name", ""))


def curve(entry: Entry, _: Declared) -> PowerCurve:
    given = entry.values.get("points")
    shape = "write points = [[0, 0.64], [1, 3.97]]: busy share of the CPU, then watts"
    if not isinstance(given, list) or len(given) < 2 or not all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        raise entry.error("points", "points is not a list of at least two pairs", shape)
    try:
        points = tuple((parse_number(busy, what="busy share"), parse_number(watts, what="watts")) for busy, watts in given)
    except QuantityError as error:
        raise entry.error("points", error.message, shape) from error
    if any(low[0] >= high[0] for low, high in pairwise(points)):
        raise entry.error("points", "the busy shares do not ascend", shape)
    if points[0][0] != 0 or points[-1][0] != 1:
        raise entry.error(
            "points", "the points do not cover busy shares from 0 to 1", "begin with share 0 (idle) and end with share 1"
        )
    if any(watts < 0 for _, watts in points):
        raise entry.error("points", "watts are negative", shape)
    return PowerCurve(entry.text("name"), points, entry.text("source"), entry.flag("per_vcpu", False))


def site(entry: Entry, declared: Declared) -> Site:
    pue = entry.number("pue") if entry.has("pue") else None
    if pue is not None and pue < 1:
        raise entry.error(
            "pue", f"pue {entry.values['pue']} is below 1", "facility energy includes IT energy: write 1 or more, as 1.15"
        )
    if pue is not None and pue > _MAX_PUE:
        raise entry.error("pue", f"pue {entry.values['pue']} is above {_MAX_PUE}", "write the ratio, as 1.15, not a percentage")
    unlisted = entry.reference("unlisted_hosts", declared.curves, "curves", "")
    if unlisted and not declared.curves[unlisted]:
        raise entry.error(
            "unlisted_hosts",
            f"curve {unlisted!r} is for whole hosts, and the size of an unlisted host is not known",
            "name a curve with per_vcpu = true",
        )
    return Site(
        id=entry.text("id"),
        region=entry.text("region"),
        grid_zone=entry.text("grid_zone"),
        pue=pue,
        unsold_to=entry.choice("unsold_to", ("tenants", "provider"), "tenants"),
        scope1_declared_none=entry.has("scope1") and entry.choice("scope1", ("none",)) == "none",
        unlisted_hosts=unlisted,
        source=entry.text("source", ""),
    )


def host(entry: Entry, declared: Declared) -> Host:
    return Host(
        id=entry.text("id"),
        site=entry.reference("site", declared.sites, "sites"),
        vcpu=entry.number("vcpu", above=0),
        memory_bytes=entry.memory(),
        curve=entry.reference("curve", declared.curves, "curves", ""),
        idle_watts=entry.number("idle_watts") if entry.has("idle_watts") else None,
        dedicated_to=entry.reference("dedicated_to", declared.accounts, "accounts", ""),
        aliases=tuple(sorted(entry.words("aliases"))),
    )


def reservation(entry: Entry, declared: Declared) -> Reservation:
    start, end = entry.period(FOREVER)
    return Reservation(
        account=entry.reference("account", declared.accounts, "accounts"),
        site=entry.reference("site", declared.sites, "sites"),
        vcpu=entry.number("vcpu"),
        memory_bytes=entry.memory(),
        start=start,
        end=end,
        service=entry.text("service", ""),
    )


def factor(entry: Entry, _: Declared) -> Factor:
    start, end = entry.period(FOREVER)
    return Factor(
        zone=entry.text("zone"),
        kind=FactorKind(entry.choice("kind", list(FactorKind))),
        start=start,
        end=end,
        micrograms_per_kwh=_per_kwh(entry),
        source=entry.text("source"),
        path=entry.path,
        line=entry.line,
    )


def certificate(entry: Entry, _: Declared) -> Certificate:
    start, end = entry.period()
    if end - start > _HOUR or (end - timedelta(microseconds=1)).hour != start.hour:
        raise entry.error(
            "end", "the certificate is not for one UTC hour", "certificates are matched by hour: write one entry for each hour"
        )
    key, energy = entry.in_unit(CERTIFICATE_UNITS, "energy")
    millijoules = entry.integer(key, energy, "millijoules")
    if not millijoules:
        raise entry.error(key, "the certificate is for no energy", "write the megawatt hours that it certifies")
    return Certificate(entry.text("id"), entry.text("zone"), start, end, millijoules, _per_kwh(entry), entry.text("source"))


def hardware(entry: Entry, declared: Declared) -> Hardware:
    key, mass = entry.in_unit(EMBODIED_UNITS, "embodied mass")
    micrograms = entry.integer(key, mass, "micrograms")
    site_id = entry.reference("site", declared.sites, "sites")
    host_id = entry.reference("host", declared.hosts, "hosts", "")
    host_id = declared.hosts.get(host_id, "")
    if host_id and declared.host_sites[host_id] != site_id:
        raise entry.error(
            "host", f"host {host_id!r} is at site {declared.host_sites[host_id]!r}, not {site_id!r}", "correct the site"
        )
    in_service = entry.day("in_service")
    if entry.has("life_months"):
        raise entry.error("life_months", "a month is not a fixed number of days", "write life_years or life_days")
    if entry.has("life_years") == entry.has("life_days"):
        both = entry.has("life_days")
        raise entry.error(
            "life_days", f"{'two lives are' if both else 'no service life is'} given", "write life_years or life_days"
        )
    if entry.has("life_days"):
        days = entry.whole("life_days", above=0)
    else:
        try:
            days = life_in_days(in_service, entry.whole("life_years", above=0))
        except QuantityError as error:
            raise entry.error("life_years", error.message, error.advice) from error
    return Hardware(entry.text("id"), site_id, micrograms, in_service, days, entry.text("source"), host_id)


def direct_emission(entry: Entry, declared: Declared) -> DirectEmission:
    start, end = entry.period()
    key, mass = entry.in_unit(MASS_UNITS, "mass")
    site_id = entry.reference("site", declared.sites, "sites")
    return DirectEmission(entry.text("id"), site_id, start, end, entry.integer(key, mass, "micrograms"), entry.text("source"))


def weights(entry: Entry) -> ResourceWeights:
    entry.check_keys(WEIGHT_KEYS)
    known = ResourceWeights()
    return ResourceWeights(**{key: entry.number(key, getattr(known, key)) for key in WEIGHT_KEYS})


def _per_kwh(entry: Entry) -> Fraction:
    key, value = entry.in_unit(FACTOR_UNITS, "factor")
    if value > _MAX_FACTOR:
        raise entry.error(
            key, f"{key} = {entry.values[key]} is more than any grid emits", "check the unit: g per kWh equals kg per MWh"
        )
    return value


SECTIONS: Final = {
    "accounts": Section(("id", "kind", "name"), account),
    "curves": Section(("name", "per_vcpu", "points", "source"), curve, in_files=False),
    "sites": Section(("id", "region", "grid_zone", "pue", "unsold_to", "scope1", "unlisted_hosts", "source"), site, in_files=False),
    "hosts": Section(("id", "site", "vcpu", "memory", "curve", "idle_watts", "dedicated_to", "aliases"), host),
    "reservations": Section(("account", "site", "vcpu", "memory", "start", "end", "service"), reservation),
    "factors": Section(("zone", "kind", "start", "end", *FACTOR_UNITS, "source"), factor, FACTOR_UNITS),
    "certificates": Section(
        ("id", "zone", "start", "end", *CERTIFICATE_UNITS, *FACTOR_UNITS, "source"), certificate, CERTIFICATE_UNITS
    ),
    "hardware": Section(
        ("id", "site", "host", *EMBODIED_UNITS, "in_service", "life_years", "life_days", "source"), hardware, EMBODIED_UNITS
    ),
    "direct_emissions": Section(("id", "site", "start", "end", *MASS_UNITS, "source"), direct_emission, MASS_UNITS),
}
