"""Every name that the conventions and their real senders give to one dimension, with payloads as those senders make them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from greencloud.telemetry import Collected, collect
from telemetry_world import CUMULATIVE, SECOND, T0, book, metrics, pairs, point, provider, tenant

BOOK = book()
Series = tuple[str, str, str, dict[str, Any], float]  # name, unit, instrument, attributes, growth in a second (or level)

HOST = {"host.name": "h1"}
SHOP = {"host.name": "h1", "cloud.account.id": "alice", "service.name": "shop"}


def sent(found: list[Series], resource: dict[str, Any]) -> bytes:
    """Two exports a second apart, as one request: what a sender's instruments give."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs(resource))
    scope = group.scope_metrics.add()
    made: dict[str, Metric] = {}
    for name, unit, instrument, attributes, growth in found:
        metric = made.get(name)
        if metric is None:
            metric = made[name] = scope.metrics.add(name=name, unit=unit)
            if instrument != "gauge":
                metric.sum.aggregation_temporality = CUMULATIVE  # type: ignore[assignment]
                metric.sum.is_monotonic = instrument == "counter"
        holder = metric.gauge if instrument == "gauge" else metric.sum
        for n in (0, 1):
            value = (1 + n) * growth if instrument == "counter" else growth
            holder.data_points.add(**point(T0 + (1 + n) * SECOND, value, attributes=attributes))
    return request.SerializeToString()


def taken(found: list[Series], resource: dict[str, Any]) -> Collected:
    return collect([provider(sent(found, resource))], BOOK)


def row(found: list[Series], resource: dict[str, Any]) -> dict[str, Any]:
    (made,) = taken(found, resource).usage.rows.to_pylist()
    return dict(made)


def reading(found: list[Series], resource: dict[str, Any]) -> dict[str, Any]:
    (made,) = taken(found, resource).usage.readings.to_pylist()
    return dict(made)


PYTHON: list[Series] = [
    *[("system.cpu.time", "s", "counter", {"state": state, "cpu": cpu}, 0.25)
      for cpu in (1, 2) for state in ("idle", "user", "system", "irq")],
    *[("system.memory.usage", "By", "gauge", {"state": state}, 1000) for state in ("used", "free", "cached")],
    *[("system.swap.usage", "pages", "gauge", {"state": state}, 7) for state in ("used", "free")],
    *[("system.disk.io", "By", "counter", {"device": "sda", "direction": way}, 5) for way in ("read", "write")],
    *[("system.network.io", "By", "counter", {"device": "eth0", "direction": way}, 5) for way in ("receive", "transmit")],
]  # fmt: skip
PYTHON_PROCESS: list[Series] = [
    *[("process.cpu.time", "s", "counter", {"type": kind}, 0.25) for kind in ("user", "system")],
    ("process.cpu.utilization", "1", "gauge", {}, 0.5),
    ("process.memory.usage", "By", "level", {}, 1000),
    ("process.memory.virtual", "By", "level", {}, 9000),
    *[("process.disk.io", "By", "counter", {"direction": way}, 10) for way in ("read", "write")],
    *[("process.runtime.cpython.memory", "By", "level", {"type": kind}, 1000) for kind in ("rss", "vms")],
    *[("process.runtime.cpython.cpu_time", "s", "counter", {"type": kind}, 0.25) for kind in ("user", "system")],
]
NODE_OLD: list[Series] = [
    *[("system.cpu.time", "s", "counter", {"system.cpu.state": state, "system.cpu.logical_number": cpu}, 0.25)
      for cpu in (0, 1) for state in ("user", "system", "idle", "interrupt", "nice")],
    *[("system.memory.usage", "By", "gauge", {"system.memory.state": state}, 1000) for state in ("used", "free")],
    *[("system.network.io", "By", "counter", {"system.device": "eth0", "network.io.direction": way}, 5) for way in ("receive",)],
]  # fmt: skip
NODE: list[Series] = [
    (name, unit, instrument, {key.replace("system.cpu.state", "cpu.mode").replace("system.cpu.logical", "cpu.logical"): value
                              for key, value in attributes.items()}, growth)
    for name, unit, instrument, attributes, growth in NODE_OLD
]  # fmt: skip
RECEIVER: list[Series] = [
    *[("system.cpu.time", "s", "counter", {"cpu": f"cpu{cpu}", "state": state}, 0.25)
      for cpu in (0, 1) for state in ("idle", "interrupt", "nice", "softirq", "steal", "system", "user", "wait")],
    *[("system.memory.usage", "By", "level", {"state": state}, 1000)
      for state in ("buffered", "cached", "free", "slab_reclaimable", "used")],
    *[("system.disk.io", "By", "counter", {"device": "sda", "direction": way}, 5) for way in ("read", "write")],
]  # fmt: skip
RECEIVER_PROCESS: list[Series] = [
    *[("process.cpu.time", "s", "counter", {"state": state}, 0.25) for state in ("system", "user", "wait")],
    ("process.memory.usage", "By", "level", {}, 1000),
    ("process.memory.virtual", "By", "level", {}, 5000),
    *[("process.disk.io", "By", "counter", {"direction": way}, 10) for way in ("read", "write")],
]
CONVENTION: list[Series] = [
    *[("system.cpu.time", "s", "counter", {"cpu.mode": mode, "cpu.logical_number": cpu}, 0.25)
      for cpu in (0, 1) for mode in ("user", "system", "idle", "iowait", "steal", "interrupt", "nice")],
    *[("system.memory.usage", "By", "level", {"system.memory.state": state}, 1000) for state in ("used", "free", "cached")],
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "busy_modes"),
    [(CONVENTION, 4), (PYTHON, 3), (NODE_OLD, 4), (NODE, 4), (RECEIVER, 5)],
    ids=["convention", "python", "node-old", "node", "hostmetrics"],
)
def test_a_hosts_cpu_and_memory(found: list[Series], busy_modes: int) -> None:
    made = reading(found, HOST)
    assert (made["busy_cpu_ns"], made["memory_byte_s"]) == (2 * busy_modes * SECOND // 4, 1000)
    assert taken(found, HOST).usage.rows.num_rows == 0  # system.disk.io and system.network.io are the host's and fill no column
    assert taken(found, HOST).dead_letters == ()


@pytest.mark.parametrize("found", [PYTHON_PROCESS, RECEIVER_PROCESS], ids=["python", "hostmetrics"])
def test_a_processs_use_and_its_deprecated_twins_once(found: list[Series]) -> None:
    made = row(found, SHOP)
    assert (made["cpu_ns"], made["memory_byte_s"], made["disk_bytes"]) == (SECOND // 2, 1000, 20)
    assert taken(found, SHOP).dead_letters == ()


def test_a_tenants_python_is_taken_but_not_what_it_says_of_the_host() -> None:
    collected = collect([tenant(sent([*PYTHON, *PYTHON_PROCESS], SHOP), signal="metrics")], BOOK)
    (made,) = collected.usage.rows.to_pylist()
    assert (made["cpu_ns"], made["memory_byte_s"], made["source"]) == (SECOND // 2, 1000, "tenant")
    assert collected.usage.readings.num_rows == 0
    assert [(letter.reason, letter.count) for letter in collected.dead_letters] == [("a tenant may not report meters", 5)]


MODES = ["cpu.mode", "state", "type", "process.cpu.state", "container.cpu.state", "system.cpu.state"]


@pytest.mark.parametrize("key", MODES)
@pytest.mark.parametrize("metric", ["process.cpu.time", "container.cpu.time"])
def test_the_mode_of_cpu_time_under_each_of_its_names(key: str, metric: str) -> None:
    modes = ("user", "system", "kernel", "idle", "iowait", "wait", "steal", "guest", "guest_nice")
    made = row([(metric, "s", "counter", {key: mode}, 1) for mode in modes], SHOP)
    assert made["cpu_ns"] == 3 * SECOND


@pytest.mark.parametrize("direction", ["network.io.direction", "direction", "system.network.direction"])
@pytest.mark.parametrize("device", ["network.interface.name", "interface", "device", "system.device"])
def test_directions_and_interfaces_add_up_under_each_of_their_names(direction: str, device: str) -> None:
    each: list[Series] = [
        ("k8s.pod.network.io", "By", "counter", {device: name, direction: way}, 7)
        for name in ("eth0", "eth1")
        for way in ("receive", "transmit")
    ]
    assert row(each, SHOP)["network_bytes"] == 28
    total: Series = ("k8s.pod.network.io", "By", "counter", {direction: "receive"}, 9)
    assert row([*each, total], SHOP)["network_bytes"] == 9 + 14


@pytest.mark.parametrize("direction", ["disk.io.direction", "direction", "system.disk.direction"])
@pytest.mark.parametrize("device", ["system.device", "device"])
def test_disks_add_up_under_each_of_their_names(direction: str, device: str) -> None:
    each: list[Series] = [
        ("container.disk.io", "By", "counter", {device: name, direction: way}, 7)
        for name in ("a", "b")
        for way in ("read", "write")
    ]
    assert row(each, SHOP)["disk_bytes"] == 28
    assert row([*each, ("container.disk.io", "By", "counter", {direction: "read"}, 9)], SHOP)["disk_bytes"] == 9 + 14


@pytest.mark.parametrize("instrument", ["gauge", "level"])
@pytest.mark.parametrize("family", ["k8s.pod", "container", "process"])
def test_memory_is_a_level_whatever_instrument_tells_it(family: str, instrument: str) -> None:
    assert row([(f"{family}.memory.usage", "By", instrument, {}, 1000)], SHOP)["memory_byte_s"] == 1000


@pytest.mark.parametrize("family", ["k8s.pod", "container"])
def test_memory_usage_goes_before_the_working_set_before_what_is_resident(family: str) -> None:
    kinds = {"usage": 1000, "working_set": 800, "rss": 600}
    found: list[Series] = [(f"{family}.memory.{kind}", "By", "gauge", {}, level) for kind, level in kinds.items()]
    assert row(found, SHOP)["memory_byte_s"] == 1000
    assert row(found[1:], SHOP)["memory_byte_s"] == 800
    assert row(found[2:], SHOP)["memory_byte_s"] == 600
    assert {letter.reason for letter in taken(found, SHOP).dead_letters} == {
        f"{family} metrics that tell again what another one holds already"
    }


def test_a_kubelets_node_stands_in_for_the_host_where_system_metrics_are_absent() -> None:
    node: list[Series] = [
        ("k8s.node.cpu.time", "s", "counter", {}, 0.75),
        ("k8s.node.memory.usage", "By", "gauge", {}, 500),
        ("k8s.node.cpu.usage", "{cpu}", "gauge", {}, 0.75),
    ]
    made = reading(node, {"k8s.node.name": "node-1"})
    assert (made["host"], made["busy_cpu_ns"], made["memory_byte_s"], made["covered_us"]) == ("h1", 3 * SECOND // 4, 500, 1_000_000)
    assert reading([*node, *CONVENTION], {"k8s.node.name": "node-1"})["busy_cpu_ns"] == 2 * SECOND
    collected = collect([tenant(sent(node, {"k8s.node.name": "node-1"}), signal="metrics")], BOOK)
    assert (collected.usage.readings.num_rows, [letter.count for letter in collected.dead_letters]) == (0, [2])


def test_host_power_stands_in_for_energy_and_components_never_add_to_either() -> None:
    parts: list[Series] = [
        ("hw.energy", "J", "counter", {"hw.id": "gpu0", "hw.type": "gpu"}, 50),
        ("hw.power", "W", "gauge", {"hw.id": "gpu0", "hw.type": "gpu"}, 50),
    ]
    energy: Series = ("hw.host.energy", "J", "counter", {}, 100.5)
    power: Series = ("hw.host.power", "W", "gauge", {}, 90)
    assert reading([energy, power, *parts], HOST)["energy_mj"] == 100_500
    assert reading([power, *parts], HOST)["energy_mj"] == 90_000
    assert taken(parts, HOST).usage.readings.num_rows == 0
    assert len(taken(parts, HOST).dead_letters) == 2


@pytest.mark.parametrize(
    ("metric", "unit", "column", "amount"),
    [
        ("process.cpu.time", "", "cpu_ns", 3 * SECOND),
        ("process.cpu.time", "s", "cpu_ns", 3 * SECOND),
        ("process.cpu.time", "ms", "cpu_ns", 3_000_000),
        ("process.cpu.time", "us", "cpu_ns", 3000),
        ("process.cpu.time", "ns", "cpu_ns", 3),
        ("process.disk.io", "", "disk_bytes", 3),
        ("process.disk.io", "By", "disk_bytes", 3),
        ("process.network.io", "KiBy", "network_bytes", 3 << 10),
        ("process.network.io", "MiBy", "network_bytes", 3 << 20),
    ],
)
def test_units_are_scaled_exactly(metric: str, unit: str, column: str, amount: int) -> None:
    assert row([(metric, unit, "counter", {}, 3)], SHOP)[column] == amount


@pytest.mark.parametrize("unit", ["S", "pages", "{cpu}", "1", "minutes"])
def test_units_that_are_not_known_are_refused(unit: str) -> None:
    collected = taken([("process.cpu.time", unit, "counter", {}, 3)], SHOP)
    assert collected.usage.rows.num_rows == 0
    assert [letter.reason for letter in collected.dead_letters] == ["a unit that is not understood"]


def test_histograms_tell_no_amount_and_are_left_alone() -> None:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs(SHOP))
    scope = group.scope_metrics.add()
    for number in range(3):
        metric = scope.metrics.add(name="process.cpu.time", unit="s")
        holder = (metric.exponential_histogram, metric.histogram, metric.summary)[number]
        holder.data_points.add(time_unix_nano=T0 + SECOND, start_time_unix_nano=T0, count=3, sum=5.0)
    collected = collect([provider(request.SerializeToString())], BOOK)
    assert (collected.usage.rows.num_rows, collected.dead_letters) == (0, ())


def test_the_last_point_again_at_shutdown_adds_nothing() -> None:
    # Node's SDK exports once more when it ends.
    points = [point(T0 + n * SECOND, value, start=T0) for n, value in ((1, 2), (2, 3), (2, 3))]
    again = metrics("process.cpu.time", points, unit="s", resource=SHOP)
    (made,) = collect([provider(again), provider(again)], BOOK).usage.rows.to_pylist()
    assert made["cpu_ns"] == 3 * SECOND


def test_faulty_points_are_named_once_a_series_and_the_others_count() -> None:
    points = [
        point(T0 + SECOND, 1.0),
        point(T0 + 2 * SECOND, float("nan")),
        point(T0 + 3 * SECOND, float("inf")),
        point(T0 + 4 * SECOND, -1.0),
        {"time_unix_nano": T0 + 5 * SECOND, "attributes": []},
        point(0, 4.0),
        point(1, 4.0),
        point(T0 + 6 * SECOND, 3.0),
    ]
    collected = collect([provider(metrics("process.cpu.time", points, unit="s", resource=SHOP))], BOOK)
    (made,) = collected.usage.rows.to_pylist()
    assert made["cpu_ns"] == 2 * SECOND
    assert {letter.reason.partition(": ")[2]: letter.count for letter in collected.dead_letters} == {
        "no value": 1,
        "the value is NaN or infinite": 1,
        "a monotonic sum is negative": 1,
        "no time": 1,
        "the time is before 2000 or after 2199": 1,
    }
