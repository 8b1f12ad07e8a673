"""Who works where: accounts, what internal ones do for others, power curves, sites, hosts and reservations, each from its entry."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Final

from greencloud.errors import FacilityError, QuantityError
from greencloud.facility.accounts import check_account_id
from greencloud.facility.declared import Declared
from greencloud.facility.entry import Entry
from greencloud.facility.quantities import parse_number
from greencloud.facility.values import (
    FOREVER,
    Account,
    AccountKind,
    DeclaredUse,
    Host,
    HostKind,
    PowerCurve,
    Reservation,
    Site,
)

__all__ = ["account", "curve", "declared_use", "host", "reservation", "site"]

_MAX_PUE: Final = 10
_NONE: Final = Fraction(0)


def account(entry: Entry, _: Declared) -> Account:
    written = entry.text("id")
    try:
        check_account_id(written)
    except FacilityError as error:
        raise entry.error("id", error.message, error.advice) from None
    kind = AccountKind(entry.choice("kind", list(AccountKind), AccountKind.TENANT))
    if entry.has("passes") and kind is not AccountKind.INTERNAL:
        raise entry.error(
            "passes", f"account {written!r} is a tenant, which passes nothing on", 'write kind = "internal", or remove passes'
        )
    if entry.has("payer") and kind is not AccountKind.TENANT:
        raise entry.error("payer", f"account {written!r} is internal: its callers bear what it costs", "remove payer")
    passes = entry.choice("passes", ("all", "dynamic"), "all")
    return Account(written, kind, entry.text("name", ""), passes, entry.text("payer", ""))  # declared further down, maybe


def declared_use(entry: Entry, declared: Declared) -> DeclaredUse:
    worker = entry.reference("account", declared.accounts, "accounts")
    if declared.accounts[worker] == AccountKind.TENANT:
        raise entry.error(
            "account",
            f"account {worker!r} is a tenant, which does not work for others",
            'write kind = "internal" at the account, or remove the declared use',
        )
    caller = entry.reference("caller", declared.accounts, "accounts")
    if caller == worker:
        raise entry.error(
            "caller", f"account {worker!r} is its own caller", "leave it out: what is declared for nobody else it keeps"
        )
    start, end = entry.period(FOREVER)
    return DeclaredUse(worker, caller, entry.fraction("share", above=0), start, end, entry.text("source"))


def curve(entry: Entry, _: Declared) -> PowerCurve:
    given = entry.values.get("points")
    shape = "write points = [[0, 0.64], [1, 3.97]]: busy share, then watts"
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
    return PowerCurve(entry.text("name"), points, entry.text("source"), entry.flag("per_vcpu", False), entry.uncertainty())


def site(entry: Entry, declared: Declared) -> Site:
    pue = entry.number("pue") if entry.has("pue") else None
    if pue is not None and pue < 1:
        raise entry.error(
            "pue", f"pue {entry.values['pue']} is below 1", "facility energy includes IT energy: write 1 or more, as 1.15"
        )
    if pue is not None and pue > _MAX_PUE:
        raise entry.error("pue", f"pue {entry.values['pue']} is above {_MAX_PUE}", "write the ratio, as 1.15, not a percentage")
    if pue is None and entry.has("pue_uncertainty"):
        raise entry.error("pue_uncertainty", "there is no pue to be uncertain of", "add pue, or write meter_uncertainty")
    unlisted = entry.reference("unlisted_hosts", declared.curves, "curves", "")
    if unlisted and not declared.curves[unlisted]:
        raise entry.error(
            "unlisted_hosts",
            f"curve {unlisted!r} is for whole hosts, and the size of an unlisted host is not known",
            "name a curve with per_vcpu = true",
        )
    if entry.has("ramp_up_until") != entry.has("mature_share"):
        given, other = ("ramp_up_until", "mature_share") if entry.has("ramp_up_until") else ("mature_share", "ramp_up_until")
        shown = "0.8, the reserved share of a mature site" if other == "mature_share" else "2027-01-01, when the ramp-up ends"
        raise entry.error(given, f"{given} says nothing without {other}", f"add {other} = {shown}, or remove {given}")
    return Site(
        id=entry.text("id"),
        region=entry.text("region"),
        grid_zone=entry.text("grid_zone"),
        pue=pue,
        unsold_to=entry.choice("unsold_to", ("tenants", "provider"), "tenants"),
        scope1_declared_none=entry.has("scope1") and entry.choice("scope1", ("none",)) == "none",
        unlisted_hosts=unlisted,
        source=entry.text("source", ""),
        ramp_up_until=entry.instant("ramp_up_until") if entry.has("ramp_up_until") else None,
        mature_share=entry.fraction("mature_share", above=0) if entry.has("mature_share") else None,
        pue_uncertainty=entry.uncertainty("pue_uncertainty"),
        meter_uncertainty=entry.uncertainty("meter_uncertainty"),
    )


def host(entry: Entry, declared: Declared) -> Host:
    """What is no computer may have no vCPU and no memory to reserve; a curve per vCPU would then call it powerless."""
    kind = HostKind(entry.choice("kind", list(HostKind), HostKind.COMPUTE))
    computes = kind is HostKind.COMPUTE
    vcpu = entry.number("vcpu", above=0) if computes else entry.number("vcpu", _NONE)
    rated = entry.reference("curve", declared.curves, "curves", "")
    if rated and declared.curves[rated] and not vcpu:
        raise entry.error(
            "curve", f"curve {rated!r} is per vCPU, and the host has none", "name a curve of whole hosts, or leave it out and meter"
        )
    gpus = entry.number("gpus", _NONE)
    gpu_rated = entry.reference("gpu_curve", declared.curves, "curves", "")
    if gpu_rated and declared.curves[gpu_rated]:
        raise entry.error(
            "gpu_curve", f"curve {gpu_rated!r} is per vCPU, not of one GPU", "name a curve without per_vcpu: watts of one GPU"
        )
    if gpu_rated and not gpus:
        raise entry.error("gpu_curve", "the host has a gpu_curve and no GPU", "add gpus = 8, or remove gpu_curve")
    return Host(
        id=entry.text("id"),
        site=entry.reference("site", declared.sites, "sites"),
        vcpu=vcpu,
        memory_bytes=entry.size("memory", None if computes else 0),
        curve=rated,
        idle_watts=entry.number("idle_watts") if entry.has("idle_watts") else None,
        dedicated_to=entry.reference("dedicated_to", declared.accounts, "accounts", ""),
        aliases=tuple(sorted(entry.words("aliases"))),
        kind=kind,
        gpus=gpus,
        gpu_curve=gpu_rated,
        ssd_bytes=entry.size("ssd", 0),
        hdd_bytes=entry.size("hdd", 0),
        meter_uncertainty=entry.uncertainty("meter_uncertainty"),
    )


def reservation(entry: Entry, declared: Declared) -> Reservation:
    start, end = entry.period(FOREVER)
    reserved = Reservation(
        account=entry.reference("account", declared.accounts, "accounts"),
        site=entry.reference("site", declared.sites, "sites"),
        vcpu=entry.number("vcpu", _NONE),
        memory_bytes=entry.size("memory", 0),
        start=start,
        end=end,
        service=entry.text("service", ""),
        gpus=entry.number("gpus", _NONE),
        ssd_bytes=entry.size("ssd", 0),
        hdd_bytes=entry.size("hdd", 0),
    )
    if not any((reserved.vcpu, reserved.memory_bytes, reserved.gpus, reserved.ssd_bytes, reserved.hdd_bytes)):
        raise entry.error("", "the reservation is of nothing", "write vcpu, memory, gpus, ssd or hdd, or remove it")
    return reserved
