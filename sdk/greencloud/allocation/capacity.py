"""Claims on what capacity costs: idle energy of shared hosts, and embodied mass of hardware that nobody owns alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from greencloud.allocation.basis import Basis, Share
from greencloud.allocation.claims import Claim
from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.leaves import Leaf, leaves_of, pool_leaf
from greencloud.allocation.origins import MassPart, PoolPart
from greencloud.allocation.setting import Setting
from greencloud.allocation.uncertainty import Scaled, hardware_vector, total
from greencloud.allocation.uses import Use
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD, Hardware

__all__ = ["MassClaim", "SiteLeaves", "embodied_claims", "idle_claims", "reserved_dynamic_claims"]

_COMPONENTS = {"it": "embodied", "building": "building"}
"""The component of each kind of hardware."""

_POOLS = {POOL_UNSOLD, POOL_UNATTRIBUTED}


@dataclass(frozen=True, slots=True)
class MassClaim:
    """Embodied micrograms, the leaves that they are for, how sure they are, and how they came about."""

    component: str
    leaves: tuple[Leaf, ...]
    micrograms: int
    spread: Scaled
    origin: MassPart


class SiteLeaves:
    """The leaves of accounts by their ``own`` uses over the whole site, each worked out once."""

    def __init__(self, setting: Setting, own: Mapping[str, list[Use]]) -> None:
        self._setting = setting
        self._own = own
        self._known: dict[str, tuple[Leaf, ...]] = {pool: (pool_leaf(pool),) for pool in _POOLS}

    def of(self, account: str) -> tuple[Leaf, ...]:
        """Of an account, or of a pool."""
        found = self._known.get(account)
        if found is None:
            found = leaves_of(account, self._own.get(account, ()), self._setting.reserved_services.get(account, ()))
            self._known[account] = found
        return found


def idle_claims(basis: Basis, shared: Sequence[HostEnergy], leaves: SiteLeaves) -> list[Claim]:
    """Claims on the pooled idle energy of the site's shared hosts."""
    idle_mj = sum(energy.idle_mj for energy in shared)
    flags = frozenset[str]().union(*(energy.flags for energy in shared if energy.idle_mj))
    vector = total((energy.idle_vector, 1.0) for energy in shared)
    held, empty = basis.shares(idle_mj)
    return [
        Claim(
            component,
            leaves.of(share.account),
            share.amount,
            flags,
            ((vector, share.amount / idle_mj),),
            origin=PoolPart(shared, "idle", share.part),
        )
        for component, shares in (("idle", held), ("unsold", empty))
        for share in shares
        if share.amount
    ]


def reserved_dynamic_claims(setting: Setting, shared: Sequence[HostEnergy], own: dict[str, list[Use]]) -> list[Claim]:
    """Claims on the pooled dynamic energy of the shared hosts, by the reservations; unattributed where there is none.

    An account's rows divide its claim wherever they are of. Operations on other hosts are counted in the claims on those.
    """
    site_leaves = SiteLeaves(setting, _counted_on({energy.host.id for energy in shared if not energy.silent}, own))
    dynamic_mj = sum(energy.dynamic_mj for energy in shared)
    flags = frozenset[str]().union(*(energy.flags for energy in shared if energy.dynamic_mj))
    vector = total((energy.dynamic_vector, 1.0) for energy in shared)
    held, nobody = Basis({account: capacity for account, capacity in setting.reserved.items() if capacity}).shares(dynamic_mj)
    shares = [*held, Share(POOL_UNATTRIBUTED, sum(share.amount for share in nobody), nobody[0].part)] if nobody else held
    found = ((share, site_leaves.of(share.account)) for share in shares)
    return [
        Claim(
            "dynamic",
            leaves,
            share.amount,
            flags,
            ((vector, share.amount / (dynamic_mj or 1)),),
            origin=PoolPart(shared, "dynamic", share.part, "reserved"),
        )
        for share, leaves in found
        if share.amount or any(leaf.operations for leaf in leaves)
    ]


def embodied_claims(setting: Setting, basis: Basis, leaves: SiteLeaves) -> Iterator[MassClaim]:
    """Hardware of a dedicated host to its owner, all other hardware of the site by capacity."""
    dedicated = {host.id: host.dedicated_to for host in setting.hosts if host.dedicated_to}
    ids = setting.host_ids()
    pools: dict[tuple[str, str], list[tuple[Hardware, int]]] = defaultdict(list)
    for asset in setting.facility.hardware_at(setting.site.id):
        owner = dedicated.get(ids.get(asset.host, ""), "")
        mass = setting.facility.embodied_micrograms(asset, setting.window)
        pools[owner, _COMPONENTS[asset.kind]].append((asset, mass))
    for (owner, component), assets in sorted(pools.items()):
        whole = sum(mass for _, mass in assets)
        vector = hardware_vector(setting, assets)
        shares = [(owner, whole, None)] if owner else [share for shares in basis.shares(whole) for share in shares]
        for account, amount, part in shares:
            if amount:
                origin = MassPart(assets, part)
                yield MassClaim(component, leaves.of(account), amount, ((vector, amount / whole),), origin)


def _counted_on(hosts: Set[str], own: Mapping[str, list[Use]]) -> dict[str, list[Use]]:
    """The same uses, with operations on these hosts alone."""
    return {
        account: [use if use.host in hosts else use._replace(amounts=use.amounts._replace(operations=0)) for use in uses]
        for account, uses in own.items()
    }
