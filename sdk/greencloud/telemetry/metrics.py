"""Number points to readings, rows and GPU time: what each point is of is judged once for all points that are alike.

Points are alike when they have the same owner, resource, metric and attributes; their bytes tell, so a kernel numbers the
combinations, and only those are looked at here. A combination belongs to a **series** (the same with texts in canonical order, by
account and not by credential), or its points are left out with a reason. The points are then sorted by series, and hosts
(``hosts``), workloads (``workloads``) and GPUs (``gpus``) count what their series grew by.

Histograms, exponential histograms and summaries are no amounts and are not looked at. Metrics of other names are left out in
silence, except ``hw.energy`` and ``hw.power``, which are of a part of the host: what looks like a meter and is none is told.
What a tenant says of whole hosts is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from greencloud._combinations import combinations
from greencloud._otlp import Metrics, attributes_of
from greencloud._series import Series
from greencloud.facility import Facility
from greencloud.telemetry import semconv
from greencloud.telemetry.admission import POINT_FAULTS, account_fault
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.gpus import Gpu, Gpus
from greencloud.telemetry.hosts import HostMeters, opening_ceiling
from greencloud.telemetry.items import Points
from greencloud.telemetry.meters import METERS, Meter, busy, parts_of, shape_fault, wanted
from greencloud.telemetry.otlp import Attributes, Resource, identity
from greencloud.telemetry.place import Owner, Places
from greencloud.telemetry.senders import Reported
from greencloud.telemetry.series import Line
from greencloud.telemetry.tally import Tally
from greencloud.telemetry.workloads import Sums, Told, Workload, WorkloadRows, Workloads, subject_of

__all__ = ["add_metrics", "sum_metrics", "things_of"]


class _Key(NamedTuple):
    """A series. ``account`` is "" for meters of hosts, whoever sent them."""

    role: str
    account: str
    resource: str
    metric: str
    unit: str
    shape: str
    attributes: str


class _Alike(NamedTuple):
    """What the points of a combination have in common."""

    owner: Owner
    resource: Resource
    metric: str
    unit: str
    shape: str
    attributes: Attributes

    @property
    def named(self) -> str:
        """The account that a point, else its resource, names."""
        named = self.attributes.get(semconv.ACCOUNT_ID) or self.resource.text(semconv.ACCOUNT_ID)
        return named if isinstance(named, str) else ""

    @property
    def host_name(self) -> str:
        return next((name for name in map(self.resource.text, semconv.HOST_KEYS) if name), "(no host.id)")


def add_metrics(  # noqa: PLR0917 - the places to write to are told apart by their types
    metrics: Metrics | Points,
    owners: Sequence[Owner],
    facility: Facility,
    places: Places,
    tally: Tally,
    dead: DeadLetters,
    *,
    told: Told,
) -> None:
    """Add readings and rows of number points; ``told``: processes and windows whose CPU the spans account for already."""
    WorkloadRows(tally, dead, told).book(sum_metrics(metrics, owners, facility, places, tally, dead))


def sum_metrics(  # noqa: PLR0917 - likewise
    metrics: Metrics | Points, owners: Sequence[Owner], facility: Facility, places: Places, tally: Tally, dead: DeadLetters
) -> Sums:
    """Add readings and the rows of GPUs; gives the sums of workloads, of which rows are still to be made."""
    columns = (metrics.owner, metrics.resource, metrics.metric, metrics.attributes)
    fault = metrics.fault
    numbers, firsts, faults = combinations(*columns, fault)
    sorting = _Sorting(columns, metrics.resources, metrics.metrics, metrics.attribute_sets, owners, places, dead)
    series_of = array("i", map(sorting.series_of, firsts, faults))
    series = Series(len(sorting.found), series_of, numbers, fault, metrics.start_ns, metrics.time_ns, metrics.kind, metrics.bits)
    hosts = HostMeters(tally, dead)
    workloads = Workloads(tally.window_ns, dead)
    gpus = Gpus(tally, dead)
    for key, (number, alike) in sorted(sorting.found.items(), key=lambda item: item[0]):
        meter = METERS[key.metric]
        host = places.host(alike.resource)
        place = places.of(alike.resource)
        subject = subject_of(key.metric, alike.attributes, alike.resource, place) if meter.of == "workload" else ()
        line = Line(
            series,
            (number,),
            "level" if meter.level else key.shape,
            meter.scales[key.unit],
            tally.window_ns,
            ceiling=opening_ceiling(meter, facility, host),
            most=int(1 / meter.scales[key.unit]) if meter.of == "gpu" else 0,
            # A tenant's processes may share what their SDK found out before they forked; an agent's view is of one.
            single=meter.of == "host" or (bool(subject) and key.role == "provider"),
        )
        if meter.of == "gpu":
            gpu, task = _gpu_of(alike, place.machine or key.resource)
            gpus.add(gpu, key.account, key.resource, line, place, task=task)
            continue
        reported = Reported(line, key.resource, *parts_of(key.metric, alike.attributes))
        if meter.of == "host":
            assert host is not None, "points of unknown hosts are left out before"
            modelled = "modelled" in (alike.attributes.get(semconv.QUALITY), alike.resource.attributes.get(semconv.QUALITY))
            hosts.add(host, key.metric, reported, modelled=modelled)
        else:
            workloads.add(Workload(key.account, key.role, place, key.metric, meter, subject), reported)
    hosts.book()
    workloads.sum_up()
    gpus.book()
    return workloads.sums


def things_of(metrics: Metrics | Points, owners: Sequence[Owner], places: Places) -> tuple[array[int], list[tuple[str, ...]]]:
    """What the points are of: of each point the number of a combination; of each combination the thing, or () where nobody looks.

    All that is compared before ``sum_metrics`` gives its sums is of one thing: a host, a GPU, or of a workload a metric.
    """
    columns = (metrics.owner, metrics.resource, metrics.metric, metrics.attributes)
    numbers, firsts, _ = combinations(*columns, metrics.fault)
    sorting = _Sorting(columns, metrics.resources, metrics.metrics, metrics.attribute_sets, owners, places, DeadLetters())
    return numbers, [sorting.thing_of(first) for first in firsts]


def _gpu_of(alike: _Alike, machine: str) -> tuple[Gpu, str]:
    rest = {key: value for key, value in alike.attributes.items() if key not in {semconv.GPU_TASK, semconv.ACCOUNT_ID}}
    task = alike.attributes.get(semconv.GPU_TASK, "")
    number = alike.attributes.get(semconv.GPU_ID) or alike.resource.attributes.get(semconv.GPU_ID)
    return Gpu(machine, str(number) if number else identity(rest)), task if isinstance(task, str) else ""


@dataclass(slots=True)
class _Sorting:
    """Finds the series of combinations. ``found``: their numbers, and what their points have in common."""

    columns: tuple[memoryview, memoryview, memoryview, memoryview]  # owner, resource, metric, attributes
    resources: list[bytes]
    metrics: list[tuple[str, str, str, bool]]
    sets: list[bytes]  # of attributes of points
    owners: Sequence[Owner]
    places: Places
    dead: DeadLetters
    found: dict[_Key, tuple[int, _Alike]] = field(default_factory=dict)
    _resources: dict[int, Resource] = field(default_factory=dict)
    _attributes: dict[int, tuple[Attributes, str]] = field(default_factory=dict)

    def series_of(self, first: int, faults: int) -> int:
        """The series of the combination of a point, ``faults`` being those of all its points; -1 if it has none."""
        owner = self.owners[self.columns[0][first]]
        metric, unit, shape, _ = self.metrics[self.columns[2][first]]
        if not wanted(owner.role, metric):
            return -1
        alike, text = self._alike(first)
        account, fault = self._judge(alike, faults)
        if fault:
            reason, _, subject = fault.partition("\n")
            self.dead.add(reason, subject)
            return -1
        if not faults & 1 or not busy(metric, alike.attributes):
            return -1
        key = _Key(owner.role, account, alike.resource.identity, metric, unit, shape, text)
        return self.found.setdefault(key, (len(self.found), alike))[0]

    def thing_of(self, first: int) -> tuple[str, ...]:
        """What the points of a combination are of; () where they are not looked at."""
        alike, _ = self._alike(first)
        role, account = alike.owner
        meter = METERS.get(alike.metric)
        if not wanted(role, alike.metric):
            return ()
        if meter is None:
            return ("",)  # refused, wherever it is
        if meter.of == "host":
            host = self.places.host(alike.resource)
            return ("host", host.site, host.id) if host else ("host",)
        place = self.places.of(alike.resource)
        if meter.of == "gpu":
            return "gpu", *_gpu_of(alike, place.machine or alike.resource.identity)[0]
        subject = subject_of(alike.metric, alike.attributes, alike.resource, place) or ("", alike.resource.identity)
        return role, alike.named if role == "provider" else account, alike.metric, *subject

    def _alike(self, first: int) -> tuple[_Alike, str]:
        metric, unit, shape, _ = self.metrics[self.columns[2][first]]
        attributes, text = self._attributes_of(self.columns[3][first])
        owner, resource = self.owners[self.columns[0][first]], self._resource_of(self.columns[1][first])
        return _Alike(owner, resource, metric, unit, shape, attributes), text

    def _judge(self, alike: _Alike, faults: int) -> tuple[str, str]:
        """Whose the points are; or why they are left out, as reason and subject on two lines."""
        role, account = alike.owner
        metric = alike.metric
        meter = METERS.get(metric)
        if role == "tenant" and (meter is None or meter.of != "workload"):
            return "", f"a tenant may not report meters\naccount {account}, {metric}"
        if meter is None:
            return "", f"{metric} is of a part of the host, which hw.host.energy holds already\n{alike.host_name}"
        account = alike.named if role == "provider" else account
        for code, fault in POINT_FAULTS.items():
            if faults >> code & 1:
                who = account or alike.host_name
                self.dead.add(f"data points cannot be counted: {fault}", f"{metric} of {who}")
        if fault := shape_fault(meter, alike.shape):
            return "", f"a metric of the wrong kind: {fault}\n{metric}"
        if alike.unit not in meter.scales:
            return "", f"a unit that is not understood\n{metric} in {alike.unit[:32]!r}"
        if busy(metric, alike.attributes) is None:
            return "", f"a metric that does not say which state it counts\n{metric}, {alike.host_name}"
        return self._owner(alike, meter, account)

    def _owner(self, alike: _Alike, meter: Meter, account: str) -> tuple[str, str]:
        if meter.of == "host":
            return "", "" if self.places.host(alike.resource) else f"unknown host\n{alike.host_name}"
        if account_fault(account):
            return "", f"a workload without an account\n{alike.metric}, {alike.host_name}"
        if not self.places.of(alike.resource).site:
            return "", f"no site\naccount {account}, {alike.metric}: no known host and the book has no default site"
        return account, ""

    def _resource_of(self, number: int) -> Resource:
        found = self._resources.get(number)
        if found is None:
            attributes = attributes_of(self.resources[number])
            found = self._resources[number] = Resource(attributes, identity(attributes))
        return found

    def _attributes_of(self, number: int) -> tuple[Attributes, str]:
        found = self._attributes.get(number)
        if found is None:
            attributes = attributes_of(self.sets[number])
            found = self._attributes[number] = (attributes, identity(attributes))
        return found
