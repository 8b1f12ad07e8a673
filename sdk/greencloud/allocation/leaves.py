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

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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


@dataclass(slots=True)
class _Sum:
    weight: int = 0
    count: int = 0
    flags: set[str] = field(default_factory=set)


def pool_leaf(pool: str, weight: int = 1) -> Leaf:
    return Leaf(pool, weight=weight)


def leaves_of(account: str, uses: Iterable[Use], reserved_services: Sequence[tuple[str, int]]) -> tuple[Leaf, ...]:
    """At least one leaf, in canonical order, with a positive weight among them."""
    leaves = own_leaves(account, uses)
    if not any(leaf.weight for leaf in leaves):
        named = [(service, weight) for service, weight in reserved_services if weight] or [("", 1)]
        leaves += [Leaf(account, service, weight=weight) for service, weight in named]
    return tuple(leaves)


def slot_leaves(account: str, uses: Iterable[Use], slot: int) -> tuple[Leaf, ...]:
    """Leaves of an account that the provider did not measure on a host.

    Of the use that nobody measured there, ``slot`` is what its reservation entitles it to; it pays for what it reports of that, and
    the rest is unattributed. Reporting more than the slot fills the slot, and no more.
    """
    leaves = [leaf._replace(flags=leaf.flags | {"self_reported"}) for leaf in own_leaves(account, uses)]
    return (*leaves, pool_leaf(POOL_UNATTRIBUTED, max(0, slot - sum(leaf.weight for leaf in leaves))))


def _measured(account: str, uses: Iterable[Use]) -> list[Leaf]:
    """The leaves of an account that reports nothing: the provider's rows as they are."""
    weights: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for use in uses:
        weights[use.service, use.sku, use.operation, use.labels] += use.weight
    return [Leaf(account, *key, weights[key]) for key in sorted(weights)]


def own_leaves(account: str, uses: Iterable[Use]) -> list[Leaf]:
    """What the account's own rows say, in canonical order; it may be nothing, or weigh nothing."""
    uses = list(uses)
    if all(use.provider for use in uses):
        return _measured(account, uses)
    sums: dict[tuple[str, str, str, str], _Sum] = defaultdict(_Sum)
    measured: dict[str, dict[tuple[str, str, str, str], int]] = defaultdict(lambda: defaultdict(int))
    reported: dict[str, int] = defaultdict(int)
    for use in uses:
        key = (use.service, use.sku, use.operation, use.labels)
        if use.provider:
            measured[use.service][key] += use.weight
            continue
        reported[use.service] += use.weight
        leaf = sums[key]
        leaf.weight += use.weight
        leaf.count += use.amounts.operations
        if use.estimated:
            leaf.flags.add("estimated")
    for service, weights in measured.items():
        keys = sorted(weights)
        whole = sum(weights.values())
        if reported[service] > whole:
            told = sorted(key for key in sums if key[0] == service)
            for key, part in zip(told, apportion(whole, [sums[key].weight for key in told]), strict=True):
                sums[key].weight = part
        missing = whole - reported[service]
        if missing > 0:
            for key, part in zip(keys, apportion(missing, [weights[key] for key in keys]), strict=True):
                sums[key].weight += part
    return [Leaf(account, *key, leaf.weight, leaf.count, frozenset(leaf.flags)) for key, leaf in sorted(sums.items())]
