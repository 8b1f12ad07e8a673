"""Telemetry worked out in parts that never meet gives the usage and the dead letters of the whole of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import UsageDataError
from greencloud.facility import Facility
from greencloud.telemetry import DeadLetter, Record, TelemetryStore, WriteAheadLog, collect
from greencloud.telemetry import shuffle as room
from greencloud.telemetry import spans as bounds
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.record import EVER_NS
from greencloud.telemetry.shuffle import ROUNDS, Dealing, Piece, dealt, reduced
from greencloud.telemetry.take import judged
from greencloud.telemetry.tidings import Tidings
from greencloud.telemetry.whole import whole_rows
from greencloud.units import Window
from greencloud.usage import ROWS, Usage, digest, merge
from profiles import examples
from telemetry_world import HOUR_NS, SECOND, T0, book, metrics, point, provider, span, tenant, traces
from test_telemetry_collect import ACCOUNTS, sent_points
from test_telemetry_spans import sents

DAY_NS = 24 * HOUR_NS


@dataclass
class Outcome:
    usage: Usage
    tidings: Tidings

    def letters(self) -> list[tuple[str, int, str]]:
        return told(self.tidings.dead_letters)


def told(letters: Iterable[DeadLetter]) -> list[tuple[str, int, str]]:
    """Of names that were cut the example is the first by its span in one place, and by its text among several."""
    return [(letter.reason, letter.count, "" if "name cut" in letter.reason else letter.example) for letter in letters]


def shuffled(files: Sequence[Iterable[Record]], dealing: Dealing, seed: int = 0) -> Outcome:
    """All rounds in memory, the pieces of each key in an order of chance."""
    chance = random.Random(seed)
    found: dict[tuple[str, Window], Usage] = {}

    def put(site: str, window: Window, usage: Usage) -> None:
        assert (site, window) not in found
        found[site, window] = usage

    pieces: list[Piece] = [piece for records in files for piece in dealt(records, dealing)]
    for number in range(len(ROUNDS)):
        groups: dict[str, list[bytes]] = {}
        chance.shuffle(pieces)
        for key, content in pieces:
            groups.setdefault(key, []).append(content)
        pieces = [piece for key, contents in groups.items() for piece in reduced(number, key, contents, dealing, put)]
    assert {key for key, _ in pieces} <= {Tidings.KEY}
    return Outcome(merge(found.values()), Tidings.of(content for _, content in pieces))


def admitted(records: Iterable[Record]) -> list[Record]:
    """As intake leaves them: with their bounds, and without those of which nothing is kept."""
    found = (
        judged(one.signal, one.payload, role=one.role, account=one.account, received_ns=one.received_ns, live=one.live)[1]
        for one in records
    )
    return [record for record in found if record]


def stored(records: Iterable[Record], folder: Path, facility: Facility) -> Any:
    store = TelemetryStore(folder / "wal", folder / "telemetry")
    with WriteAheadLog(store.log, min_free_bytes=0) as log:
        for record in records:
            log.append(record)
    return store.collect(facility)


@st.composite
def more_points(draw: st.DrawFn) -> Record:
    """Points that hold each other, of several senders: pods and processes of known ids, GPUs, what spans leave over."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("process.cpu.time", {}),
        ("process.cpu.time", {"process.pid": 1}),
        ("container.cpu.time", {}),
        ("k8s.pod.cpu.time", {"cloud.account.id": "bob"}),
        ("k8s.pod.memory.usage", {}),
        ("k8s.pod.memory.rss", {}),
        ("greencloud.process.cpu.unattributed", {}),
        ("hw.gpu.utilization", {"hw.id": "0", "cloud.account.id": "bob"}),
        ("hw.gpu.utilization", {"hw.id": "0", "cloud.account.id": "alice", "hw.gpu.task": "general"}),
        ("system.memory.usage", {"state": "used"}),
        ("k8s.node.cpu.time", {}),
    ]
    name, attributes = draw(st.sampled_from(kinds))
    role = draw(st.sampled_from(["provider", "provider", "tenant"]))
    resource = draw(
        st.fixed_dictionaries(
            {"host.name": st.sampled_from(["h1", "node-1", "h2", "nowhere"])},
            optional={
                "service.name": st.sampled_from(["shop", "stock"]),
                "service.instance.id": st.sampled_from(["1", "2"]),
                "cloud.account.id": st.sampled_from(["alice", "bob"]),
                "k8s.pod.uid": st.just("pod"),
                "container.id": st.just("c"),
            },
        )
    )
    start = draw(st.sampled_from([0, T0, T0 + HOUR_NS]))
    sent = [
        point(T0 + step * 600 * SECOND, draw(st.integers(0, 3)) / 2, start=start, attributes=attributes)
        for step in draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    ]
    payload = metrics(name, sent, gauge=name.endswith((".usage", ".rss", "utilization")), resource=resource, unit="")
    return Record("metrics", role, draw(st.sampled_from(ACCOUNTS)) if role == "tenant" else "", T0, payload)


@st.composite
def arriving(draw: st.DrawFn) -> list[Record]:
    spans = [Record("traces", *owner, T0, payload) for owner, payload in draw(st.lists(sents(), max_size=14))]
    points = draw(st.lists(sent_points() | more_points(), max_size=10))
    return admitted([*spans, *points])


def split(data: st.DataObject, records: list[Record]) -> list[list[Record]]:
    """In files, some in two of them."""
    many = data.draw(st.integers(1, 4))
    files: list[list[Record]] = [[] for _ in range(many)]
    for record in records:
        for at in data.draw(st.sets(st.integers(0, many - 1), min_size=1, max_size=2)):
            files[at].append(record)
    return files


@given(arriving(), st.sampled_from([300, 3600]), st.sampled_from(["", "dc1"]), st.integers(1, 5), st.data())
@settings(max_examples=examples(15, thorough=160), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_usage_is_that_of_the_whole(
    records: list[Record], seconds: int, default: str, buckets: int, data: st.DataObject
) -> None:
    facility = book(window_seconds=seconds, default_site=default)
    expected = collect(records, facility)
    found = shuffled(split(data, records), Dealing(facility, buckets), data.draw(st.integers(0, 9)))
    assert digest(found.usage) == digest(expected.usage)
    assert found.tidings.counts["spans"] == expected.span_count


@given(arriving(), st.integers(1, 5), st.data())
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_dead_letters_are_those_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], buckets: int, data: st.DataObject
) -> None:
    facility = book(default_site=data.draw(st.sampled_from(["", "dc1"])))
    expected = stored(records, tmp_path_factory.mktemp("log"), facility)
    found = shuffled([records], Dealing(facility, buckets), data.draw(st.integers(0, 9)))
    assert found.letters() == told(expected.dead_letters)
    assert (found.tidings.counts["spans"], found.tidings.counts["duplicates"]) == (
        expected.span_count,
        expected.duplicate_count,
    )
    assert digest(found.usage) == digest(expected.usage)


@given(arriving(), st.integers(1, 3), st.integers(1, 5), st.data())
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_least_rows_are_added_up_where_all_of_a_window_is_known(
    records: list[Record], most: int, buckets: int, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "MAX_OPERATIONS", most)
        facility = book()
        expected = collect(records, facility)
        found = shuffled(split(data, records), Dealing(facility, buckets), data.draw(st.integers(0, 9)))
        assert digest(found.usage) == digest(expected.usage)
        crowded = [letter[2] for letter in told(expected.dead_letters) if letter[0].startswith("more than")]
        assert [letter[2] for letter in found.letters() if letter[0].startswith("more than")] == crowded


def crowd(seed: int, size: int = 250) -> list[Record]:
    """Few names and times, and much of everything: copies, strange parents, counters that hold each other, shared GPUs."""
    chance = random.Random(seed)
    spot = [{"service.name": service, "host.name": host} for service in ("shop", "db") for host in ("h1", "h2", "nowhere")]
    traced = [bytes([number] * 16) for number in range(1, 30)]
    records = []
    for _ in range(size):
        start = T0 - 20 * HOUR_NS + chance.randrange(40) * HOUR_NS // 2
        given = {"greencloud.cpu.time": chance.randrange(10**12)} if chance.random() < 0.6 else {}
        made = span(
            chance.randrange(1, 9),
            start,
            start + chance.choice([0, SECOND, HOUR_NS, 2 * HOUR_NS, 9 * HOUR_NS]),
            parent=chance.randrange(9),
            name=chance.choice("abcdefgh"),
            trace=chance.choice(traced),
            attributes=given,
        )
        records.append(tenant(traces([made], chance.choice(spot)), chance.choice(["alice", "bob", "queue", "db"])))
    for _ in range(size):
        name, unit, attributes = chance.choice(
            [
                ("process.cpu.time", "s", {}),
                ("container.cpu.time", "s", {}),
                ("k8s.pod.memory.usage", "By", {}),
                ("k8s.pod.cpu.time", "s", {}),
                ("hw.gpu.utilization", "1", {"hw.id": "0", "cloud.account.id": "alice"}),
                ("hw.gpu.utilization", "1", {"hw.id": "0", "cloud.account.id": "bob"}),
                ("hw.host.energy", "J", {}),
                ("hw.host.power", "W", {}),
            ]
        )
        resource = {**chance.choice(spot), "container.id": chance.choice("cd"), "k8s.pod.uid": "p"}
        if name == "process.cpu.time":
            resource = chance.choice(spot)
        if name == "hw.gpu.utilization":
            resource = {"host.name": "h1", "service.name": chance.choice("xy")}
        at = chance.randrange(40)
        sent = [
            point(T0 - 20 * HOUR_NS + at * HOUR_NS // 2, 1.0 if name.endswith(("on", "usage")) else at / 2, attributes=attributes)
        ]
        payload = metrics(name, sent, unit=unit, gauge=name.endswith(("power", "usage", "ation")), resource=resource)
        if name.startswith("hw.") or chance.random() < 0.4:
            named = metrics(
                name,
                sent,
                unit=unit,
                gauge=name.endswith(("power", "usage", "ation")),
                resource=resource | {"cloud.account.id": "alice"},
            )
            records.append(provider(named))
        else:
            records.append(tenant(payload, chance.choice(["alice", "bob"]), "metrics"))
    return admitted(records)


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_in_parts_is_what_it_is_together(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_OPERATIONS", 3)
    records, chance = crowd(seed), random.Random(seed)
    expected = stored(records, tmp_path, book())
    files: list[list[Record]] = [[] for _ in range(5)]
    for record in records:
        chance.choice(files).append(record)
    found = shuffled(files, Dealing(book(), 11), seed)
    assert digest(found.usage) == digest(expected.usage)
    assert found.letters() == told(expected.dead_letters)
    reasons = " ".join(letter.reason for letter in expected.dead_letters)
    for each in ("spans tell", "another sender", "proportion", "another start", "more than", "a wider one holds"):
        assert each in reasons
    assert digest(collect(records, book()).usage) == digest(expected.usage)


def test_only_the_windows_that_are_asked_for_are_made() -> None:
    records = [tenant(traces([span(number, T0 + number * HOUR_NS, T0 + number * HOUR_NS + SECOND)])) for number in range(5)]
    dealing = Dealing(book(), 2, first_us=(T0 + HOUR_NS) // 1000, until_us=(T0 + 3 * HOUR_NS) // 1000)
    found = shuffled([admitted(records)], dealing)
    assert [window for _, window in sorted(found.tidings.windows)] == [(T0 + number * HOUR_NS) // 1000 for number in (1, 2)]


def test_a_span_over_days_is_told_in_all_of_them() -> None:
    long = tenant(traces([span(1, T0, T0 + 5 * DAY_NS, attributes={"greencloud.cpu.time": 10**12})]))
    found = shuffled([[long]], Dealing(book(), 3))
    assert digest(found.usage) == digest(collect([long], book()).usage)
    assert sum(found.usage.rows["cpu_ns"].to_pylist()) == 10**12


def test_sums_beyond_64_bits_are_left_out_once() -> None:
    huge = [
        tenant(
            traces(
                [span(number, T0, T0 + HOUR_NS, trace=bytes([number] * 16), attributes={"greencloud.memory.byte_seconds": 2**62})]
            )
        )
        for number in range(1, 9)
    ]
    fine = tenant(traces([span(99, T0, T0 + HOUR_NS, name="fine")]))
    found = shuffled([huge, [fine]], Dealing(book(), 8))
    expected = collect([*huge, fine], book())
    assert digest(found.usage) == digest(expected.usage)
    assert found.letters() == told(expected.dead_letters)


def test_sums_of_parts_are_exact_beyond_64_bits() -> None:
    row = collect([tenant(traces([span(1, T0, T0 + SECOND)]))], book()).usage.rows
    at = ROWS.get_field_index("memory_byte_s")
    large = row.set_column(at, ROWS.field(at), pa.array([2**63 - 1], pa.int64()))
    dead = DeadLetters()
    assert whole_rows([large] * 5, dead, of_spans=True).num_rows == 0
    assert [letter.reason for letter in dead.counted()] == ["a sum too large to be use of a machine"]


def test_what_is_too_much_for_one_worker_says_whose_it_is() -> None:
    records = [tenant(traces([span(number, T0, T0 + SECOND) for number in range(1, 200)]))]
    with pytest.raises(UsageDataError, match=r"199 spans of a day fall to one worker.*199 of them are of one trace"):
        shuffled([records], Dealing(book(), 1, most_bytes=1000))
    points = [provider(metrics("hw.host.energy", [point(T0 + at, at) for at in range(1, 200)]))]
    with pytest.raises(UsageDataError, match=r"199 number points fall to one worker.*199 of them are of one resource"):
        shuffled([points], Dealing(book(), 1, most_bytes=1000))


def test_items_are_dealt_in_many_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    records = admitted(
        [
            *(tenant(traces([span(number, T0, T0 + number * SECOND, trace=bytes([number] * 16))])) for number in range(1, 40)),
            *(provider(metrics("hw.host.energy", [point(T0 + at * SECOND, at)])) for at in range(1, 40)),
        ]
    )
    monkeypatch.setattr(room, "_AT_ONCE", 7)
    found = shuffled([records], Dealing(book(), 3))
    assert digest(found.usage) == digest(collect(records, book()).usage)


def test_traces_are_dealt_to_all_buckets() -> None:
    chance = random.Random(1)
    spans = [span(number, T0, T0 + SECOND, trace=chance.randbytes(16)) for number in range(1, 2000)]
    keys = Counter(key for key, _ in dealt([tenant(traces(spans))], Dealing(book(), 7)))
    assert keys == {f"spans/{T0 // DAY_NS}/{bucket}": 1 for bucket in range(7)}


def test_what_came_too_late_is_told() -> None:
    late = replace(tenant(traces([span(1, T0, T0 + SECOND)])), live=True, received_ns=T0 + 9 * DAY_NS)
    found = shuffled([admitted([late])], Dealing(book()))
    assert ("requests with items beyond the horizon", 1, "of alice") in found.letters()
    assert found.usage.rows.num_rows == 0


def test_bounds_of_records_are_those_that_intake_gives() -> None:
    (record,) = admitted([tenant(traces([span(1, T0, T0 + SECOND)]))])
    assert (record.first_ns, record.last_ns) == (T0, T0 + SECOND)
    assert record.last_ns < EVER_NS
