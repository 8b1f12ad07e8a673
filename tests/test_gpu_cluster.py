"""The GPU cluster, converted and allocated, against what its published files say, computed again here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import greencloud
from example_scripts import DATA, csv_rows, example, needs, published
from greencloud.facility import read_facility
from greencloud.units import parse_instant

pytestmark = needs("gpu_cluster")

DAY = 139  # the day with most requested GPU time
START, END = DAY * 86_400, (DAY + 1) * 86_400
WATTS = {
    "V100M16": (35, 306),
    "V100M32": (35, 306),
    "G2": (35, 306),
    "G3": (35, 306),
    "P100": (36, 306),
    "T4": (8, 71),
    "A10": (18, 153),
}
CPU_WATTS = Fraction("0.6389493581523519"), Fraction("3.9673047343937564")
PUE = Fraction("1.2")
MJ_PER_KWH = 3_600_000_000


@dataclass(frozen=True)
class Held:
    """A pod's hold on its node within the day."""

    account: str
    host: str
    seconds: int
    cpu_milli: int
    memory_mib: int
    gpu_milli: int


def held() -> Iterator[Held]:
    host_of = {row["pod"]: row["node"] for row in published("gpu_cluster/placement_derived.csv.gz")}
    for row in published("gpu_cluster/pods.csv.gz"):
        if row["scheduled_time"]:
            seconds = min(END, int(row["deletion_time"])) - max(START, int(row["scheduled_time"]))
            if seconds > 0:
                gpu_milli = int(row["num_gpu"]) * int(row["gpu_milli"] or 0)
                yield Held(row["qos"], host_of[row["name"]], seconds, int(row["cpu_milli"]), int(row["memory_mib"]), gpu_milli)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu_cluster")
    convert(out)
    return out


def convert(out: Path, *options: str) -> None:
    example("gpu_cluster").main([str(DATA / "gpu_cluster"), str(out), "--nodes", "used", *options])


def test_the_usage_is_what_the_pods_request_while_they_run(converted: Path) -> None:
    usage = pq.read_table(converted / "usage.parquet")
    pods = list(held())

    assert pc.sum(usage["cpu_ns"]).as_py() == sum(pod.cpu_milli * pod.seconds for pod in pods) * 10**6
    assert pc.sum(usage["memory_byte_s"]).as_py() == sum(pod.memory_mib * pod.seconds for pod in pods) * 2**20
    assert pc.sum(usage["gpu_ns"]).as_py() == sum(pod.gpu_milli * pod.seconds for pod in pods) * 10**6
    assert set(usage["quality"].to_pylist()) == {"estimated"}
    assert set(usage["source"].to_pylist()) == {"provider"}
    by_account: dict[str, int] = defaultdict(int)
    for pod in pods:
        by_account[pod.account] += pod.cpu_milli * pod.seconds * 10**6
    found = usage.group_by("account").aggregate([("cpu_ns", "sum")]).to_pylist()
    assert {row["account"]: row["cpu_ns_sum"] for row in found} == by_account


def test_the_day_is_the_one_with_most_requested_gpu_time(converted: Path) -> None:
    usage = pq.read_table(converted / "usage.parquet")

    # 1,184 GPU hours and 14,528 core hours, on 2023-05-20 where the trace begins with the year.
    assert pc.sum(usage["gpu_ns"]).as_py() / 3.6e12 == pytest.approx(1183.885, abs=1e-3)
    assert pc.sum(usage["cpu_ns"]).as_py() / 3.6e12 == pytest.approx(14528.169, abs=1e-3)
    assert pc.min(usage["window_start"]).as_py().isoformat() == "2023-05-20T00:00:00+00:00"


def test_no_host_carries_more_than_it_has(converted: Path) -> None:
    hosts = {row["id"]: row for row in csv_rows(converted / "hosts.csv")}
    usage = pq.read_table(converted / "usage.parquet").group_by(["window_start", "host"])
    for row in usage.aggregate([("cpu_ns", "sum"), ("gpu_ns", "sum")]).to_pylist():
        host = hosts[row["host"]]
        assert row["cpu_ns_sum"] <= int(host["vcpu"]) * 300 * 10**9
        assert row["gpu_ns_sum"] <= int(host["gpus"]) * 300 * 10**9


def test_reservations_are_the_same_requests_hour_by_hour(converted: Path) -> None:
    core_hours = gpu_hours = Fraction(0)
    for row in csv_rows(converted / "reservations.csv"):
        hours = Fraction(int((parse_instant(row["end"]) - parse_instant(row["start"])).total_seconds()), 3600)
        core_hours += Fraction(row["vcpu"]) * hours
        gpu_hours += Fraction(row["gpus"]) * hours

    assert core_hours == Fraction(sum(pod.cpu_milli * pod.seconds for pod in held()), 3_600_000)
    assert gpu_hours == Fraction(sum(pod.gpu_milli * pod.seconds for pod in held()), 3_600_000)


def test_converting_again_gives_the_same_bytes(converted: Path, tmp_path: Path) -> None:
    convert(tmp_path)

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert digests(tmp_path) == digests(converted)


def test_the_whole_cluster_is_in_the_book(tmp_path: Path) -> None:
    convert(tmp_path, "--nodes", "all", "--slice", "3600")
    facility = read_facility(tmp_path / "facility.toml")

    nodes = published("gpu_cluster/nodes.csv.gz")
    assert len(facility.hosts) == len(nodes) == 1523
    assert sum(host.vcpu for host in facility.hosts.values()) == Fraction(sum(int(node["cpu_milli"]) for node in nodes), 1000)
    assert sum(host.gpus for host in facility.hosts.values()) == sum(int(node["gpu"]) for node in nodes) == 6212


def test_energy_is_conserved_and_is_what_the_requests_draw(converted: Path) -> None:
    """Curves are lines, so that a day's dynamic energy is in proportion to the core and GPU hours of the day."""
    facility = read_facility(converted / "facility.toml")
    allocation = greencloud.allocate(facility, greencloud.read_usage(converted / "usage.parquet"))
    rows = allocation.postings.group_by("component").aggregate([("energy_mj", "sum"), ("scope2_location_ug", "sum")]).to_pylist()
    energy = {row["component"]: row["energy_mj_sum"] for row in rows}

    nodes = {row["sn"]: row for row in published("gpu_cluster/nodes.csv.gz")}
    used = {row["node"] for row in published("gpu_cluster/placement_derived.csv.gz")}
    idle = sum(
        (Fraction(int(nodes[sn]["cpu_milli"]), 1000) * CPU_WATTS[0] + int(nodes[sn]["gpu"]) * idle_watts(nodes[sn]["model"]))
        * 86_400_000
        for sn in used
    )
    dynamic = sum(
        Fraction(pod.cpu_milli * pod.seconds) * (CPU_WATTS[1] - CPU_WATTS[0])
        + pod.gpu_milli * pod.seconds * dynamic_watts(nodes[pod.host]["model"])
        for pod in held()
    )
    rounding = len(used) * 24
    assert len(used) == 73
    assert abs(energy["idle"] + energy["unsold"] - idle) <= rounding
    assert abs(energy["dynamic"] - dynamic) <= rounding
    assert abs(sum(energy.values()) - PUE * (idle + dynamic)) <= 2 * rounding
    assert sum(energy.values()) == sum(window.totals["energy_mj"] for window in allocation.windows)


def idle_watts(model: str) -> int:
    return WATTS[model][0] if model else 0


def dynamic_watts(model: str) -> int:
    return WATTS[model][1] - WATTS[model][0] if model else 0
