"""Where a tenant's reports without a known host belong: on the hosts where the provider measured the same service.

A process in a container does not know its host, so its spans name none, or one that the book does not list. The provider does know
where it measured the service. Such reports therefore divide what was measured, spread over those hosts in proportion to it,
instead of being priced a second time as use somewhere else. Only the account's own rows move, and only among its own.

Reports of a service that the provider measured nowhere stay where they say that they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from greencloud.allocation.apportion import apportion
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.uses import UNLISTED, Use, in_order

__all__ = ["at_home"]


def at_home(uses: Iterable[Use], setting: Setting, memory_known: set[str]) -> list[Use]:
    """The uses in canonical order, tenants' reports on unlisted hosts moved to where their service was measured."""
    uses = list(uses)
    measured: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for use in uses:
        if use.provider and use.host != UNLISTED:
            measured[use.account, use.service][use.host] += use.weight
    if not any(use.host == UNLISTED and not use.provider for use in uses):
        return uses
    found: list[Use] = []
    for use in uses:
        hosts = measured.get((use.account, use.service)) if not use.provider and use.host == UNLISTED else None
        found += _spread(use, hosts, setting, memory_known) if hosts else [use]
    return sorted(found, key=in_order)


def _spread(use: Use, hosts: dict[str, int], setting: Setting, memory_known: set[str]) -> list[Use]:
    names = sorted(hosts)
    weights = [hosts[name] for name in names] if any(hosts.values()) else [1] * len(names)
    columns = [apportion(amount, weights) if amount else [0] * len(names) for amount in use.amounts]
    spread = []
    for name, *parts in zip(names, *columns, strict=True):
        amounts = Amounts(*parts)
        weight = setting.weight(name, amounts, memory_known=name in memory_known)
        spread.append(use._replace(host=name, amounts=amounts, weight=weight))
    return spread
