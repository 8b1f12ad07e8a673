"""What accounts emit and use, for the provider's Prometheus: the ledger's figures of yesterday and of this month, as gauges.

A period is one of UTC and named as everywhere (``greencloud.results.periods``). A gauge is what the ledger says of the period now:
that of ``this-month`` grows until the month ends, and both move when something is restated. Pools are accounts in parentheses, so
that all series of a period and a method add up to what the sites emitted. Where nothing is posted there is no series: unknown is
not zero. Prometheus keeps floats; exact figures are those of the API.

Names are labels of time series and tenants choose the names of services, so both are few: the ``MOST_ACCOUNTS`` largest accounts
and of each its ``MOST_SERVICES`` largest services have a name, the others are one, ``other``. Sums stay the same.

A look asks the ledger anew after something was posted or a day has begun, and else shows what is kept. The page has no
credentials, so it is for loopback, unless ``--insecure`` says that something guards it.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from greencloud.errors import GreencloudError
from greencloud.ledger.batch import is_pool
from greencloud.report.totals import total_of
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.results.periods import period_named
from greencloud.server.counts import OTHER

__all__ = ["MOST_ACCOUNTS", "MOST_SERVICES", "PERIODS", "AccountMetrics", "Figures", "account_families"]

PERIODS: Final = ("yesterday", "this-month")
MOST_ACCOUNTS: Final = 200
MOST_SERVICES: Final = 10
_MOST_ROWS: Final = 100_000
_LOG: Final = logging.getLogger("greencloud.server")

_METHODS: Final = ("location_based", "market_based")
_UG_PER_G: Final = 1e6
_MJ_PER_J: Final = 1e3


class Figures(Protocol):
    """A version of the ledger; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def footprint(self, query: FootprintQuery, *, most: int | None = None) -> list[FootprintRow]: ...


class AccountMetrics(Collector):
    """Collects ``account_families`` of the newest version of a ledger at the time of ``clock``; in several threads, too."""

    def __init__(self, snapshot: Callable[[], Figures], clock: Callable[[], datetime]) -> None:
        self.registry = CollectorRegistry()
        self._snapshot = snapshot
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[int, date] | None = None
        self._families: Sequence[Metric] = ()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        now = self._clock().astimezone(UTC)
        with self._lock:
            try:
                snapshot = self._snapshot()
                if self._kept != (snapshot.version, now.date()):
                    self._families = account_families(snapshot, now)
                    self._kept = (snapshot.version, now.date())
            except GreencloudError as error:
                # Old figures would pass for new ones.
                _LOG.warning("no account metrics: %s", error.message)
                self._kept, self._families = None, ()
            families = self._families
        yield from families


def account_families(
    snapshot: Figures, now: datetime, *, most_accounts: int = MOST_ACCOUNTS, most_services: int = MOST_SERVICES
) -> list[Metric]:
    """The gauges of the periods that ``now`` (aware) has.

    Raises:
        TooLargeError: more accounts than an answer holds.
        StoreError: the ledger cannot be read.
    """
    periods = {name: period_named(name, now) for name in PERIODS}
    rows = {
        name: snapshot.footprint(FootprintQuery(period.start, period.end, group_by=("account",)), most=_MOST_ROWS)
        for name, period in periods.items()
    }
    named = _largest([row for found in rows.values() for row in found], "account", most_accounts, is_pool)
    families = _of_accounts({name: _added_up(found, "account", named) for name, found in rows.items()})
    month = periods["this-month"]
    query = FootprintQuery(month.start, month.end, tuple(sorted(named)), group_by=("account", "service"))
    try:
        services = snapshot.footprint(query, most=_MOST_ROWS)
    except GreencloudError as error:  # one tenant with very many services takes away nobody's total
        _LOG.warning("no metrics of services: %s", error.message)
        return families
    return [*families, _of_services(services, most_services)]


def _of_accounts(periods: dict[str, dict[str, FootprintRow]]) -> list[Metric]:
    keys = ("account", "period")
    emissions = GaugeMetricFamily(
        "greencloud_account_emissions_grams", "CO2e of an account.", labels=("account", "method", "scope", "period")
    )
    energy = GaugeMetricFamily("greencloud_account_energy_joules", "Energy of an account.", labels=keys)
    provisional = GaugeMetricFamily(
        "greencloud_account_provisional", "Whether more is to come for a window that is counted.", labels=keys
    )
    posted = GaugeMetricFamily(
        "greencloud_account_posted_timestamp_seconds", "When the newest figure behind it was posted.", labels=keys
    )
    for period, accounts in periods.items():
        for account, row in accounts.items():
            for method in _METHODS:
                for scope, grams in _scopes(row, method).items():
                    emissions.add_metric((account, method, scope, period), grams)
            energy.add_metric((account, period), row.energy.millijoules / _MJ_PER_J)
            provisional.add_metric((account, period), row.provisional)
            if row.updated is not None:
                posted.add_metric((account, period), row.updated.timestamp())
    return [emissions, energy, provisional, posted]


def _of_services(rows: Sequence[FootprintRow], most: int) -> Metric:
    family = GaugeMetricFamily(
        "greencloud_service_emissions_grams", "CO2e of a service, this month.", labels=("account", "service", "method")
    )
    accounts: defaultdict[str, list[FootprintRow]] = defaultdict(list)
    for row in rows:
        accounts[row.dimensions["account"]].append(row)
    for account, found in accounts.items():
        for service, total in _added_up(found, "service", _largest(found, "service", most)).items():
            for method in _METHODS:
                family.add_metric((account, service, method), _grams(total, method))
    return family


def _largest(rows: Iterable[FootprintRow], dimension: str, most: int, always: Callable[[str], bool] = lambda _: False) -> set[str]:
    """The values with the largest emissions, and those that ``always`` have a name."""
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[row.dimensions[dimension]] += row.total_location_based.micrograms
    kept = {name for name in sums if always(name)}
    return kept | set(sorted(sums.keys() - kept, key=lambda name: (-sums[name], name))[:most])


def _added_up(rows: Iterable[FootprintRow], dimension: str, named: Collection[str]) -> dict[str, FootprintRow]:
    groups: defaultdict[str, list[FootprintRow]] = defaultdict(list)
    for row in rows:
        name = row.dimensions[dimension]
        groups[name if name in named else OTHER].append(row)
    return {name: total_of(found) for name, found in groups.items()}


def _scopes(row: FootprintRow, method: str) -> dict[str, float]:
    upstream = getattr(row, f"scope3_upstream_{method}") + row.scope3_embodied
    amounts = {"1": row.scope1, "2": getattr(row, f"scope2_{method}"), "3": upstream}
    return {scope: amount.micrograms / _UG_PER_G for scope, amount in amounts.items()}


def _grams(row: FootprintRow, method: str) -> float:
    micrograms: int = getattr(row, f"total_{method}").micrograms
    return micrograms / _UG_PER_G
