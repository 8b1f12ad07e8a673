"""Use that the site's evidence does not hold: on hosts that the book does not list, and on listed hosts that sent nothing.

Use on unlisted hosts is priced by the power curve that the site names for it, at full load per vCPU-second, so that idle power is
within. No curve says what a GPU there takes: GPU time that the provider measured is refused, and what a tenant reports is left out
with a note. What the provider measured is part of the site like any host. What only a tenant reports cannot be: more of it would
leave less overhead, and less certified electricity, for everybody else. It is an *annex*: a small site of that account alone,
with its own overhead by the site's PUE and its own emissions at the zone's factors, never certificates. So it can make
a tenant's own figure only (law 4), and the batch's total is what the meters say and the annexes beside it.

On a listed host without a reading or provider rows the idle energy is modelled and shared as ever; a tenant's report there makes an
annex of the power above idle. Where a meter of the whole facility holds that energy already, it makes none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from greencloud.allocation.claims import Claim
from greencloud.allocation.hosts import millijoules
from greencloud.allocation.leaves import leaves_of
from greencloud.allocation.origins import Priced
from greencloud.allocation.setting import Setting
from greencloud.allocation.uncertainty import curve_vector
from greencloud.allocation.uses import Use
from greencloud.facility import Host, PowerCurve

__all__ = ["silent_claims", "unlisted_claims"]

_MOST_VCPU = 1_000_000
"""More busy vCPUs than any account runs: beyond it a report is an error, and is left out rather than allowed to overflow."""


def unlisted_claims(
    setting: Setting, uses: Mapping[str, list[Use]], *, evidence: bool
) -> tuple[list[Claim], dict[str, list[Claim]]]:
    """Claims for use on unlisted hosts: the site's own, and annexes by account; ``evidence``: the provider told of this window.

    Raises:
        AllocationError: the site names no curve for them, and the provider measured use there; or tenants alone tell of a site
            that lists no hosts, so that nothing is left to charge.
    """
    curve = _unlisted_curve(setting)
    claims: list[Claim] = []
    annexes: dict[str, list[Claim]] = {}
    for account, own in uses.items():
        measured = [use for use in own if use.provider]
        if any(use.amounts.gpu_ns for use in measured):
            raise setting.refused(
                f"account {account!r} used GPUs on a host that the book does not list, and nothing says what their energy is",
                advice=f"list the host at site {setting.site.id!r}, with its gpus and their gpu_curve",
            )
        if any(use.amounts.gpu_ns for use in own):
            setting.note(f"account {account} reported GPU time on hosts that the book does not list; it is left out")
        if curve is None:
            _without_curve(setting, account, needed=bool(measured) or not (evidence or setting.hosts))
            continue
        cpu_ns = sum(use.amounts.cpu_ns for use in measured or own)
        energy = millijoules(curve.watts(Fraction(1)), Fraction(cpu_ns, 1_000_000_000))
        origin = Priced(curve, curve.watts(Fraction(1)), cpu_ns)
        flags = frozenset({"modelled", "unlisted_host"})
        spread = ((curve_vector(setting, curve, energy), 1.0),)
        leaves = leaves_of(account, own, setting.reserved_services.get(account, ()))
        if measured:
            claims.append(Claim("dynamic", leaves, energy, flags, spread, origin=origin))
        elif cpu_ns > _MOST_VCPU * setting.window_ns:
            setting.note(f"account {account} reported more use on unlisted hosts than {_MOST_VCPU} vCPUs can; it is left out")
        else:
            annexes[account] = [Claim("dynamic", leaves, energy, flags | {"self_reported"}, spread, origin=origin)]
    return claims, annexes


def silent_claims(setting: Setting, host: Host, uses: Mapping[str, list[Use]], *, metered: bool) -> dict[str, list[Claim]]:
    """Annexes on a listed host of which the provider said nothing; ``metered``: the facility's meter holds its energy."""
    curve = setting.facility.curves.get(host.curve)
    if curve is None:
        for account in uses:
            setting.note(f"account {account} reported use on host {host.id}, which sent nothing and has no curve; it is left out")
        return {}
    per_vcpu = (curve.watts(Fraction(1), host.vcpu) - curve.watts(Fraction(0), host.vcpu)) / host.vcpu if host.vcpu else Fraction(0)
    annexes: dict[str, list[Claim]] = defaultdict(list)
    for account, own in uses.items():
        if host.dedicated_to not in {"", account}:
            continue
        if any(use.amounts.gpu_ns for use in own):
            setting.note(f"account {account} reported GPU time on hosts that sent nothing; it is left out")
        if metered:
            setting.note(f"account {account} reported use on host {host.id}, which sent nothing; its energy is within the overhead")
            continue
        cpu_ns = min(Fraction(sum(use.amounts.cpu_ns for use in own)), host.vcpu * setting.window_ns)
        leaves = leaves_of(account, own, setting.reserved_services.get(account, ()))
        energy = millijoules(per_vcpu, cpu_ns / 1_000_000_000)
        spread = ((curve_vector(setting, curve, energy), 1.0),)
        origin = Priced(curve, per_vcpu, cpu_ns, host.id)
        annexes[account].append(Claim("dynamic", leaves, energy, frozenset({"modelled", "self_reported"}), spread, origin=origin))
    return annexes


def _unlisted_curve(setting: Setting) -> PowerCurve | None:
    name = setting.site.unlisted_hosts
    if not name:
        return None
    curve = setting.facility.curves.get(name)
    if curve is None or not curve.per_vcpu:
        raise setting.refused(
            f"unlisted_hosts names {name!r}, which is not a power curve per vCPU",
            advice="name a curve that says per_vcpu = true: the size of an unlisted host is not known",
        )
    return curve


def _without_curve(setting: Setting, account: str, *, needed: bool) -> None:
    if needed:
        raise setting.refused(
            f"account {account!r} used a host that the book does not list, and nothing says what its energy is",
            advice=f"list the host at site {setting.site.id!r}, or let unlisted_hosts of the site name a power curve per vCPU",
        )
    setting.note(f"account {account} reported use on hosts that the book does not list; without a curve for them it is left out")
