"""Metrics of workloads to rows, and the sorting of points into series that hosts and workloads share.

CPU time, memory, disk and network come of pods, containers and processes. A pod's CPU holds its containers', which hold their
processes', so of the families that one account's service reports on one machine in one window only the widest counts, for
each measure. From the provider's agents they are rows of source "provider", for the account that the point or its resource
names. A tenant's own are rows of source "tenant" without an operation, except CPU in a window in which the same process sent
spans: the same CPU counts once, and the spans say for what. What a tenant says of whole hosts is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from greencloud.facility import Facility, Host
from greencloud.telemetry import semconv
from greencloud.telemetry.admission import account_fault, point_fault
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.hosts import HostMeters, opening_ceiling
from greencloud.telemetry.meters import METERS, Meter, busy, shape_fault
from greencloud.telemetry.otlp import Point, identity
from greencloud.telemetry.place import Place, Places
from greencloud.telemetry.series import Growth, growth_of_cumulative, growth_of_delta, growth_of_gauge
from greencloud.telemetry.spans import Process
from greencloud.telemetry.split import split
from greencloud.telemetry.tally import RowKey, Tally

__all__ = ["OwnedPoint", "add_metrics"]


class OwnedPoint(NamedTuple):
    role: str
    account: str  # of the credential
    point: Point


class _SeriesKey(NamedTuple):
    role: str
    account: str
    resource: str
    metric: str
    unit: str
    shape: str
    attributes: str


class _Amount(NamedTuple):
    """What the rows of a workload are summed by, before the families that hold each other are told apart."""

    window: int
    account: str
    source: str
    place: Place
    measure: str
    family: int


def add_metrics(
    owned: Iterable[OwnedPoint],
    facility: Facility,
    places: Places,
    tally: Tally,
    dead: DeadLetters,
    *,
    told: set[tuple[Process, int]],
) -> None:
    """Add readings and rows of number points; ``told``: processes and windows whose CPU the spans account for already."""
    hosts = HostMeters(facility, tally, dead)
    workloads = _Workloads(tally, dead, told)
    for key, points in sorted(_series(owned, places, dead).items()):
        first = points[0]
        meter = METERS[key.metric]
        host = places.host(first.resource)
        growth = _growth(points, meter, facility, host)
        for fault in growth.faults:
            dead.add(fault, f"{key.metric} of {key.account or (host.id if host else '(nobody)')}")
        if meter.family < 0:
            assert host is not None, "points of unknown hosts are left out before"
            modelled = "modelled" in (first.attributes.get(semconv.QUALITY), first.resource.attributes.get(semconv.QUALITY))
            hosts.add(host, key.metric, key.resource, growth.deltas, modelled=modelled)
        else:
            workloads.add(key.account, key.role, places.of(first.resource), meter, growth)
    hosts.book()
    workloads.book()


def _series(owned: Iterable[OwnedPoint], places: Places, dead: DeadLetters) -> dict[_SeriesKey, list[Point]]:
    found: dict[_SeriesKey, list[Point]] = {}
    for role, account, point in owned:
        owner, fault = _judge(role, account, point, places)
        if fault:
            reason, _, subject = fault.partition("\n")
            dead.add(reason, subject)
        elif busy(point):
            key = _SeriesKey(
                role, owner, point.resource.identity, point.metric, point.unit, point.shape, identity(point.attributes)
            )
            found.setdefault(key, []).append(point)
    return found


def _judge(role: str, account: str, point: Point, places: Places) -> tuple[str, str]:
    """Whose a point is; or why it is left out, as reason and subject on two lines."""
    metric = point.metric
    meter = METERS.get(metric)
    if role == "tenant" and (meter is None or meter.family < 0):
        return "", f"a tenant may not report meters\naccount {account}, {metric}"
    if meter is None:
        return "", f"{metric} is of a part of the host, which hw.host.energy holds already\n{_host_name(point)}"
    if fault := point_fault(point):
        return "", f"a data point cannot be counted: {fault}\n{metric}, account {account or '(nobody)'}, time {point.time_ns}"
    if fault := shape_fault(meter, point.shape):
        return "", f"a metric of the wrong kind: {fault}\n{metric}"
    if point.unit not in meter.scales:
        return "", f"a unit that is not understood\n{metric} in {point.unit[:32]!r}"
    if busy(point) is None:
        return "", f"a metric that does not say which state it counts\n{metric}, {_host_name(point)}"
    if meter.family < 0:
        return "", "" if places.host(point.resource) else f"unknown host\n{_host_name(point)}"
    if role == "provider":
        named = point.attributes.get(semconv.ACCOUNT_ID) or point.resource.text(semconv.ACCOUNT_ID)
        account = named if isinstance(named, str) else ""
    if account_fault(account):
        return "", f"a workload without an account\n{metric}, {_host_name(point)}"
    if not places.of(point.resource).site:
        return "", f"no site\naccount {account}, {metric}: no known host and the book has no default site"
    return account, ""


def _host_name(point: Point) -> str:
    return next((name for name in map(point.resource.text, semconv.HOST_KEYS) if name), "(no host.id)")


def _growth(points: list[Point], meter: Meter, facility: Facility, host: Host | None) -> Growth:
    first = points[0]
    scale = meter.scales[first.unit]
    if meter.level:
        return growth_of_gauge(points, scale)
    if first.shape == "delta":
        return growth_of_delta(points, scale)
    return growth_of_cumulative(points, scale, opening_ceiling(meter, facility, host))


@dataclass(slots=True)
class _Workloads:
    tally: Tally
    dead: DeadLetters
    told: set[tuple[Process, int]]
    _amounts: dict[_Amount, int] = field(default_factory=dict)

    def add(self, account: str, source: str, place: Place, meter: Meter, growth: Growth) -> None:
        for delta in growth.deltas:
            for window, part in split(delta.amount, delta.start_ns, delta.end_ns, self.tally.window_ns):
                key = _Amount(window, account, source, place, meter.measure, meter.family)
                self._amounts[key] = self._amounts.get(key, 0) + part

    def book(self) -> None:
        widest: dict[tuple[int, str, str, str, str, str], int] = {}
        for key in self._amounts:
            group = self._group(key)
            widest[group] = min(widest.get(group, key.family), key.family)
        for key, amount in self._amounts.items():
            who = f"account {key.account}, service {key.place.service}"
            process = Process(key.account, key.place.service, key.place.instance)
            if key.family > widest[self._group(key)]:
                family = semconv.FAMILIES[key.family]
                self.dead.add(f"{family} metrics that a wider one holds already", f"{who}: {key.measure}")
            elif key.source == "tenant" and key.measure == "cpu_ns" and (process, key.window) in self.told:
                self.dead.add("a process's CPU metrics that its spans tell of already", who)
            else:
                row = RowKey.of(key.window, key.place, key.account, source=key.source, quality="measured")
                self.tally.add(row, key.measure, amount)

    @staticmethod
    def _group(key: _Amount) -> tuple[int, str, str, str, str, str]:
        return key.window, key.account, key.source, key.place.machine, key.place.service, key.measure
