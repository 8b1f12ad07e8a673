"""What is worked out from the log, hour by hour and run by run, is what the whole of it says at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine import DataDirectory, ingest_file
from greencloud.telemetry import HORIZON_NS, Record, TelemetryStore, WriteAheadLog, admit, collect, records_from_file, take
from profiles import examples
from telemetry_world import HOUR_NS, SECOND, T0, book, metrics, point, span, tenant, traces
from test_telemetry_collect import records_of, sent_points, sent_spans

BOOK = book()
DAY_NS = 24 * HOUR_NS


@pytest.fixture
def store(tmp_path: Path) -> TelemetryStore:
    return TelemetryStore(tmp_path / "wal", tmp_path / "telemetry")


def append(store: TelemetryStore, records: list[Record]) -> None:
    """Append as intake does, which bounds the times of what it takes."""
    with WriteAheadLog(store.log, min_free_bytes=0) as log:
        for each in records:
            take(log, each.signal, each.payload, role=each.role, account=each.account, received_ns=each.received_ns, live=each.live)


def sent_live(number: int, start: int, received: int, account: str = "alice") -> Record:
    return replace(tenant(traces([span(number, start, start + SECOND)]), account), received_ns=received, live=True)


@given(
    st.lists(sent_spans(), max_size=10),
    st.lists(sent_points(), max_size=8),
    st.data(),
)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_runs_between_arrivals_give_what_one_run_over_all_gives(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[tuple[str, dict[str, object]]],
    measured: list[Record],
    data: st.DataObject,
) -> None:
    place = tmp_path_factory.mktemp("store")
    store = TelemetryStore(place / "wal", place / "telemetry")
    arriving = data.draw(st.permutations([*records_of(found), *measured]))
    cut = data.draw(st.integers(0, len(arriving)))
    for part in (arriving[:cut], arriving[cut:]):
        append(store, part)
        store.collect(BOOK, keep=data.draw(st.booleans()))
    again = store.collect(BOOK)
    whole = collect(arriving, BOOK)
    assert again.usage.rows.equals(whole.usage.rows)
    assert again.usage.readings.equals(whole.usage.readings)
    assert again.span_count == whole.span_count


def test_only_hours_with_new_evidence_are_computed_again(store: TelemetryStore) -> None:
    append(store, [tenant(traces([span(n, T0 + n * 3 * HOUR_NS, T0 + n * 3 * HOUR_NS + SECOND)])) for n in range(1, 5)])
    store.collect(BOOK, keep=True)
    before = {path.name: path.stat().st_ino for path in (store.path / "hours").iterdir()}
    append(store, [tenant(traces([span(9, T0 + 6 * HOUR_NS, T0 + 6 * HOUR_NS + SECOND)]))])
    collected = store.collect(BOOK, keep=True)
    after = {path.name: path.stat().st_ino for path in (store.path / "hours").iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {f"{(T0 + 6 * HOUR_NS) // HOUR_NS}.arrows"}
    assert collected.span_count == 5


def test_whoever_only_reads_writes_nothing(store: TelemetryStore) -> None:
    append(store, [tenant(traces([span(1, T0, T0 + SECOND)])), sent_live(2, T0, T0 + HORIZON_NS + 1)])
    store.collect(BOOK)
    store.state()
    assert not store.path.exists()


@pytest.mark.parametrize("damage", [lambda data: data[:0], lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]])
def test_a_damaged_hour_of_the_cache_counts_for_nothing(store: TelemetryStore, damage: object) -> None:
    append(store, [tenant(traces([span(1, T0, T0 + SECOND)]))])
    expected = store.collect(BOOK, keep=True)
    (path,) = (store.path / "hours").iterdir()
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    assert store.collect(BOOK).usage.rows.equals(expected.usage.rows)


def test_the_folder_of_what_was_worked_out_may_be_lost(store: TelemetryStore) -> None:
    append(store, [tenant(traces([span(1, T0, T0 + SECOND)]))])
    expected = store.collect(BOOK, keep=True)
    for path in sorted(store.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert store.collect(BOOK).usage.rows.equals(expected.usage.rows)


def test_another_book_computes_its_hours_anew(store: TelemetryStore) -> None:
    append(store, [tenant(traces([span(1, T0, T0 + SECOND)], {"service.name": "shop"}))])
    store.collect(BOOK, keep=True)
    moved = replace(BOOK, revision="moved", default_site="dc2")
    assert store.collect(moved).usage.rows["site"].to_pylist() == ["dc2"]


def test_what_comes_within_the_horizon_counts_and_what_comes_later_is_kept_in_a_file(store: TelemetryStore, tmp_path: Path) -> None:
    records = [sent_live(1, T0, T0 + HORIZON_NS), sent_live(2, T0, T0 + HORIZON_NS + 1)]
    append(store, records)
    collected = store.collect(BOOK, keep=True)
    assert (collected.span_count, sum(collected.usage.rows["count"].to_pylist())) == (1, 1)
    (path,) = (store.path / "dead-letters").rglob("*.jsonl")
    assert path.parent.relative_to(store.path / "dead-letters").parts == ("beyond-the-horizon", "tenant=alice")
    assert any(letter.reason == "requests with items beyond the horizon" for letter in collected.dead_letters)

    # The provider takes it in, and it counts, once.
    append(store, list(records_from_file(path, role="tenant", account="alice", received_ns=T0 + 9 * DAY_NS)))
    again = store.collect(BOOK, keep=True)
    assert (again.span_count, sum(again.usage.rows["count"].to_pylist())) == (2, 2)


def test_a_late_item_is_told_to_the_sender_and_not_rejected() -> None:
    late = sent_live(2, T0, T0 + HORIZON_NS + 1)
    admission = admit("traces", late.payload, role="tenant", account="alice", received_ns=late.received_ns, live=True)
    assert (admission.count, admission.rejected, admission.late) == (1, 0, 1)
    assert "dead-letter file" in admission.message


def test_a_dead_letter_file_holds_the_late_items_alone(store: TelemetryStore) -> None:
    spans = [span(1, T0, T0 + SECOND), span(2, T0 + DAY_NS, T0 + DAY_NS + SECOND), span(3, T0 + 1, T0 + SECOND)]
    append(store, [replace(tenant(traces(spans)), received_ns=T0 + HORIZON_NS + 2, live=True)])
    store.collect(BOOK, keep=True)
    (path,) = (store.path / "dead-letters").rglob("*.jsonl")
    (group,) = json.loads(path.read_text())["resourceSpans"]
    assert [found["spanId"] for found in group["scopeSpans"][0]["spans"]] == [f"{number:016x}" for number in (1, 3)]


@pytest.fixture
def old(store: TelemetryStore) -> TelemetryStore:
    """Three days of spans and of a counter, an hour apart, received as they came."""
    times = [T0 + hour * HOUR_NS for hour in range(72)]
    append(store, [sent_live(number, start, start + SECOND) for number, start in enumerate(times, 1)])
    counted = [
        Record("metrics", "provider", "", at, metrics("hw.host.energy", [point(at, number * 1000, start=T0)], unit="J"), live=True)
        for number, at in enumerate(times, 1)
    ]
    append(store, counted)
    return store


def both(store: TelemetryStore) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    settled, live = store.settled_usage(), store.collect(BOOK).usage
    return (
        [*settled.rows.to_pylist(), *live.rows.to_pylist()],
        [*settled.readings.to_pylist(), *live.readings.to_pylist()],
    )


def test_settling_changes_no_figure_and_takes_old_segments_out_of_the_way(old: TelemetryStore) -> None:
    expected = both(old)
    now = T0 + 3 * DAY_NS + 2 * HORIZON_NS
    assert not old.settle(BOOK, now - 3 * DAY_NS), "nothing is old enough"
    assert old.settle(BOOK, now)
    assert old.settled_ns > T0
    assert both(old) == expected
    assert len(list(old.log.glob("*.wal"))) == 2, "a counter's last point is needed for a horizon more"

    # Quiet for so long that no silence of the counter can reach back.
    later = now + HORIZON_NS + 2 * DAY_NS
    append(old, [sent_live(999, later, later)])
    assert old.settle(BOOK, later)
    assert [path.parent.name for path in old.path.rglob("*.wal")] == ["archive", "archive"]
    rows, readings = both(old)
    assert [row for row in rows if row["operation"] == "GET /"][:72] == expected[0]
    assert readings == expected[1]


@given(
    st.lists(st.tuples(st.integers(0, 9 * 24), st.integers(0, 7200), st.integers(0, 3 * 24)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 12 * 24), st.integers(0, 10**6)), max_size=8),
    st.lists(st.integers(10, 40), min_size=1, max_size=3),
)
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_settling_at_any_time_changes_no_figure(
    tmp_path_factory: pytest.TempPathFactory,
    sent: list[tuple[int, int, int]],
    counted: list[tuple[int, int]],
    days: list[int],
) -> None:
    """Whatever was sent, however late within the horizon, and however often it is settled in between."""
    place = tmp_path_factory.mktemp("store")
    store = TelemetryStore(place / "wal", place / "telemetry")
    records = []
    for number, (hour, seconds, late) in enumerate(sent, 1):
        start = T0 + hour * HOUR_NS
        made = traces([span(number, start, start + seconds * SECOND)])
        records.append(replace(tenant(made), received_ns=start + seconds * SECOND + late * HOUR_NS, live=True))
    for hour, value in counted:
        at = T0 + hour * HOUR_NS
        payload = metrics("hw.host.energy", [point(at, value, start=T0)], unit="J")
        records.append(Record("metrics", "provider", "", at, payload, live=True))
    records.sort(key=lambda record: record.received_ns)
    whole = collect(records, BOOK).usage
    for now in sorted(T0 + day * DAY_NS for day in days):
        append(store, [record for record in records if record.received_ns < now])
        records = [record for record in records if record.received_ns >= now]
        store.settle(BOOK, now)
    append(store, records)
    rows, readings = both(store)
    assert sorted(rows, key=str) == sorted(whole.rows.to_pylist(), key=str)
    assert sorted(readings, key=str) == sorted(whole.readings.to_pylist(), key=str)


def test_a_segment_that_its_writer_has_open_stays(old: TelemetryStore) -> None:
    later = T0 + 3 * DAY_NS + 3 * HORIZON_NS + 2 * DAY_NS
    with WriteAheadLog(old.log, min_free_bytes=0) as log:
        late = sent_live(999, T0, T0)
        take(log, "traces", late.payload, role="tenant", account="alice", received_ns=T0, live=True)
        old.settle(BOOK, later)
        assert len(list(old.log.glob("*.wal"))) == 1
        take(log, "traces", late.payload, role="tenant", account="alice", received_ns=T0, live=True)
    assert len(list(old.log.glob("*.wal"))) == 1


def test_what_a_file_tells_of_a_settled_hour_gets_a_file_of_its_own(old: TelemetryStore) -> None:
    old.settle(BOOK, T0 + 3 * DAY_NS + 2 * HORIZON_NS)
    expected = both(old)
    append(old, [tenant(traces([span(500, T0, T0 + SECOND)]))])
    old.collect(BOOK, keep=True)
    assert both(old) == expected
    (path,) = (old.path / "dead-letters").rglob("*.jsonl")
    assert path.parent.parent.name == "of-a-settled-hour"


def test_settling_that_a_crash_cut_is_done_again(old: TelemetryStore) -> None:
    expected = both(old)
    now = T0 + 3 * DAY_NS + 2 * HORIZON_NS
    old.settle(BOOK, now)
    (old.path / "settled.json").unlink()  # as if the process had ended before it was written
    assert both(old) == expected
    assert old.settle(BOOK, now)
    assert both(old) == expected


def test_a_dead_letter_file_is_taken_in_by_the_verb(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    append(data.telemetry, [sent_live(2, T0, T0 + HORIZON_NS + 1)])
    data.telemetry.collect(BOOK, keep=True)
    (path,) = (data.path / "telemetry" / "dead-letters").rglob("*.jsonl")
    taken = ingest_file(data, path, account="alice")
    assert (taken.requests, taken.rejected) == (1, 0)
    assert data.telemetry.collect(BOOK).span_count == 1
