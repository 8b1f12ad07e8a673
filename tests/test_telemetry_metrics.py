"""Counters telescope, the same meter and the same CPU count once, and hosts get readings."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource as SdkResource

from greencloud.telemetry import Collected, Record, admit, collect
from greencloud.telemetry.growth import Number, growth_of_cumulative, growth_of_level
from greencloud.usage import READINGS
from telemetry_world import CUMULATIVE, DELTA, HOUR_NS, SECOND, T0, book, metrics, point, provider, tenant

BOOK = book()
WORKLOAD = {"service.name": "shop", "host.name": "h1", "cloud.account.id": "alice"}


def readings(*payloads: bytes) -> list[dict[str, Any]]:
    table = collect([provider(payload) for payload in payloads], BOOK).usage.readings
    assert table.schema == READINGS
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def rows(*payloads: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collect([provider(payload) for payload in payloads], BOOK).usage.rows.to_pylist()
    return found


def reasons(*payloads: bytes) -> dict[str, int]:
    return {letter.reason: letter.count for letter in collect([provider(p) for p in payloads], BOOK).dead_letters}


def number(time: int, value: float, start: int = 0) -> Number:
    return Number(time, start, value)


def grown(points: list[Number], scale: int = 1) -> list[tuple[int, int, int]]:
    return [(delta.start_ns, delta.end_ns, delta.amount) for delta in growth_of_cumulative(points, Fraction(scale)).deltas]


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=12), st.data())
@settings(max_examples=100)
def test_growth_of_a_counter_is_last_minus_first_in_whatever_order_and_however_often_it_is_sent(
    values: list[float], data: st.DataObject
) -> None:
    values.sort()
    points = [number(10 * n, value) for n, value in enumerate(values, 1)]
    sent = data.draw(st.permutations(points + data.draw(st.lists(st.sampled_from(points), max_size=5))))
    deltas = grown(sent, 10**9)
    assert sum(amount for _, _, amount in deltas) == round(Fraction(values[-1]) * 10**9) - round(Fraction(values[0]) * 10**9)
    kept = [points[0], *data.draw(st.lists(st.sampled_from(points))), points[-1]]
    assert sum(amount for _, _, amount in grown(kept, 10**9)) == sum(amount for _, _, amount in deltas)


@given(st.lists(st.tuples(st.integers(1, 3600), st.floats(0, 1e6)), min_size=2, max_size=10))
@settings(max_examples=60)
def test_a_level_held_over_time_stays_within_one_unit_of_the_exact_integral(steps: list[tuple[int, float]]) -> None:
    time = 0
    points = []
    exact = Fraction(0)
    for index, (step, value) in enumerate(steps):
        points.append(number(time * SECOND + 1, value))
        if index + 1 < len(steps):
            exact += Fraction(value) * step
        time += step
    growth = growth_of_level(points, Fraction(1, SECOND))
    assert abs(sum(delta.amount for delta in growth.deltas) - exact) <= 1


def test_the_first_point_counts_only_where_its_start_is_known() -> None:
    assert grown([number(20, 5)]) == []
    assert grown([number(20, 5, start=20)]) == []
    assert grown([number(20, 5, start=30)]) == []
    assert grown([number(20, 5, start=10), number(30, 7, start=10)]) == [(10, 20, 5), (20, 30, 2)]


def test_a_later_start_or_a_fall_begins_again_from_zero() -> None:
    assert grown([number(20, 5, start=10), number(40, 7, start=30)]) == [(10, 20, 5), (30, 40, 7)]
    assert grown([number(20, 5), number(30, 2), number(40, 4)]) == [(20, 30, 2), (30, 40, 2)]


def test_a_start_that_jitters_is_one_counter_and_processes_that_share_a_name_are_several() -> None:
    jitter = [number(20, 5, start=10), number(30, 7, start=12), number(40, 9, start=11)]
    assert sum(amount for _, _, amount in grown(jitter)) == 9
    shared = [number(20, 50, start=10), number(21, 3, start=12), number(40, 60, start=10), number(41, 4, start=12)]
    assert sum(amount for _, _, amount in grown(shared)) == 64


def test_contradicting_points_of_one_time_leave_the_smaller_and_are_named() -> None:
    growth = growth_of_cumulative([number(10, 0), number(20, 9), number(20, 5)], Fraction(1))
    assert [delta.amount for delta in growth.deltas] == [5]
    assert len(growth.faults) == 1


def test_a_counter_older_than_its_start_is_counted_from_its_first_point_on() -> None:
    # Some SDKs give their own start to what the kernel has counted since boot.
    since_boot = metrics("hw.host.energy", [point(T0 + SECOND, 10**6, start=T0), point(T0 + 2 * SECOND, 10**6 + 3, start=T0)])
    (reading,) = readings(since_boot)
    assert reading["energy_mj"] == 3000
    assert len(reasons(since_boot)) == 1


def test_energy_of_a_host_covers_the_time_between_its_points() -> None:
    energy = metrics("hw.host.energy", [point(T0, 10.0), point(T0 + 1800 * SECOND, 110.5)], unit="J")
    assert readings(energy) == [
        {
            "window_start": readings(energy)[0]["window_start"],
            "window_s": 3600,
            "site": "dc1",
            "host": "h1",
            "energy_mj": 100_500,
            "covered_us": 1_800_000_000,
            "busy_cpu_ns": None,
            "memory_byte_s": None,
            "quality": "measured",
        }
    ]


@pytest.mark.parametrize("on_resource", [True, False])
def test_modelled_energy_is_flagged(on_resource: bool) -> None:
    flag = {"greencloud.quality": "modelled"}
    points = [point(T0 + n * SECOND, n, attributes={} if on_resource else flag) for n in (0, 1)]
    energy = metrics("hw.host.energy", points, resource={"host.name": "h1", **(flag if on_resource else {})})
    assert [reading["quality"] for reading in readings(energy)] == ["modelled"]


def test_power_is_integrated_only_in_windows_without_energy() -> None:
    power = metrics("hw.host.power", [point(T0 + n * 1800 * SECOND, 100) for n in range(5)], unit="W", gauge=True)
    assert [(r["energy_mj"], r["covered_us"]) for r in readings(power)] == [(360_000_000, 3_600_000_000)] * 2
    energy = metrics("hw.host.energy", [point(T0, 0), point(T0 + HOUR_NS, 5)], unit="J")
    assert [r["energy_mj"] for r in readings(power, energy)] == [5000, 360_000_000]


def test_a_level_is_not_held_over_more_than_an_hour_of_silence() -> None:
    power = metrics("hw.host.power", [point(T0, 100), point(T0 + HOUR_NS + 1, 100)], gauge=True)
    assert readings(power) == []
    assert reasons(power) == {"a level was not reported for more than an hour": 1}


@pytest.mark.parametrize("key", ["cpu.mode", "state", "type"])
def test_busy_cpu_is_the_sum_over_cpus_of_all_modes_but_idle_and_waiting(key: str) -> None:
    found = [
        metrics(
            "system.cpu.time",
            [point(T0 + n * SECOND, n * 1.25, attributes={key: mode, "cpu": cpu}) for n in (0, 1)],
            unit="s",
        )
        for mode in ("user", "system", "nice", "idle", "iowait", "steal", "guest")
        for cpu in (1, 2)
    ]
    (reading,) = readings(*found)
    assert (reading["busy_cpu_ns"], reading["energy_mj"], reading["covered_us"]) == (7_500_000_000, None, 1_000_000)


def test_memory_in_use_is_held_until_the_next_point() -> None:
    memory = metrics(
        "system.memory.usage",
        [point(T0, 1000, attributes={"state": state}) for state in ("used", "free")]
        + [point(T0 + 10 * SECOND, 5000, attributes={"state": state}) for state in ("used", "free")],
        unit="By",
        gauge=True,
    )
    (reading,) = readings(memory)
    assert reading["memory_byte_s"] == 10_000


def test_component_energy_is_never_added_to_the_hosts() -> None:
    host = metrics("hw.host.energy", [point(T0, 0), point(T0 + SECOND, 5)])
    parts = metrics("hw.energy", [point(T0, 0), point(T0 + SECOND, 4)])
    assert readings(host, parts) == readings(host)
    assert len(reasons(parts)) == 1


def test_one_meter_reported_by_two_agents_counts_once() -> None:
    agents = [
        metrics("hw.host.energy", [point(T0 + n * SECOND, 5 * n) for n in range(4)], resource={"host.name": "h1", "agent": agent})
        for agent in ("a", "b")
    ]
    (reading,) = readings(*agents)
    assert reading["energy_mj"] == 15_000
    assert reasons(*agents) == {"a meter that another sender reported for the same time": 1}


def test_an_agent_that_restarts_goes_on_where_it_left_off() -> None:
    first = metrics("hw.host.energy", [point(T0, 0), point(T0 + SECOND, 5)], resource={"host.name": "h1", "agent": "b"})
    again = [point(T0 + 2 * SECOND, 1, start=T0 + SECOND), point(T0 + 3 * SECOND, 2, start=T0 + SECOND)]
    second = metrics("hw.host.energy", again, resource={"host.name": "h1", "agent": "a"})
    assert [reading["energy_mj"] for reading in readings(first, second)] == [5000 + 1000 + 1000]


def test_a_host_that_the_book_does_not_list_gets_no_reading_and_is_named() -> None:
    collected = collect([provider(metrics("hw.host.energy", [point(T0, 1)], resource={"host.name": "h9"}))], BOOK)
    assert collected.usage.readings.num_rows == 0
    assert [(d.reason, d.example) for d in collected.dead_letters] == [("unknown host", "h9")]


@pytest.mark.parametrize("name", ["hw.host.energy", "system.cpu.time", "hw.host.power", "system.filesystem.usage"])
def test_a_tenant_may_not_report_meters(name: str) -> None:
    collected = collect([tenant(metrics(name, [point(T0, 0), point(T0 + SECOND, 1)]), signal="metrics")], BOOK)
    assert (collected.usage.readings.num_rows, collected.usage.rows.num_rows) == (0, 0)
    assert [letter.reason for letter in collected.dead_letters] == ["a tenant may not report meters"]


def used(name: str, value: int, **resource: str) -> bytes:
    return metrics(name, [point(T0, 0), point(T0 + SECOND, value)], unit="s", resource={**WORKLOAD, **resource})


def test_workload_metrics_become_rows_of_the_provider_for_the_account_named() -> None:
    memory = metrics("process.memory.usage", [point(T0, 8), point(T0 + SECOND, 8)], gauge=True, resource=WORKLOAD)
    disk = [point(T0 + n * SECOND, 100 * n, attributes={"disk.io.direction": way}) for way in ("read", "write") for n in (0, 1)]
    network = metrics("process.network.io", [point(T0 + SECOND, 7, start=T0)], unit="By", temporality=DELTA, resource=WORKLOAD)
    (row,) = rows(used("process.cpu.time", 3), memory, metrics("process.disk.io", disk, resource=WORKLOAD), network)
    assert (row["account"], row["source"], row["quality"], row["operation"]) == ("alice", "provider", "measured", "")
    assert (row["cpu_ns"], row["memory_byte_s"], row["disk_bytes"], row["network_bytes"]) == (3 * SECOND, 8, 200, 7)
    assert (row["gpu_ns"], row["count"]) == (0, 0)


def test_the_account_of_a_point_goes_before_its_resources() -> None:
    points = [point(T0 + n * SECOND, n, attributes={"cloud.account.id": "bob"}) for n in (0, 1)]
    assert [row["account"] for row in rows(metrics("container.cpu.time", points, resource=WORKLOAD))] == ["bob"]


def test_the_widest_family_counts_and_the_rest_are_named() -> None:
    found = [used("process.cpu.time", 3), used("container.cpu.time", 4), used("k8s.pod.cpu.time", 5)]
    assert [row["cpu_ns"] for row in rows(*found)] == [5 * SECOND]
    assert [row["cpu_ns"] for row in rows(*found[:2])] == [4 * SECOND]
    assert sum(reasons(*found).values()) == 2


def test_families_of_other_services_or_machines_do_not_hide_each_other() -> None:
    found = [used("process.cpu.time", 3), used("container.cpu.time", 4, **{"service.name": "stock"})]
    assert sum(row["cpu_ns"] for row in rows(*found)) == 7 * SECOND
    unlisted = [used("process.cpu.time", 3, **{"host.name": "x"}), used("container.cpu.time", 4, **{"host.name": "y"})]
    assert sum(row["cpu_ns"] for row in rows(*unlisted)) == 7 * SECOND


def test_a_delta_sent_twice_counts_once() -> None:
    sent = metrics("process.cpu.time", [point(T0 + SECOND, 2, start=T0)] * 2, temporality=DELTA, resource=WORKLOAD)
    assert [row["cpu_ns"] for row in rows(sent, sent)] == [2 * SECOND]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (metrics("process.cpu.time", [point(T0, 1)], unit="furlong", resource=WORKLOAD), "unit"),
        (metrics("process.cpu.time", [point(T0, 1)], gauge=True, resource=WORKLOAD), "wrong kind"),
        (metrics("process.memory.usage", [point(T0, 1)], temporality=DELTA, resource=WORKLOAD), "wrong kind"),
        (metrics("process.cpu.time", [point(T0, 1)], temporality=0, resource=WORKLOAD), "wrong kind"),
        (metrics("process.cpu.time", [point(T0, 1)], resource={"host.name": "h1"}), "without an account"),
        (metrics("system.cpu.time", [point(T0, 1)]), "which state"),
    ],
)
def test_what_cannot_be_counted_is_a_dead_letter(payload: bytes, reason: str) -> None:
    assert [True for found in reasons(payload) if reason in found] == [True]
    assert rows(payload) == []


def test_metrics_of_the_real_sdk_are_understood() -> None:
    reader = InMemoryMetricReader()
    sdk = MeterProvider(metric_readers=[reader], resource=SdkResource.create(WORKLOAD))
    counter = sdk.get_meter("test").create_counter("process.cpu.time", unit="s")
    payloads = []
    for _ in range(2):
        counter.add(0.25, {"cpu.mode": "user"})
        data = reader.get_metrics_data()
        assert data is not None
        payloads.append(encode_metrics(data).SerializeToString())
    sdk.shutdown()
    found: list[Record] = []
    for payload in payloads:
        admission = admit("metrics", payload, role="provider", account="")
        assert (admission.rejected, admission.message) == (0, "")
        found.append(provider(payload))
    collected: Collected = collect(found, BOOK)
    total = sum(row["cpu_ns"] for row in collected.usage.rows.to_pylist())
    # The first point is refused where the test machine took less than 0.25 s / 8 CPUs since the counter's start.
    assert total in {250_000_000, 500_000_000}
    assert CUMULATIVE == 2


def test_growth_between_points_goes_before_a_new_senders_whole_past() -> None:
    known = metrics("hw.host.energy", [point(T0 + n * SECOND, 2 * n) for n in range(3)], resource={"host.name": "h1", "agent": "b"})
    past = [point(T0 + 2 * SECOND, 100, start=T0), point(T0 + 3 * SECOND, 101, start=T0)]
    changed = metrics("hw.host.energy", past, resource={"host.name": "h1", "agent": "a"})
    assert [reading["energy_mj"] for reading in readings(known, changed)] == [4000 + 1000]


def test_a_point_flagged_as_without_a_value_is_no_reset() -> None:
    gap = {"time_unix_nano": T0 + SECOND, "as_int": 0, "flags": 1}
    (reading,) = readings(metrics("hw.host.energy", [point(T0, 5), gap, point(T0 + 2 * SECOND, 7)]))
    assert (reading["energy_mj"], reading["covered_us"]) == (2000, 2_000_000)


def test_a_delta_without_a_start_begins_at_the_point_before() -> None:
    sent = metrics("hw.host.energy", [point(T0 + n * SECOND, 3) for n in (10, 20, 30)], unit="J", temporality=DELTA)
    (reading,) = readings(sent)
    assert (reading["energy_mj"], reading["covered_us"]) == (6000, 20_000_000)
    assert [True for found in reasons(sent) if "without the time" in found] == [True]


def test_a_meter_whose_only_amount_has_no_time_gives_no_reading() -> None:
    assert readings(metrics("hw.host.energy", [point(T0 + SECOND, 3)], unit="J", temporality=DELTA)) == []


def test_a_reading_that_ends_less_than_a_microsecond_after_a_boundary_covers_something() -> None:
    end = T0 + HOUR_NS + 300
    found = readings(metrics("hw.host.energy", [point(end, 360_000, start=T0)], unit="J"))
    assert [(reading["energy_mj"], reading["covered_us"]) for reading in found] == [(359_999_999, 3_600_000_000), (1, 1)]
