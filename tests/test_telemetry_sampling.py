"""However a tenant's spans are sampled, spans and the rest that the plugin reports are together what its processes used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.telemetry import Record, collect
from telemetry_world import CUMULATIVE, DELTA, HOUR_NS, SECOND, T0, book, metrics, point, span, tenant, traces

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOK = book()
HOURS = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """CPU of one span, ns, in an hour; ``sampled``: whether its trace was sent."""

    hour: int
    operation: str
    cpu_ns: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Process:
    """An instance of a service. ``outside_ns``: CPU outside of spans, by hour. ``plain``: reports its whole CPU as well."""

    service: str
    instance: str
    slices: tuple[Slice, ...]
    outside_ns: tuple[int, ...]
    plain: bool
    temporality: int

    def total(self, hour: int) -> int:
        return self.outside_ns[hour] + sum(done.cpu_ns for done in self.slices if done.hour == hour)

    def attributed(self, hour: int) -> int:
        return sum(done.cpu_ns for done in self.slices if done.hour == hour and done.sampled)


amounts = st.integers(0, 10**12)
slices = st.builds(Slice, st.integers(0, HOURS - 1), st.sampled_from(["GET /", "POST /"]), amounts, st.booleans())
processes = st.builds(
    Process,
    st.sampled_from(["shop", "search"]),
    st.just(""),
    st.lists(slices, max_size=5).map(tuple),
    st.tuples(*[amounts] * HOURS),
    st.booleans(),
    st.sampled_from([CUMULATIVE, DELTA]),
)


@st.composite
def fleets(draw: st.DrawFn) -> list[Process]:
    found = draw(st.lists(processes, min_size=1, max_size=3))
    return [Process(p.service, f"{n}", p.slices, p.outside_ns, p.plain, p.temporality) for n, p in enumerate(found)]


def counter(process: Process, name: str, of_hour: Sequence[int]) -> Record:
    resource = {"service.name": process.service, "service.instance.id": process.instance, "host.name": "h1"}
    points, sofar = [], 0
    for hour, amount in enumerate(of_hour):
        sofar = amount + (sofar if process.temporality == CUMULATIVE else 0)
        since = T0 if process.temporality == CUMULATIVE else T0 + hour * HOUR_NS
        points.append(point(T0 + (hour + 1) * HOUR_NS, sofar, start=since))
    return tenant(metrics(name, points, temporality=process.temporality, resource=resource, unit="ns"), signal="metrics")


def sent(number: int, process: Process) -> list[Record]:
    resource = {"service.name": process.service, "service.instance.id": process.instance, "host.name": "h1"}
    spans = [
        span(
            1000 * (number + 1) + place,
            T0 + done.hour * HOUR_NS + place * SECOND,
            T0 + done.hour * HOUR_NS + (place + 1) * SECOND,
            name=done.operation,
            attributes={"greencloud.cpu.time": done.cpu_ns, "greencloud.quality": "exact"},
        )
        for place, done in enumerate(process.slices)
        if done.sampled
    ]
    attributed = [process.attributed(hour) for hour in range(HOURS)]
    rest = [process.total(hour) - process.attributed(hour) for hour in range(HOURS)]
    records = [
        counter(process, "greencloud.process.cpu.attributed", attributed),
        counter(process, "greencloud.process.cpu.unattributed", rest),
    ]
    if process.plain:
        records.append(counter(process, "process.cpu.time", [process.total(hour) for hour in range(HOURS)]))
    return records + ([tenant(traces(spans, resource))] if spans else [])


@settings(max_examples=150, deadline=None)
@given(fleets(), st.data())
def test_spans_and_the_rest_are_what_the_processes_used_whatever_is_sampled(fleet: list[Process], data: st.DataObject) -> None:
    records = [record for number, process in enumerate(fleet) for record in sent(number, process)]
    again = data.draw(st.lists(st.sampled_from(records), max_size=3), label="sent twice")
    found = collect(data.draw(st.permutations(records + again), label="arrives as"), BOOK).usage.rows.to_pylist()

    for service in {process.service for process in fleet}:
        for hour in range(HOURS):
            start_us = (T0 + hour * HOUR_NS) // 1000
            here = [row for row in found if row["service"] == service and _microseconds(row["window_start"]) == start_us]
            of_service = [process for process in fleet if process.service == service]
            assert sum(row["cpu_ns"] for row in here) == sum(process.total(hour) for process in of_service)
            for operation in ("GET /", "POST /"):
                named = sum(row["cpu_ns"] for row in here if row["operation"] == operation)
                done = [each for process in of_service for each in process.slices if each.hour == hour and each.sampled]
                assert named == sum(each.cpu_ns for each in done if each.operation == operation)


def _microseconds(moment: object) -> int:
    from datetime import UTC, datetime, timedelta

    assert isinstance(moment, datetime)
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
