"""Memory, disk and GPU of the process, as metrics that the real system and the real library give."""

from __future__ import annotations

import json
import mmap
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from greencloud_otel import _complaint, _gpu, _owner, _resources
from greencloud_otel._extras import observe_resources
from greencloud_otel._gpu import GpuSeconds, Sample
from greencloud_otel._resources import disk_of, pss_of, rss_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")


class Metered:
    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def read(self) -> dict[str, float]:
        """Sums over points, by metric and direction."""
        data = self.reader.get_metrics_data()
        found: dict[str, float] = {}
        for group in data.resource_metrics if data else ():
            ours = [
                scope for scope in group.scope_metrics if scope.scope.name.startswith("greencloud")
            ]  # some SDKs tell of themselves
            for metric in (metric for scope in ours for metric in scope.metrics):
                for point in metric.data.data_points:
                    direction = str((point.attributes or {}).get("disk.io.direction", ""))
                    found[f"{metric.name} {direction}".strip()] = point.value  # type: ignore[union-attr]
        return found


@pytest.fixture
def metered(monkeypatch: pytest.MonkeyPatch) -> Metered:
    monkeypatch.setattr(_owner.process, "era", _owner.Era())
    monkeypatch.setattr(_complaint, "_last", [])
    return Metered()


@pytest.mark.parametrize("kind", ["rss", "pss"])
def test_memory_is_what_the_process_holds_now(metered: Metered, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("OTEL_PYTHON_GREENCLOUD_MEMORY", kind)
    observe_resources(metered.provider)
    before = metered.read()["process.memory.usage"]
    held = mmap.mmap(-1, 64 << 20)
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    during = metered.read()["process.memory.usage"]
    held.close()
    after = metered.read()["process.memory.usage"]

    assert 60 << 20 < during - before < 70 << 20
    assert during - after > 60 << 20


def test_bytes_written_to_disk_are_counted_once_and_never_go_down(metered: Metered) -> None:
    # Not in tmp_path: a file system in memory writes to no disk.
    folder = Path(__file__).parent
    observe_resources(metered.provider)
    before = metered.read()
    path = folder / f".written-by-{os.getpid()}"
    try:
        with path.open("wb") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink()
    after = metered.read()

    written = after["process.disk.io write"] - before["process.disk.io write"]
    if not written:
        pytest.skip("the checkout lies on a file system that writes to no disk")
    assert 1 << 20 <= written < 2 << 20
    assert after["process.disk.io read"] >= before["process.disk.io read"]


FORK = textwrap.dedent("""
    import json, os, sys
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from greencloud_otel import _owner
    from greencloud_otel._extras import observe_resources

    _owner.restart(on=True)
    reader = InMemoryMetricReader()
    observe_resources(MeterProvider([reader], shutdown_on_exit=False))

    def written():
        with open(sys.argv[1], "wb") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
        scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
        metrics = next(scope.metrics for scope in scopes if scope.scope.name == "greencloud_otel")
        (io,) = (metric for metric in metrics if metric.name == "process.disk.io")
        return {point.attributes["disk.io.direction"]: point.value for point in io.data.data_points}["write"]

    first = written()
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, str(written()).encode())
        os._exit(0)
    os.wait()
    print(json.dumps([first, int(os.read(read, 99))]))
""")


def test_a_forked_child_counts_its_own_bytes(run_python: Callable[..., str]) -> None:
    path = Path(__file__).parent / f".forked-by-{os.getpid()}"
    try:
        parent, child = json.loads(run_python("-W", "ignore", "-c", FORK, str(path)))
    finally:
        path.unlink(missing_ok=True)
    if not parent:
        pytest.skip("the checkout lies on a file system that writes to no disk")
    assert 1 << 20 <= child < 2 << 20, "not the parent's and its own"


def test_what_cannot_be_read_has_no_metric_and_no_zero(metered: Metered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_resources, "_SELF", tmp_path)
    told = observe_resources(metered.provider)
    assert metered.read() == {}
    assert "No such file" in told["memory"]


def test_what_cannot_be_read_any_more_is_told_once_in_a_minute(
    metered: Metered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    observe_resources(metered.provider)
    monkeypatch.setattr(_resources, "_SELF", tmp_path)
    assert metered.read() == metered.read() == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_resources_are_chosen_by_name(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_GREENCLOUD_RESOURCES", "Disk, gas")
    told = observe_resources(metered.provider)
    assert (told["memory"], told["disk"], told["gpu"]) == ("not asked for", "", "not asked for")
    assert {name.partition(" ")[0] for name in metered.read()} == {"process.disk.io"}


def test_switched_off_nothing_is_observed(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    observe_resources(metered.provider)
    monkeypatch.setattr(_owner.process, "era", None)
    assert metered.read() == {}


def test_the_files_are_read_as_their_manuals_say() -> None:
    assert rss_of("2548 1297 1025 1 0 341 0\n", 4096) == 1297 * 4096
    assert pss_of("55d0-7ffc ---p 00000000 00:00 0  [rollup]\nRss:   5188 kB\nPss:   1021 kB\nPss_Dirty: 9 kB\n") == 1021 * 1024
    assert disk_of("rchar: 5\nwchar: 6\nsyscr: 7\nsyscw: 8\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n") == (
        4096,
        8192,
    )


# GPUs: the accounting alone. The interface is tried where there is a device.

MINE, OTHER, SECOND = 7, 8, 1_000_000


def test_a_share_holds_since_the_last_look_and_idle_time_counts_nothing() -> None:
    used = GpuSeconds(MINE)
    used.add("a", [Sample(MINE, 5 * SECOND, 100)], 6 * SECOND)
    assert used.seconds == 0, "a first look only begins"
    used.add("a", [Sample(MINE, 16 * SECOND, 50)], 16 * SECOND)
    assert used.seconds == pytest.approx(5)
    used.add("a", [], 600 * SECOND)
    assert used.seconds == pytest.approx(5)
    used.add("a", [Sample(MINE, 602 * SECOND, 100), Sample(OTHER, 602 * SECOND, 100)], 602 * SECOND)
    assert used.seconds == pytest.approx(7)


def test_several_devices_add_up() -> None:
    used = GpuSeconds(MINE)
    for device in "ab":
        used.add(device, [], 10 * SECOND)
        used.add(device, [Sample(MINE, 20 * SECOND, 100)], 20 * SECOND)
    assert used.seconds == pytest.approx(20)


looks = st.lists(
    st.tuples(st.integers(1, 100), st.lists(st.tuples(st.sampled_from([MINE, OTHER]), st.floats(0, 1), st.integers(0, 120)))),
    max_size=20,
)


@given(looks)
def test_law_a_device_is_busy_for_no_longer_than_was_looked_at_and_seconds_only_grow(
    looks: list[tuple[int, list[tuple[int, float, int]]]],
) -> None:
    used = GpuSeconds(MINE)
    began = now = 1000 * SECOND
    used.add("a", [], now)
    before = 0.0
    for pause, found in looks:
        later = now + pause * SECOND
        samples = [Sample(pid, now + round(at * pause * SECOND), share) for pid, at, share in found]
        used.add("a", samples, later)
        again = used.seconds
        used.add("a", samples, later)
        assert used.seconds == again >= before, "the same samples told again"
        now, before = later, again
        assert used.seconds <= (now - began) / SECOND + 1e-9


def test_the_librarys_own_interface(metered: Metered) -> None:
    pytest.importorskip("pynvml", reason="needs nvidia-ml-py and a GPU")
    told = _gpu.observe_gpus(metered.provider)
    if told:
        pytest.skip(told)
    assert metered.read()["greencloud.process.gpu.time"] == 0


def test_in_a_container_with_its_own_process_ids_no_stranger_is_counted(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gpu, "sees_own_id", lambda: False)
    assert "process ids" in observe_resources(metered.provider)["gpu"]
    assert sys.modules.get("pynvml") is None or "greencloud.process.gpu.time" not in metered.read()
