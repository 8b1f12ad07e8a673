"""Metrics of pods, containers and processes to rows.

A pod's CPU holds its containers', which hold their processes', so of the families that one account's service reports on one machine
in one window only the widest counts, for each measure; of memory, ``usage`` goes before ``working_set`` before ``rss``. From the
provider's agents they are rows of source "provider". A tenant's own are rows of source "tenant" without an operation, except CPU
in a window in which the same process sent spans: the same CPU counts once, and the spans say for what. What greencloud-otel says
that no span of a tenant's process tells then counts beside its spans, so that sampling loses nothing; where there are no spans the
process's whole CPU counts, and where that is not reported either, the rest. One process's rest is in no other's whole.

**Whose report.** A process is known by its id on a machine within its container, with its service and instance; a container by its
id; a pod by its uid. What is known so counts once at a time, however many agents tell of it. What is not cannot be told from
another like it, and each sender's report counts.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from greencloud.telemetry import semconv
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.meters import REST, Meter
from greencloud.telemetry.otlp import Attributes, Resource
from greencloud.telemetry.place import Place, Process
from greencloud.telemetry.senders import Kept, Reported, one_at_a_time
from greencloud.telemetry.split import split
from greencloud.telemetry.tally import RowKey, Tally

__all__ = ["Sums", "Told", "Use", "Workload", "WorkloadRows", "Workloads", "subject_of"]

_OF_PROCESS: Final = 3 * semconv.FAMILIES.index("process")

Told = Container[tuple[tuple[str, str, str], int]]


class Workload(NamedTuple):
    """What a series of a workload's metric is of. ``subject``: the one thing that it meters, () where that is not known."""

    account: str
    source: str
    place: Place
    metric: str
    meter: Meter
    subject: tuple[str, ...]


class Use(NamedTuple):
    """What the amounts of a workload are summed by, before the families that hold each other are told apart."""

    account: str
    source: str
    place: Place
    measure: str
    rank: int

    @property
    def group(self) -> tuple[str, ...]:
        """Within it, the lowest rank holds the others."""
        return self.account, self.source, self.place.machine, self.place.service, self.measure


Sums = dict[Use, dict[int, int]]


def subject_of(metric: str, attributes: Attributes, resource: Resource, place: Place) -> tuple[str, ...]:
    """What there is only one of; () where it cannot be told safely."""

    def text(key: str) -> str:
        value = attributes.get(key, resource.attributes.get(key, ""))
        return str(value) if isinstance(value, str | int) else ""

    pod = text(semconv.K8S_POD_UID)
    if not pod and text(semconv.K8S_POD_NAME):
        pod = "/".join(text(key) for key in (semconv.K8S_CLUSTER_NAME, semconv.K8S_NAMESPACE_NAME, semconv.K8S_POD_NAME))
    container = text(semconv.CONTAINER_ID)
    if metric.startswith("k8s.pod."):
        return ("pod", pod) if pod else ()
    if metric.startswith("container."):
        name = text(semconv.K8S_CONTAINER_NAME)
        return ("container", container) if container else ("container", pod, name) if pod and name else ()
    # Within a container a process id says nothing of the machine's, and host.name may be the container's own.
    own = text("host.name")
    own = "" if own == place.machine or not place.host or text("host.id") else own
    pid = text(semconv.PROCESS_PID)
    known = text("host.id") or text("host.name") or pod or container or place.instance
    if not (pid and place.machine and known):
        return ()
    return "process", pid, place.machine, own, pod, container, place.service, place.instance


@dataclass(slots=True)
class _Ranks:
    """What tells of one group in one window: the lowest rank of each process's own metrics, and under "" of those that hold others
    or that do not say of which process they are.
    """

    _lowest: dict[str, int] = field(default_factory=dict)

    def add(self, use: Use) -> None:
        instance = use.place.instance if use.rank >= _OF_PROCESS else ""
        self._lowest[instance] = min(self._lowest.get(instance, use.rank), use.rank)

    def widest(self, use: Use) -> int:
        """The lowest rank of what may hold what ``use`` tells. A process's rest is in its own whole and in no other process's."""
        instance = use.place.instance
        if use.rank < REST or not instance:
            return min(self._lowest.values())
        return min(self._lowest.get(name, use.rank) for name in ("", instance))


@dataclass(slots=True)
class Workloads:
    """Sums up what the senders of each thing tell. ``sums``: amounts by use and window."""

    window_ns: int
    dead: DeadLetters
    sums: Sums = field(default_factory=dict)
    _found: dict[tuple[str, ...], list[tuple[Workload, Reported]]] = field(default_factory=dict)

    def add(self, workload: Workload, reported: Reported) -> None:
        thing = workload.subject or ("", reported.sender)
        key = (workload.source, workload.account, workload.metric, *thing)
        self._found.setdefault(key, []).append((workload, reported))

    def sum_up(self) -> None:
        for found in self._found.values():
            of_line = {reported.line: workload for workload, reported in found}
            for kept in one_at_a_time(reported for _, reported in found):
                self._sum(of_line[kept.reported.line], kept)
        self._found.clear()

    def _sum(self, workload: Workload, kept: Kept) -> None:
        place, meter = workload.place, workload.meter
        who = f"{workload.metric} of account {workload.account}, service {place.service}"
        for fault in kept.grown.faults:
            self.dead.add(fault, f"{workload.metric} of {workload.account}")
        if kept.beside:
            self.dead.add("a workload that another sender reported for the same time", who)
        if kept.within:
            self.dead.add("parts of a metric that its total holds already", who)
        sums = self.sums.setdefault(Use(workload.account, workload.source, place, meter.measure, meter.rank), {})
        for window, amount in kept.grown.windows:
            sums[window] = sums.get(window, 0) + amount
        for delta in kept.grown.apart:
            for window, amount in split(delta.amount, delta.start_ns, delta.end_ns, self.window_ns):
                sums[window] = sums.get(window, 0) + amount


@dataclass(slots=True)
class WorkloadRows:
    """Makes rows of sums, once all that may hold each other are there: those of an account's service in a window."""

    tally: Tally
    dead: DeadLetters
    told: Told

    def book(self, found: Sums) -> None:
        seen: dict[tuple[str, ...], dict[int, _Ranks]] = {}
        for use, sums in found.items():
            windows = seen.setdefault(use.group, {})
            for window in sums:
                if not self._told_by_spans(use, window):
                    windows.setdefault(window, _Ranks()).add(use)
        for use, sums in found.items():
            self._book(use, sums, seen.get(use.group, {}))

    def _told_by_spans(self, use: Use, window: int) -> bool:
        """Whether spans of the same process tell what these metrics tell."""
        if use.source != "tenant" or use.measure != "cpu_ns" or use.rank == REST:
            return False
        return (Process(use.account, use.place.service, use.place.instance), window) in self.told

    def _book(self, use: Use, sums: dict[int, int], seen: dict[int, _Ranks]) -> None:
        who = f"account {use.account}, service {use.place.service}"
        row = RowKey.of(0, use.place, use.account, source=use.source, quality="measured")
        for window, amount in sums.items():
            if self._told_by_spans(use, window):
                self.dead.add("a process's CPU metrics that its spans tell of already", who)
                continue
            widest = seen[window].widest(use)
            if use.rank == REST and (use.source != "tenant" or use.rank > widest):
                pass  # the plugin reports it always: it is no news that something wider is there
            elif use.rank > widest:
                family = semconv.FAMILIES[use.rank // 3]
                wider = "a wider one holds" if use.rank // 3 > widest // 3 else "tell again what another one holds"
                self.dead.add(f"{family} metrics that {wider} already", f"{who}: {use.measure}")
            else:
                self.tally.add(row._replace(window=window), use.measure, amount)
