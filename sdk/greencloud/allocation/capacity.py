"""Claims on what capacity costs: idle energy of shared hosts, and embodied mass of hardware that nobody owns alone."""

from __future__ import annotations

from collections.abc import Iterator

from greencloud.allocation.basis import Basis
from greencloud.allocation.claims import Claim
from greencloud.allocation.leaves import Leaf, leaves_of, pool_leaf
from greencloud.allocation.setting import Setting
from greencloud.allocation.uses import Use
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD

__all__ = ["HARDWARE_COMPONENTS", "embodied_claims", "idle_claims", "reserved_dynamic_claims"]

HARDWARE_COMPONENTS = {"it": "embodied", "building": "building"}
"""The component of each kind of hardware."""

_POOLS = {POOL_UNSOLD, POOL_UNATTRIBUTED}


def idle_claims(setting: Setting, basis: Basis, idle_mj: int, flags: frozenset[str], own: dict[str, list[Use]]) -> list[Claim]:
    """Claims on the pooled idle energy of the site's shared hosts; ``own`` is each account's use over the whole site."""
    held, empty = basis.shares(idle_mj)
    claims = [Claim("idle", _leaves(setting, account, own), part, flags) for account, part in held.items() if part]
    return claims + [Claim("unsold", _leaves(setting, account, own), part, flags) for account, part in empty.items() if part]


def reserved_dynamic_claims(setting: Setting, dynamic_mj: int, flags: frozenset[str], own: dict[str, list[Use]]) -> list[Claim]:
    """Claims on the pooled dynamic energy of the shared hosts, by the reservations; unattributed where there is none."""
    held, nobody = Basis({account: capacity for account, capacity in setting.reserved.items() if capacity}).shares(dynamic_mj)
    claims = [Claim("dynamic", _leaves(setting, account, own), part, flags) for account, part in held.items() if part]
    return claims + [Claim("dynamic", (pool_leaf(POOL_UNATTRIBUTED),), part, flags) for part in nobody.values() if part]


def embodied_claims(setting: Setting, basis: Basis, own: dict[str, list[Use]]) -> Iterator[tuple[str, tuple[Leaf, ...], int]]:
    """Component, leaves and micrograms: hardware of a dedicated host to its owner, all other hardware of the site by capacity."""
    dedicated = {host.id: host.dedicated_to for host in setting.hosts if host.dedicated_to}
    ids = setting.host_ids()
    owned: dict[tuple[str, str], int] = {}
    pooled = dict.fromkeys(HARDWARE_COMPONENTS.values(), 0)
    for asset in setting.facility.hardware_at(setting.site.id):
        mass = setting.facility.embodied_micrograms(asset, setting.window)
        component = HARDWARE_COMPONENTS[asset.kind]
        owner = dedicated.get(ids.get(asset.host, ""))
        if owner:
            owned[component, owner] = owned.get((component, owner), 0) + mass
        else:
            pooled[component] += mass
    for (component, owner), mass in sorted(owned.items()):
        yield component, _leaves(setting, owner, own), mass
    for component, mass in pooled.items():
        for amounts in basis.shares(mass):
            for account, part in amounts.items():
                if part:
                    yield component, _leaves(setting, account, own), part


def _leaves(setting: Setting, account: str, own: dict[str, list[Use]]) -> tuple[Leaf, ...]:
    if account in _POOLS:
        return (pool_leaf(account),)
    return leaves_of(account, own.get(account, ()), setting.reserved_services.get(account, ()))
