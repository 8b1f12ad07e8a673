"""The requests of the GPU service, converted and allocated, against what the published file says, computed again here."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import greencloud
from example_scripts import DATA, csv_rows, example, needs, published
from greencloud.facility import POOL_UNSOLD, read_facility

pytestmark = needs("gpu_serving")

DAY = "2024-12-05"  # the day with most execution time
GPU_IDLE, GPU_FULL = 18, 153
HOSTS, GPUS = 3, 24


def convert(out: Path, *options: str) -> None:
    example("gpu_serving").main([str(DATA / "gpu_serving"), str(out), *options])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu_serving")
    convert(out)
    return out


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu_serving_day")
    convert(out, "--first", DAY, "--days", "1")
    return out


def seconds_by_tenant(begin: int = 0, end: int = 1 << 40) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for row in published("gpu_serving/requests.csv.gz"):
        start = int(datetime.fromisoformat(row["created"]).replace(tzinfo=UTC).timestamp())
        if seconds := min(end, start + int(float(row["exec_s"]))) - max(begin, start):
            found[row["tenant"]] += max(0, seconds)
    return {tenant: seconds for tenant, seconds in found.items() if seconds}


def bounds() -> tuple[int, int]:
    start = int(datetime.fromisoformat(f"{DAY}T00:00:00Z").timestamp())
    return start, start + 86_400


@pytest.mark.parametrize("which", ["whole", "day"])
def test_the_usage_is_the_execution_time_of_every_tenant(which: str, request: pytest.FixtureRequest) -> None:
    usage = pq.read_table(request.getfixturevalue(which) / "usage.parquet")
    expected = seconds_by_tenant(*(bounds() if which == "day" else ()))

    found = usage.group_by("account").aggregate([("gpu_ns", "sum")]).to_pylist()
    assert {row["account"]: row["gpu_ns_sum"] for row in found} == {tenant: seconds * 10**9 for tenant, seconds in expected.items()}


def test_failed_requests_used_the_gpu_too(whole: Path) -> None:
    rows = published("gpu_serving/requests.csv.gz")
    usage = pq.read_table(whole / "usage.parquet")

    assert len(rows) == 26_823
    assert {row["status"] for row in rows} == {"SUCCEED", "FAILED", "PENDING", "PROCESSING"}
    assert pc.sum(usage["count"]).as_py() == sum(1 for row in rows if float(row["exec_s"]))
    assert pc.sum(usage["gpu_ns"]).as_py() / 3.6e12 == pytest.approx(213.583, abs=1e-3)


def test_no_host_is_asked_for_more_than_its_gpus(whole: Path) -> None:
    usage = pq.read_table(whole / "usage.parquet").group_by(["window_start", "host"]).aggregate([("gpu_ns", "sum")])

    assert pc.max(usage["gpu_ns_sum"]).as_py() <= 8 * 300 * 10**9
    assert [row["id"] for row in csv_rows(whole / "hosts.csv")] == sorted(set(usage["host"].to_pylist()))
    assert len(csv_rows(whole / "hosts.csv")) == HOSTS


def test_converting_again_gives_the_same_bytes(day: Path, tmp_path: Path) -> None:
    convert(tmp_path, "--first", DAY, "--days", "1")

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert digests(tmp_path) == digests(day)


def test_tenants_bear_their_execution_time_and_idle_is_unsold(day: Path) -> None:
    facility = read_facility(day / "facility.toml")
    allocation = greencloud.allocate(facility, greencloud.read_usage(day / "usage.parquet"))
    rows = allocation.postings.group_by(["account", "component"]).aggregate([("energy_mj", "sum")]).to_pylist()
    expected = seconds_by_tenant(*bounds())

    dynamic = {row["account"]: row["energy_mj_sum"] for row in rows if row["component"] == "dynamic"}
    assert sum(dynamic.values()) == pytest.approx(sum(expected.values()) * (GPU_FULL - GPU_IDLE) * 1000, abs=HOSTS * 24)
    assert {account for account, energy in dynamic.items() if energy} == set(expected)
    for tenant, seconds in expected.items():
        # One unit of rounding for each host and hour in which the tenant can have run.
        assert dynamic[tenant] == pytest.approx(seconds * (GPU_FULL - GPU_IDLE) * 1000, abs=HOSTS * 24)
    assert {row["account"] for row in rows if row["component"] in {"idle", "unsold", "embodied"}} == {POOL_UNSOLD}
    assert sum(row["energy_mj_sum"] for row in rows) == sum(window.totals["energy_mj"] for window in allocation.windows)
    assert len(allocation.windows) == 24


def test_hours_without_a_request_are_allocated_too(whole: Path) -> None:
    facility = read_facility(whole / "facility.toml")
    requested = {row["created"][:13] for row in published("gpu_serving/requests.csv.gz")}

    assert len(requested) < 24 * 24
    assert len({reading.window for reading in facility.readings}) == 24 * 24
