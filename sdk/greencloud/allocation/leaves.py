"""The leaves of one account's claim: what its share was for.

Only the account's own rows enter, which is what makes law 4 hold exactly: whatever a tenant reports, the claim above stays what
the provider's evidence made it, and rounding among its leaves stays inside it.

The provider's rows say how much each service used, the tenant's rows divide that: a leaf per service, SKU, operation and labels,
and for what the tenant did not report a leaf of the service without an operation. Where it reports more of a service than was
measured (the wall time of spans that wait, for one), its rows divide what was measured. A service that the provider did not
measure has the weight that was reported. Where there is no use at all, the claim goes to the services that the account's
reservations name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from greencloud import _leaves
from greencloud.allocation.apportion import apportion
from greencloud.allocation.uses import Use
from greencloud.facility import POOL_UNATTRIBUTED

__all__ = ["Leaf", "leaves_of", "own_leaves", "pool_leaf", "slot_leaves"]


class Leaf(NamedTuple):  # made by the hundred thousand: a tuple takes a third of the time of a frozen dataclass
    account: str
    service: str = ""
    sku: str = ""
    operation: str = ""
    labels: str = "{}"
    weight: int = 1
    operations: int = 0
    flags: frozenset[str] = frozenset()


def pool_leaf(pool: str, weight: int = 1) -> Leaf:
    return Leaf(pool, weight=weight)


def leaves_of(account: str, uses: Iterable[Use], reserved_services: Sequence[tuple[str, int]]) -> tuple[Leaf, ...]:
    """At least one leaf, in canonical order, with a positive weight among them."""
    return _leaves.leaves_of(account, list(uses), reserved_services, Leaf, apportion)


def slot_leaves(account: str, uses: Iterable[Use], slot: int) -> tuple[Leaf, ...]:
    """Leaves of an account that the provider did not measure on a host.

    Of the use that nobody measured there, ``slot`` is what its reservation entitles it to; it pays for what it reports of that, and
    the rest is unattributed. Reporting more than the slot fills the slot, and no more.
    """
    leaves = [leaf._replace(flags=leaf.flags | {"self_reported"}) for leaf in own_leaves(account, uses)]
    return (*leaves, pool_leaf(POOL_UNATTRIBUTED, max(0, slot - sum(leaf.weight for leaf in leaves))))


def own_leaves(account: str, uses: Iterable[Use]) -> list[Leaf]:
    """What the account's own rows say, in canonical order; it may be nothing, or weigh nothing."""
    return _leaves.own_leaves(account, list(uses), Leaf, apportion)
