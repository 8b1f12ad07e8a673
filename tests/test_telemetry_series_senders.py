"""Of several senders of one thing one counts at a time, and totals go before their parts."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.telemetry import Collected, Record, WriteAheadLog, collect, read_log
from greencloud.telemetry.growth import Number
from greencloud.telemetry.senders import Kept, Reported, one_at_a_time
from greencloud.telemetry.series import Line
from profiles import examples
from series_oracle import line_of
from telemetry_world import DELTA, HOUR_NS, SECOND, T0, book, metrics, point, provider, tenant

BOOK = book()
PROCESS = {"service.name": "shop", "host.name": "h1", "cloud.account.id": "alice", "process.pid": 7}


def reasons(collected: Collected) -> dict[str, int]:
    return {letter.reason: letter.count for letter in collected.dead_letters}


def rows(*payloads: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collect([provider(payload) for payload in payloads], BOOK).usage.rows.to_pylist()
    return found


def readings(*payloads: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collect([provider(payload) for payload in payloads], BOOK).usage.readings.to_pylist()
    return found


@st.composite
def reports(draw: st.DrawFn) -> list[Reported]:
    found = []
    for sender in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=6)):
        times = sorted(draw(st.sets(st.integers(2, 30), min_size=1, max_size=6)))
        start = draw(st.sampled_from([0, 1, 5]))
        line = line_of([Number(time, start, 10 * time) for time in times], "cumulative", window_ns=4)
        parts = draw(st.sampled_from([{}, {"mode": "user"}, {"mode": "user", "cpu": "1"}, {"cpu": "2", "mode": "system"}]))
        found.append(Reported(line, sender, frozenset(parts.items())))
    return found


def instants(kept: Kept) -> set[int]:
    spans = [*kept.grown.runs, *((delta.start_ns, delta.end_ns) for delta in kept.grown.apart)]
    return {instant for start, end in spans for instant in range(start, end)}


@given(reports(), st.data())
@settings(max_examples=examples(100), deadline=None)
def test_no_instant_is_counted_by_two_senders_nor_by_a_total_and_its_part(found: list[Reported], data: st.DataObject) -> None:
    kept = one_at_a_time(found)
    for one, other in combinations(kept, 2):
        if one.reported.sender != other.reported.sender or one.reported.parts < other.reported.parts:
            assert not instants(one) & instants(other)
    first = min(kept, key=lambda each: (each.reported.sender, len(each.reported.parts)))
    assert first.grown.runs == first.reported.line.grow().runs  # of the first sender a total is whole
    shuffled = one_at_a_time(data.draw(st.permutations(found)))
    assert sorted(map(summed, kept)) == sorted(map(summed, shuffled))


def summed(kept: Kept) -> tuple[Any, ...]:
    grown = kept.grown
    return kept.reported.sender, sorted(kept.reported.parts), grown.windows, grown.runs, grown.apart, kept.beside, kept.within


def lone(sender: str, line: Line, **parts: str) -> Reported:
    return Reported(line, sender, frozenset(parts.items()))


def test_one_sender_without_totals_is_counted_whole() -> None:
    lines = [line_of([Number(10, 1, 5), Number(20, 1, 9)], "cumulative", window_ns=100) for _ in range(2)]
    kept = one_at_a_time([lone("a", lines[0], mode="user"), lone("a", lines[1], mode="system")])
    assert [(found.grown.windows, len(found.grown.apart)) for found in kept] == [([(0, 4)], 1)] * 2


def test_a_start_that_one_series_shows_to_be_wrong_is_wrong_for_all_of_its_sender() -> None:
    def line(value: int) -> Line:
        made = line_of([Number(10, 1, value), Number(20, 1, value + 1)], "cumulative", window_ns=100)
        made.ceiling = Fraction(1)
        return made

    kept = one_at_a_time([lone("a", line(1000), mode="user"), lone("a", line(3), mode="system")])
    assert [(found.grown.windows, found.grown.apart) for found in kept] == [([(0, 1)], [])] * 2


def used(values: list[int], *, start: int = T0, **resource: Any) -> bytes:
    points = [point(T0 + (n + 1) * SECOND, value, start=start) for n, value in enumerate(values)]
    return metrics("process.cpu.time", points, unit="s", resource={**PROCESS, **resource})


def test_a_process_that_two_agents_tell_of_counts_once() -> None:
    agents = [used([1, 3, 5], agent="a"), used([2, 4, 6], agent="b")]
    assert [row["cpu_ns"] for row in rows(*agents)] == [5 * SECOND]
    assert reasons(collect([provider(agent) for agent in agents], BOOK)) == {
        "a workload that another sender reported for the same time": 1
    }


def test_two_agents_with_one_identity_count_once() -> None:
    # Ours have no instance id: two of them on a machine send as one, each from zero at its own start.
    late = [point(T0 + n * SECOND + 1, n - 1, start=T0 + SECOND) for n in (2, 3)]
    assert [row["cpu_ns"] for row in rows(used([1, 2, 3]), metrics("process.cpu.time", late, unit="s", resource=PROCESS))] == [
        3 * SECOND
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"process.pid": 8},
        {"host.name": "h9"},
        {"service.instance.id": "2"},
        {"service.name": "stock"},
        {"container.id": "c2"},
        {"k8s.pod.uid": "p2"},
        {"cloud.account.id": "bob"},
        {"host.name": "shop-2", "k8s.node.name": "node-1"},  # pid 7 of a container on h1
    ],
)
def test_processes_that_are_not_known_to_be_one_all_count(other: dict[str, Any]) -> None:
    assert sum(row["cpu_ns"] for row in rows(used([1, 2]), used([1, 2], **other))) == 4 * SECOND


def test_processes_without_an_id_cannot_be_told_apart_and_all_count() -> None:
    nameless = {key: value for key, value in PROCESS.items() if key != "process.pid"}
    points = [point(T0 + SECOND, 2, start=T0)]
    found = [metrics("process.cpu.time", points, unit="s", resource={**nameless, "agent": agent}) for agent in "ab"]
    assert [row["cpu_ns"] for row in rows(*found)] == [4 * SECOND]


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("container.cpu.time", {"container.id": "c1"}),
        ("container.cpu.time", {"k8s.pod.uid": "p1", "k8s.container.name": "app"}),
        ("k8s.pod.cpu.time", {"k8s.pod.uid": "p1"}),
        ("k8s.pod.cpu.time", {"k8s.namespace.name": "shop", "k8s.pod.name": "shop-0"}),
    ],
)
def test_containers_and_pods_that_two_collectors_tell_of_count_once(metric: str, names: dict[str, str]) -> None:
    base = {"host.name": "h1", "cloud.account.id": "alice", **names}
    points = [point(T0 + SECOND, 2, start=T0)]
    found = [metrics(metric, points, unit="s", resource={**base, "collector": name}) for name in "ab"]
    assert [row["cpu_ns"] for row in rows(*found)] == [2 * SECOND]
    unnamed = {"host.name": "h1", "cloud.account.id": "alice"}
    apart = [metrics(metric, points, unit="s", resource={**unnamed, "collector": name}) for name in "ab"]
    assert [row["cpu_ns"] for row in rows(*apart)] == [4 * SECOND]


def test_a_tenants_forked_processes_that_share_what_their_sdk_found_out_all_count() -> None:
    points = [point(T0 + (n + k) * SECOND, n - k, start=T0 + k) for k in (0, 1) for n in (4, 6)]
    sent = metrics("process.cpu.time", points, unit="s", resource={**PROCESS, "telemetry.sdk.name": "opentelemetry"})
    (row,) = collect([tenant(sent, signal="metrics")], BOOK).usage.rows.to_pylist()
    assert row["cpu_ns"] == (6 + 5) * SECOND


def steps(**attributes: Any) -> list[dict[str, Any]]:
    return [point(T0 + n * SECOND, 4 * n, attributes=attributes) for n in (0, 1)]


def test_a_total_and_its_cpus_count_once() -> None:
    each = [*steps(state="user", cpu=1), *steps(state="user", cpu=2)]
    total = steps(state="user")
    assert [reading["busy_cpu_ns"] for reading in readings(metrics("system.cpu.time", each))] == [8 * SECOND]
    both = metrics("system.cpu.time", each + total)
    assert [reading["busy_cpu_ns"] for reading in readings(both)] == [4 * SECOND]
    assert "parts of a meter that its total holds already" in reasons(collect([provider(both)], BOOK))
    other_mode = metrics("system.cpu.time", each + steps(state="system"))
    assert [reading["busy_cpu_ns"] for reading in readings(other_mode)] == [12 * SECOND]


def test_directions_and_devices_add_up_and_a_total_goes_before_them() -> None:
    each = [
        *steps(**{"disk.io.direction": "read", "system.device": "sda"}),
        *steps(**{"disk.io.direction": "write", "system.device": "sda"}),
        *steps(**{"disk.io.direction": "read", "system.device": "sdb"}),
    ]
    for extra, bytes_ in ((steps(), 4), (steps(direction="read"), 8), ([], 12)):
        (row,) = rows(metrics("process.disk.io", each + extra, resource=PROCESS))
        assert row["disk_bytes"] == bytes_


def test_a_restart_of_the_server_and_of_the_sender_changes_nothing(tmp_path: Any) -> None:
    before = [
        Record("metrics", "provider", "", T0, used([1, 3])),
        Record("metrics", "provider", "", T0, metrics("hw.host.energy", [point(T0 + n * SECOND, 5 * n) for n in (1, 2)])),
    ]
    after = [
        # The process's counter goes on, then the sender restarts with a later start; the meter's falls without one.
        Record("metrics", "provider", "", T0, used([1, 3, 4])),
        Record("metrics", "provider", "", T0, metrics("process.cpu.time", [point(T0 + 9 * SECOND, 2, start=T0 + 5 * SECOND)],
                                                       unit="s", resource=PROCESS)),
        Record("metrics", "provider", "", T0, metrics("hw.host.energy", [point(T0 + HOUR_NS, 3)])),
    ]  # fmt: skip
    with WriteAheadLog(tmp_path, min_free_bytes=0) as log:
        for record in before:
            log.append(record)
        early = collect(read_log(tmp_path), BOOK)
    with WriteAheadLog(tmp_path, min_free_bytes=0) as log:
        for record in after:
            log.append(record)
    late = collect(read_log(tmp_path), BOOK)
    assert late == collect([*before, *after], BOOK)
    assert [row["cpu_ns"] for row in early.usage.rows.to_pylist()] == [3 * SECOND]
    assert [row["cpu_ns"] for row in late.usage.rows.to_pylist()] == [6 * SECOND]
    assert [reading["energy_mj"] for reading in late.usage.readings.to_pylist()] == [5000 + 3000]


GPU = {"host.name": "h1", "cloud.account.id": "alice", "service.name": "train"}


def gpu(shares: list[float], *, sender: str = "a", unit: str = "1", resource: dict[str, Any] | None = None, **more: Any) -> bytes:
    attributes = {"hw.id": "gpu0", **{key.replace("_", "."): value for key, value in more.items()}}
    points = [point(T0 + n * 60 * SECOND, share, attributes=attributes) for n, share in enumerate(shares)]
    return metrics("hw.gpu.utilization", points, unit=unit, gauge=True, resource={**GPU, "sender": sender, **(resource or {})})


def test_utilisation_of_a_gpu_is_time_of_the_account_that_is_named() -> None:
    (row,) = rows(gpu([0.5, 0.25, 0]))
    assert (row["account"], row["service"], row["host"], row["source"]) == ("alice", "train", "h1", "provider")
    assert (row["gpu_ns"], row["cpu_ns"]) == (45 * SECOND, 0)
    assert [row["gpu_ns"] for row in rows(gpu([50, 25, 0], unit="%"))] == [45 * SECOND]
    assert [row["account"] for row in rows(gpu([1, 1], cloud_account_id="bob"))] == ["bob"]


def test_two_gpus_add_up_and_one_is_busy_at_most_all_the_time() -> None:
    assert [row["gpu_ns"] for row in rows(gpu([1, 1]), gpu([1, 1], hw_id="gpu1"))] == [120 * SECOND]
    assert [row["gpu_ns"] for row in rows(gpu([7, 7]))] == [60 * SECOND]
    assert [row["gpu_ns"] for row in rows(gpu([1, 1]), gpu([1, 1], sender="b"))] == [60 * SECOND]


def test_tasks_of_a_gpu_are_not_added_up() -> None:
    decoder = gpu([0.75, 0.5, 0], hw_gpu_task="decoder")
    encoder = gpu([0.25, 1, 0], hw_gpu_task="encoder")
    general = gpu([0.25, 0.25, 0], hw_gpu_task="general")
    untold = gpu([0.5, 0.5, 0])
    for sent, seconds in (
        ([decoder], 75),
        ([decoder, encoder], 105),
        ([decoder, encoder, untold], 60),
        ([decoder, encoder, untold, general], 30),
        ([decoder, gpu([0.25, 0.25], hw_gpu_task="general")], 15 + 30),
    ):
        assert [row["gpu_ns"] for row in rows(*sent)] == [seconds * SECOND]


def test_accounts_that_share_a_gpu_get_no_more_than_all_of_it() -> None:
    shares = [gpu([0.5] * 61, cloud_account_id="alice"), gpu([1] * 61, cloud_account_id="bob")]
    found = rows(*shares)
    assert [(row["account"], row["gpu_ns"]) for row in found] == [("alice", HOUR_NS // 3), ("bob", HOUR_NS - HOUR_NS // 3)]
    assert len(reasons(collect([provider(share) for share in shares], BOOK))) == 1


def test_a_gpu_of_nobody_or_of_a_tenants_word_is_told_and_left_out() -> None:
    nobody = metrics("hw.gpu.utilization", [point(T0, 1), point(T0 + SECOND, 1)], gauge=True)
    assert rows(nobody) == []
    assert reasons(collect([provider(nobody)], BOOK)) == {"a workload without an account": 1}
    collected = collect([tenant(gpu([1, 1]), signal="metrics")], BOOK)
    assert collected.usage.rows.num_rows == 0
    assert reasons(collected) == {"a tenant may not report meters": 1}


def test_deltas_of_a_process_that_two_agents_send_count_once() -> None:
    found = [
        metrics(
            "process.cpu.time",
            [point(T0 + n * SECOND + late, 1, start=T0 + (n - 1) * SECOND + late) for n in (1, 2)],
            unit="s",
            temporality=DELTA,
            resource={**PROCESS, "agent": str(late)},
        )
        for late in (0, 5)
    ]
    assert [row["cpu_ns"] for row in rows(*found)] == [2 * SECOND]
