"""Where a tenant's reports without a known host belong: on the hosts where the provider measured the same service.

A process in a container does not know its host, so its spans name none, or one that the book does not list. The provider does know
where it measured the service. Such reports therefore divide what was measured, spread over those hosts in proportion to it,
instead of being priced a second time as use somewhere else. Only the account's own rows move, and only among its own.

Reports of a service that the provider measured nowhere stay where they say that they are.

Spreading costs operations x hosts, and a tenant chooses its operations. Where that is more than ``MOST_SPREAD`` for an account, the
operations of most weight are spread, and the rest of each service goes without a name, as what was measured and not told of does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from greencloud.allocation.apportion import apportion
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.uses import UNLISTED, Use, in_order

__all__ = ["MOST_SPREAD", "Measured", "at_home", "homeless", "measured_of", "moved"]

MOST_SPREAD: Final = 100_000


Measured = Mapping[tuple[str, str], Mapping[str, int]]
"""What the provider measured, by account and service, on each host."""


def at_home(uses: Iterable[Use], setting: Setting, memory_known: set[str]) -> list[Use]:
    """The uses in canonical order, tenants' reports on unlisted hosts moved to where their service was measured."""
    uses = list(uses)
    told = homeless(uses)
    return moved(uses, told, measured_of(uses), setting, memory_known, within=None) if told else uses


def homeless(uses: Iterable[Use]) -> list[Use]:
    """What tenants report on unlisted hosts."""
    return [use for use in uses if use.host == UNLISTED and not use.provider]


def measured_of(uses: Iterable[Use]) -> dict[tuple[str, str], dict[str, int]]:
    """What the provider measured on listed hosts."""
    measured: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for use in uses:
        if use.provider and use.host != UNLISTED:
            measured[use.account, use.service][use.host] += use.weight
    return measured


def moved(
    uses: Iterable[Use],
    told: Iterable[Use],
    measured: Measured,
    setting: Setting,
    memory_known: set[str],
    *,
    within: Set[str] | None,
) -> list[Use]:
    """The uses in canonical order, reports of measured services moved: those of ``told``, which are ``homeless`` over the site.

    ``uses`` and what comes to them are of the hosts ``within``; of the whole site where that is None.
    """
    found = [use for use in uses if use.provider or use.host != UNLISTED or (use.account, use.service) not in measured]
    services: dict[str, dict[str, list[Use]]] = defaultdict(lambda: defaultdict(list))
    for use in told:
        if (use.account, use.service) in measured:
            services[use.account][use.service].append(use)
    for account, by_service in services.items():
        hosts = {service: measured[account, service] for service in by_service}
        for service, reports in _bounded(account, by_service, hosts, setting).items():
            for use in reports:
                found += _spread(use, hosts[service], setting, memory_known, within)
    return sorted(found, key=in_order)


def _bounded(
    account: str, services: Mapping[str, Sequence[Use]], hosts: Mapping[str, Mapping[str, int]], setting: Setting
) -> dict[str, Sequence[Use]]:
    """The reports to spread, by service: all of them, or those of most weight and one without a name for the rest."""
    if sum(len(told) * len(hosts[service]) for service, told in services.items()) <= MOST_SPREAD:
        return dict(services)
    setting.note(
        f"account {account}: more than {MOST_SPREAD:,} operations times hosts; the smallest are charged without their names"
    )
    bounded: dict[str, Sequence[Use]] = {}
    for service, told in services.items():
        most = MOST_SPREAD // (len(services) * len(hosts[service]))
        ordered = sorted(told, key=lambda use: (-use.weight, in_order(use)))
        rest: dict[tuple[str, bool], list[Use]] = defaultdict(list)
        for use in ordered[most:]:
            rest[use.caller, use.estimated].append(use)
        folded = [parts[0]._replace(sku="", operation="", labels="{}", amounts=_together(parts)) for parts in rest.values()]
        bounded[service] = [*ordered[:most], *folded]
    return bounded


def _together(uses: Iterable[Use]) -> Amounts:
    return Amounts(*map(sum, zip(*(use.amounts for use in uses), strict=True)))


def _spread(use: Use, hosts: Mapping[str, int], setting: Setting, memory_known: set[str], within: Set[str] | None) -> list[Use]:
    names = sorted(hosts)
    weights = [hosts[name] for name in names] if any(hosts.values()) else [1] * len(names)
    columns = [apportion(amount, weights) if amount else [0] * len(names) for amount in use.amounts]
    spread = []
    for name, *parts in zip(names, *columns, strict=True):
        if within is None or name in within:
            amounts = Amounts(*parts)
            weight = setting.weight(name, amounts, memory_known=name in memory_known)
            spread.append(use._replace(host=name, amounts=amounts, weight=weight))
    return spread
