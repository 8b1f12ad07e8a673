"""A run over a lake of usage leaves what a run over the same usage in the data directory leaves, to the bit."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.lake import write_partition
from greencloud.engine.runner import InProcess
from greencloud.errors import UsageDataError
from greencloud.results import FootprintQuery
from greencloud.units import Window
from greencloud.usage import Usage, by_window, empty_usage
from ledger_bits import bits
from profiles import examples
from test_engine_distribution import START, STEPS, Shuffled, Use, book, take

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def lay_out(lake: str, usage: Usage) -> None:
    for (site, window), part in by_window(usage).items():
        write_partition(lake, site, window, part)


@settings(max_examples=examples(4, thorough=40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_lake_leaves_the_same_ledger_to_the_bit(steps: list[tuple[list[Use], int, int]]) -> None:
    with TemporaryDirectory() as folder:
        one, other = (DataDirectory.open(Path(folder, name), create=True) for name in ("one", "other"))
        lake = str(Path(folder, "lake"))
        known: set[tuple[int, str, str]] = set()
        for uses, watts, _ in steps:
            fresh = [use for use in uses if (use.hour, use.host, use.account) not in known]
            known |= {(use.hour, use.host, use.account) for use in fresh}
            if fresh:
                take(one, fresh)
            lay_out(lake, one.segments.read())
            for data in (one, other):
                data.apply_facility(book(Path(folder), watts))
            here = run_allocation(one, now=NOW)
            there = run_allocation(other, now=NOW, lake=lake, runner=Shuffled(len(uses)))
            assert [each.id for each in there.posted] == [each.id for each in here.posted]
            assert there.unchanged_count == here.unchanged_count
            assert bits(one) == bits(other)
        assert run_allocation(other, now=NOW, lake=lake).posted == ()


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    found = DataDirectory.open(tmp_path / "data", create=True)
    found.apply_facility(book(tmp_path, 200))
    return found


def test_a_run_over_a_lake_leaves_alone_what_the_lake_does_not_hold(data: DataDirectory, tmp_path: Path) -> None:
    take(data, [Use(0, "h1", "a", 60)])
    run_allocation(data, now=NOW)
    before = bits(data)
    source = DataDirectory.open(tmp_path / "source", create=True)
    take(source, [Use(1, "h1", "a", 60)])
    lay_out(str(tmp_path / "lake"), source.segments.read())
    run = run_allocation(data, now=NOW, lake=str(tmp_path / "lake"), runner=InProcess())
    assert [each.start for each in run.posted] == [START.replace(hour=22)]
    assert before.items() < bits(data).items()


def test_windows_of_another_length_are_refused(data: DataDirectory, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    write_partition(lake, "hall", Window(START, 900), empty_usage())
    with pytest.raises(UsageDataError, match="900 s"):
        run_allocation(data, now=NOW, lake=lake)


def metered(folder: Path, kwh: int = 50) -> Path:
    """A book with meters of hall's first two hours."""
    path = book(folder, 200)
    meters = [f"2026-05-28T{hour}:00:00Z,3600,hall,,{kwh}" for hour in (21, 22)]
    (folder / "meters.csv").write_text("\n".join(["window_start,window_s,site,host,energy_kwh", *meters]) + "\n")
    path.write_text(path.read_text() + '[files]\nmeters = "meters.csv"\n')
    return path


def charged(data: DataDirectory) -> dict[str, int]:
    """Millijoules by account."""
    query = FootprintQuery(START, NOW, group_by=("account",))
    return {row.dimensions["account"]: row.energy.millijoules for row in data.ledger.snapshot().footprint(query)}


@pytest.mark.parametrize("rule", ["reserved_and_used", "temporal_shapley"])
def test_meters_take_no_batch_from_those_who_used_what_a_lake_told(data: DataDirectory, tmp_path: Path, rule: str) -> None:
    lake = str(tmp_path / "lake")
    source = DataDirectory.open(tmp_path / "source", create=True)
    take(source, [Use(0, "h1", "a", 60)])
    lay_out(lake, source.segments.read())
    data.apply_facility(metered(tmp_path))
    assert len(run_allocation(data, now=NOW, rule=rule, lake=lake).posted) == 2
    before = charged(data)
    assert before["a"] > 0
    run = run_allocation(data, now=NOW, rule=rule)  # without the lake, as a server may by the hour
    assert ([each.start.hour for each in run.posted], run.refused, charged(data)) == ([], (), before)
    data.apply_facility(metered(tmp_path, 60))
    run = run_allocation(data, now=NOW, rule=rule)
    assert [each.start.hour for each in run.posted] == [22]  # of which nobody ever told of use
    assert charged(data)["a"] == before["a"]
    shutil.rmtree(lake)  # what is older was removed from the lake
    write_partition(lake, "barn", Window(START, 3600), empty_usage())
    run = run_allocation(data, now=NOW, rule=rule, lake=lake)
    assert [each.site for each in run.posted] == ["barn"]
    assert charged(data)["a"] == before["a"]
    write_partition(lake, "hall", Window(START, 3600), empty_usage())  # to say that there was none is another matter
    run_allocation(data, now=NOW, rule=rule, lake=lake)
    assert charged(data).get("a", 0) == 0


def test_a_lake_that_holds_nothing_is_refused(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(metered(tmp_path))
    with pytest.raises(UsageDataError, match="no usage is laid out"):
        run_allocation(data, now=NOW, lake=str(tmp_path / "laek"))


@pytest.mark.parametrize("start", ["2026-05-28T21%3A30%3A00Z", "9999-12-31T23%3A00%3A00Z"])
def test_a_folder_of_no_window_is_refused_before_anything_is_posted(data: DataDirectory, tmp_path: Path, start: str) -> None:
    lake = tmp_path / "lake"
    source = DataDirectory.open(tmp_path / "source", create=True)
    take(source, [Use(0, "h1", "a", 60)])
    rows = source.segments.read().rows
    for place, table in (("site=barn/window_start=2026-05-28T21%3A00%3A00Z", rows), (f"site=hall/window_start={start}", rows)):
        (lake / place).mkdir(parents=True)
        pq.write_table(table.drop_columns(["site", "window_start"]), lake / place / "part-0.parquet")
    with pytest.raises(UsageDataError, match="no window of 3600 s begins there") as error:
        run_allocation(data, now=NOW, lake=str(lake))
    assert str(error.value).startswith(f"{lake}/site=hall/")
    assert data.ledger.snapshot().version == -1


def test_a_window_that_stays_as_it_is_needs_no_memory(data: DataDirectory, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    source = DataDirectory.open(tmp_path / "source", create=True)
    take(source, [Use(0, "h1", "a", 60)])
    lay_out(lake, source.segments.read())
    assert len(run_allocation(data, now=NOW, lake=lake, worker_memory=64 << 20).refused) == 1
    run_allocation(data, now=NOW, lake=lake)
    again = run_allocation(data, now=NOW, lake=lake, worker_memory=64 << 20)
    assert (again.refused, again.unchanged_count) == ((), 1)


def test_a_newer_edition_restates_what_a_run_without_the_lake_made_final(data: DataDirectory, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    source = DataDirectory.open(tmp_path / "source", create=True)
    take(source, [Use(0, "h1", "a", 60)])
    lay_out(lake, source.segments.read())
    run_allocation(data, now=START + timedelta(minutes=50), lake=lake)
    take(source, [Use(0, "h1", "b", 60)])
    lay_out(lake, source.segments.read())
    assert [each.provisional for each in run_allocation(data, now=NOW).posted] == [False]
    run = run_allocation(data, now=NOW, lake=lake)
    assert [each.causes for each in run.posted] == [("late_data",)]
    assert set(charged(data)) >= {"a", "b"}
