"""What goes by capacity rather than by use: idle energy of shared hosts, and embodied mass of hardware that nobody owns alone.

In two steps: first over the reservations and the capacity that nobody reserved, then the unreserved part again, over the
reservations (the site's ``unsold_to = "tenants"``) or to the provider's pool "(unsold)". The second step is a line of its own, so
that a tenant sees what it reserved apart from what it bears of empty capacity.
"""

from __future__ import annotations

from greencloud.allocation.apportion import apportion
from greencloud.allocation.claims import Claim
from greencloud.allocation.leaves import Leaf, leaves_of, pool_leaf
from greencloud.allocation.setting import Setting
from greencloud.allocation.uses import Use
from greencloud.facility import POOL_UNSOLD

__all__ = ["embodied_claims", "idle_claims"]


def idle_claims(setting: Setting, idle_mj: int, flags: frozenset[str], own: dict[str, list[Use]]) -> list[Claim]:
    """Claims on the pooled idle energy of the site's shared hosts; ``own`` is each account's use over the whole site."""
    reserved, unsold = _by_capacity(setting, idle_mj)
    claims = [Claim("idle", _leaves(setting, account, own), part, flags) for account, part in reserved.items() if part]
    return claims + [Claim("unsold", _leaves(setting, account, own), part, flags) for account, part in unsold.items() if part]


def embodied_claims(setting: Setting, own: dict[str, list[Use]]) -> list[tuple[tuple[Leaf, ...], int]]:
    """Leaves and micrograms: hardware of a dedicated host to its owner, all other hardware of the site by capacity."""
    dedicated = {host.id: host.dedicated_to for host in setting.hosts if host.dedicated_to}
    ids = setting.host_ids()
    owned: dict[str, int] = {}
    pooled = 0
    for asset in setting.facility.hardware:
        if asset.site != setting.site.id:
            continue
        mass = setting.facility.embodied_micrograms(asset, setting.window)
        owner = dedicated.get(ids.get(asset.host, ""))
        if owner:
            owned[owner] = owned.get(owner, 0) + mass
        else:
            pooled += mass
    reserved, unsold = _by_capacity(setting, pooled)
    return [
        (_leaves(setting, account, own), part)
        for amounts in (dict(sorted(owned.items())), reserved, unsold)
        for account, part in amounts.items()
        if part
    ]


def _by_capacity(setting: Setting, total: int) -> tuple[dict[str, int], dict[str, int]]:
    """``total`` by account: what is reserved, and what is not."""
    accounts = [account for account, capacity in setting.reserved.items() if capacity]
    weights = [setting.reserved[account] for account in accounts]
    if not accounts:
        return {}, {POOL_UNSOLD: total}
    *parts, empty = apportion(total, [*weights, setting.unreserved])
    reserved = dict(zip(accounts, parts, strict=True))
    if setting.site.unsold_to == "provider":
        return reserved, {POOL_UNSOLD: empty}
    return reserved, dict(zip(accounts, apportion(empty, weights), strict=True))


def _leaves(setting: Setting, account: str, own: dict[str, list[Use]]) -> tuple[Leaf, ...]:
    if account == POOL_UNSOLD:
        return (pool_leaf(POOL_UNSOLD),)
    return leaves_of(account, own.get(account, ()), setting.reserved_services.get(account, ()))
