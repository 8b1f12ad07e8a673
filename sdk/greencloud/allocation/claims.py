"""Claims on a host's energy: who bears which part of it, by the provider's evidence alone.

The model is a tree of apportionments: a site-window's total -> claims -> leaves of one account. Weights of the first step are the
provider's (its rows, its readings, reservations); the weights of the second are one account's own rows. So a tenant's telemetry
divides that tenant's own claim, and no other figure moves, not even by a unit of rounding (law 4).

On a shared host, dynamic energy goes by power-weighted use. Accounts that the provider measured there enter with what it measured.
What it did not measure is one claim more. Every other account with a reservation at the site has a *slot* in that, whether or not
it reports; within its slot it pays for what it reports and the rest is unattributed. A dedicated host is its owner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from greencloud.allocation.apportion import apportion
from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.leaves import Leaf, leaves_of, pool_leaf, slot_leaves
from greencloud.allocation.origins import HostPart, Origin, Part
from greencloud.allocation.setting import Setting
from greencloud.allocation.tree import Slots
from greencloud.allocation.uncertainty import Scaled
from greencloud.allocation.uses import Use
from greencloud.facility import POOL_UNATTRIBUTED

__all__ = ["Claim", "owner_claims", "unmeasured", "use_claims"]


@dataclass(frozen=True, slots=True)
class Claim:
    """An amount of energy, and the leaves that it is for. ``flags`` are of the energy; leaves bring their own.

    ``slots``, where given, divide it before ``leaves`` would: weights of the provider's, each with leaves of its own.
    ``spread``: how sure the energy is; ``origin``: how it came about.
    """

    component: str
    leaves: tuple[Leaf, ...]
    energy_mj: int
    flags: frozenset[str] = frozenset()
    spread: Scaled = ()
    slots: Slots = ()
    origin: Origin | None = None


def owner_claims(setting: Setting, energy: HostEnergy, uses: Mapping[str, list[Use]]) -> list[Claim]:
    """Claims on a dedicated host: all of it is its owner's. ``uses`` are by account."""
    owner = energy.host.dedicated_to
    for account in uses:
        if account != owner:
            setting.note(f"account {account}: use on host {energy.host.id} is not charged to it; the host is dedicated to {owner}")
    leaves = leaves_of(owner, uses.get(owner, ()), setting.reserved_services.get(owner, ()))
    parts = [("idle", energy.idle_mj, energy.idle_vector)]
    if not energy.silent:
        parts.append(("dynamic", energy.dynamic_mj, energy.dynamic_vector))
    return [
        Claim(component, leaves, part, energy.flags, ((vector, 1.0),), origin=HostPart(energy, component))
        for component, part, vector in parts
    ]


def use_claims(setting: Setting, energy: HostEnergy, uses: Mapping[str, list[Use]]) -> list[Claim]:
    """Claims on a shared host's dynamic energy, by use. ``uses`` are by account."""
    if energy.silent:
        return []
    measured = _measured(uses)
    rest = unmeasured(setting, energy, measured)
    holders = {account: held for account, held in setting.reserved.items() if held and account not in measured} if rest else {}
    for account in uses.keys() - measured.keys() - holders.keys():
        _explain(setting, energy, account)
    weights = [sum(use.weight for use in measured[account] if use.provider) for account in sorted(measured)]
    if not any(weights) and not rest:
        rest = 1
    weights.append(rest)
    parts = apportion(energy.dynamic_mj, weights)
    slots = _slots(rest, holders, uses) if holders.keys() & uses.keys() else ()
    nobody = (pool_leaf(POOL_UNATTRIBUTED),)
    found = [(leaves_of(account, measured[account], ()), ()) for account in sorted(measured)] + [(nobody, slots)]
    return [
        Claim(
            "dynamic",
            leaves,
            part,
            energy.flags,
            ((energy.dynamic_vector, part / (energy.dynamic_mj or 1)),),
            own_slots,
            HostPart(energy, "dynamic", Part(energy.dynamic_mj, weights, index), rest),
        )
        for index, ((leaves, own_slots), part) in enumerate(zip(found, parts, strict=True))
        if part or any(leaf.operations for leaf in leaves) or own_slots
    ]


def unmeasured(setting: Setting, energy: HostEnergy, uses: Mapping[str, list[Use]]) -> int:
    """Use of a host that the provider's rows do not explain.

    GPU time and bytes moved are left out on both sides: readings do not have them.
    """
    if energy.busy_weight is None:
        return 0
    rows = [use.amounts for own in uses.values() for use in own if use.provider]
    memory = sum(amounts.memory_byte_s for amounts in rows) if energy.memory_known else 0
    return max(0, energy.busy_weight - setting.weigher.of(sum(amounts.cpu_ns for amounts in rows), memory, 0))


def _measured(uses: Mapping[str, list[Use]]) -> dict[str, list[Use]]:
    return {account: own for account, own in uses.items() if any(use.provider for use in own)}


def _slots(rest: int, holders: Mapping[str, int], uses: Mapping[str, list[Use]]) -> Slots:
    """The slots of what was not measured, which is ``rest``; holders of reservations with what they hold."""
    nobody = (pool_leaf(POOL_UNATTRIBUTED),)
    parts = apportion(rest, list(holders.values()))
    return tuple(
        (held, slot_leaves(account, uses[account], part) if account in uses and part else nobody)
        for (account, held), part in zip(holders.items(), parts, strict=True)
    )


def _explain(setting: Setting, energy: HostEnergy, account: str) -> None:
    host = energy.host.id
    if not setting.reserved.get(account):
        why = "but has no reservation there and the provider measured none of it; it stays in (unattributed)"
    elif energy.busy_weight is None:
        why = "but the provider read neither its use nor the host's busy CPU; it stays in (unattributed)"
    else:
        why = "but the provider's rows explain all that the host was busy; nothing is charged for it"
    setting.note(f"account {account} reported use on host {host} {why}")
