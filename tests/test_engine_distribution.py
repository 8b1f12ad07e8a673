"""A run with workers leaves the same ledger, to the bit, as one in this process; and a worker that dies costs nothing."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.partition import Made, Partition
from greencloud.engine.pool import ProcessPool
from greencloud.engine.runner import InProcess, Runner
from greencloud.engine.work import opened, run_partition
from greencloud.errors import StoreError
from greencloud.ledger import Batch
from greencloud.ledger.columns import ROWS
from greencloud.ledger.segments import cached_headers, read_segment
from greencloud.usage import usage_from
from ledger_bits import bits
from profiles import examples

START = datetime(2026, 5, 28, 21, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)

BOOK = (
    """
[facility]
name = "Two halls"
default_site = "hall"
[[curves]]
name = "server"
points = [[0, 100], [1, {watts}]]
source = "test"
"""
    + "".join(
        f"""
[[sites]]
id = "{site}"
region = "eu"
grid_zone = "DE"
pue = 1.1
scope1 = "none"
[[hosts]]
id = "{host}"
site = "{site}"
vcpu = 8
memory = "8 GiB"
curve = "server"
"""
        for site, host in (("hall", "h1"), ("barn", "h2"))
    )
    + "".join(
        f"""
[[factors]]
zone = "DE"
kind = "{kind}"
start = 2020-01-01
g_per_kwh = 100
source = "test"
"""
        for kind in ("location", "residual", "upstream")
    )
)

SITES = {"h1": "hall", "h2": "barn"}


@dataclass(frozen=True)
class Use:
    hour: int
    host: str
    account: str
    cpu_s: int


USES = st.lists(
    st.builds(Use, st.integers(0, 5), st.sampled_from(["h1", "h2"]), st.sampled_from(["a", "b", "c"]), st.integers(1, 3600)),
    min_size=1,
    max_size=12,
    unique_by=lambda use: (use.hour, use.host, use.account),
)
STEPS = st.lists(st.tuples(USES, st.sampled_from([200, 250]), st.integers(0, 8)), min_size=1, max_size=3)
"""What becomes known, the book then, and the hour of the run: some are early enough that windows are provisional."""


class Shuffled:
    """In another order than they were handed out, and each twice, as an engine may."""

    name = "shuffled"

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        wanted = list(parts)
        self._random.shuffle(wanted)
        for part in wanted:
            run_partition(place, Partition.decoded(part.encoded()))
            yield Made.decoded(run_partition(place, part).encoded())


def book(folder: Path, watts: int) -> Path:
    path = folder / f"book-{watts}.toml"
    path.write_text(BOOK.replace("{watts}", str(watts)))
    return path


def take(data: DataDirectory, uses: Sequence[Use]) -> None:
    rows = [
        {
            "window_start": START + timedelta(hours=use.hour),
            "window_s": 3600,
            "site": SITES[use.host],
            "host": use.host,
            "account": use.account,
            "cpu_ns": use.cpu_s * 10**9,
            "source": "provider",
            "quality": "exact",
        }
        for use in uses
    ]
    data.segments.write(usage_from(rows))


@settings(max_examples=examples(5, thorough=60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.sampled_from(["reserved_and_used", "used", "temporal_shapley"]), st.integers(0, 99))
def test_workers_leave_the_same_ledger_to_the_bit(steps: list[tuple[list[Use], int, int]], rule: str, seed: int) -> None:
    with TemporaryDirectory() as folder:
        one, other = (DataDirectory.open(Path(folder, name), create=True) for name in ("one", "other"))
        known: set[tuple[int, str, str]] = set()
        for uses, watts, hour in steps:
            fresh = [use for use in uses if (use.hour, use.host, use.account) not in known]
            known |= {(use.hour, use.host, use.account) for use in fresh}
            now = START + timedelta(hours=hour, minutes=5)
            for data in (one, other):
                data.apply_facility(book(Path(folder), watts))
                if fresh:
                    take(data, fresh)
            here = run_allocation(one, rule=rule, now=now)
            there = run_allocation(other, rule=rule, now=now, runner=Shuffled(seed))
            assert [each.id for each in there.posted] == [each.id for each in here.posted]
            assert (there.unchanged_count, there.refused) == (here.unchanged_count, here.refused)
            assert bits(one) == bits(other)
        assert other.ledger.verify() == []
        assert other.inputs.revisions() == one.inputs.revisions()


@pytest.fixture
def hours(tmp_path: Path) -> DataDirectory:
    """Six hours of two sites."""
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.apply_facility(book(tmp_path, 200))
    take(data, [Use(hour, host, account, 60 * (hour + 1)) for hour in range(6) for host in SITES for account in "ab"])
    return data


def alike(data: DataDirectory, runner: Runner, tmp_path: Path) -> None:
    """The run with this runner leaves what one in this process leaves."""
    plain = DataDirectory.open(tmp_path / "plain", create=True)
    plain.apply_facility(book(tmp_path, 200))
    take(plain, [Use(hour, host, account, 60 * (hour + 1)) for hour in range(6) for host in SITES for account in "ab"])
    expected = run_allocation(plain, now=NOW)
    told: list[tuple[int, int]] = []
    found = run_allocation(data, now=NOW, runner=runner, progress=lambda done, count: told.append((done, count)))
    assert [each.id for each in found.posted] == [each.id for each in expected.posted]
    assert len(found.posted) == 12
    assert bits(data) == bits(plain)
    assert told[-1] == (12, 12)
    again = run_allocation(data, now=NOW, runner=runner)
    assert (again.posted, again.unchanged_count) == ((), 12)


def test_a_pool_of_processes(hours: DataDirectory, tmp_path: Path) -> None:
    alike(hours, ProcessPool(2), tmp_path)


class Killing(ProcessPool):
    """The pool, of which a process is killed once it has done something."""

    killed = 0

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        for made in super().map(parts, place):
            if not self.killed:
                self.killed = self._one()
                os.kill(self.killed, signal.SIGKILL)
            yield made

    @staticmethod
    def _one() -> int:
        found = [child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
        return int(found[0])


@pytest.mark.stress
def test_a_process_of_the_pool_is_killed(hours: DataDirectory, tmp_path: Path) -> None:
    runner = Killing(2)
    alike(hours, runner, tmp_path)
    assert runner.killed


def test_a_window_that_is_refused_by_a_worker_holds_up_no_other(hours: DataDirectory) -> None:
    refused = replace(_first(hours), rule="no_such_rule")
    made = run_partition(str(hours.path), refused)
    assert (made.result, made.reason) == ("refused", "ALLOCATION_REFUSED")

    class Spoiling(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            for number, part in enumerate(parts):
                yield run_partition(place, replace(part, rule="no_such_rule") if not number else part)

    run = run_allocation(hours, now=NOW, runner=Spoiling())
    assert (len(run.posted), len(run.refused)) == (11, 1)
    assert run.refused[0].reason == "ALLOCATION_REFUSED"


def test_a_window_that_a_worker_has_no_memory_for_is_refused_with_what_it_needs(hours: DataDirectory) -> None:
    run = run_allocation(hours, now=NOW, runner=InProcess(), worker_memory=64 << 20)
    assert (len(run.posted), len(run.refused)) == (0, 12)
    assert "2 usage rows need some 0.3 GiB" in run.refused[0].message
    assert len(run_allocation(hours, now=NOW, runner=InProcess(), worker_memory=1 << 30).posted) == 12


def test_what_a_worker_cannot_read_ends_the_run_and_what_was_posted_stands(hours: DataDirectory) -> None:
    class Losing(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            for number, part in enumerate(parts):
                yield run_partition(place, replace(part, usage="0" * 64) if number == 11 else part)

    with pytest.raises(StoreError, match="begin the run again"):
        run_allocation(hours, now=NOW, runner=Losing())
    posted = len(hours.ledger.snapshot().batches())
    assert 0 < posted < 12
    run = run_allocation(hours, now=NOW, runner=InProcess())
    assert len(run.posted) == 12 - posted
    assert hours.ledger.verify() == []


@pytest.mark.parametrize("lost", [0, 3, 11])
def test_a_window_that_an_engine_loses_is_told(hours: DataDirectory, lost: int) -> None:
    class Losing(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            return (run_partition(place, part) for number, part in enumerate(parts) if number != lost)

    with pytest.raises(StoreError, match="local gave no answer for 1 windows"):
        run_allocation(hours, now=NOW, runner=Losing())
    run = run_allocation(hours, now=NOW, runner=InProcess())
    assert (len(run.posted), run.unchanged_count) == (1, 11)


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_that_comes_twice_counts_once(hours: DataDirectory, tmp_path: Path, late: bool) -> None:
    class Repeating(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            again: list[Partition] = []
            for part in parts:
                yield run_partition(place, part)
                again.append(part)
                if not late:
                    yield run_partition(place, part)
            yield from (run_partition(place, part) for part in again)

    alike(hours, Repeating(), tmp_path)


def test_a_worker_of_another_release_is_told_apart(hours: DataDirectory) -> None:
    content = _first(hours).encoded().replace(b'"rule"', b'"rulebook"')
    with pytest.raises(StoreError, match="same release"):
        Partition.decoded(content)


def test_what_was_made_for_another_state_of_the_ledger_is_read_back(hours: DataDirectory, tmp_path: Path) -> None:
    """Between hand-out and commit somebody posts one of the windows without a lease: the worker's file says nothing of that."""

    class Meddling(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            wanted = list(parts)
            mades = [run_partition(place, part) for part in wanted]
            other = DataDirectory.open(tmp_path / "other", create=True)
            other.apply_facility(book(tmp_path, 250))
            take(other, [Use(0, "h1", "a", 60)])
            run_allocation(other, now=NOW)
            (batch,) = other.ledger.snapshot().batches()
            hours.ledger.post(_batch_of(other, batch.id))
            yield from mades

    run = run_allocation(hours, now=NOW, runner=Meddling())
    first = next(each for each in run.posted if (each.site, each.start) == ("hall", START))
    assert first.supersedes
    assert first.causes
    assert hours.ledger.verify() == []
    (record,) = hours.ledger.snapshot().restatement_records()
    assert record.new.id == first.id


def _batch_of(data: DataDirectory, batch_id: str) -> Batch:
    (segment,) = data.ledger.snapshot().contents.segments()
    path = data.ledger.store.root / segment.path
    (header,) = cached_headers(path)
    assert header.summary.id == batch_id
    return Batch(header.summary, read_segment(path).select(ROWS.names), header.totals)


def _first(data: DataDirectory) -> Partition:
    seen: list[Partition] = []

    class Noting(InProcess):
        def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
            seen.extend(parts)
            return iter(())

    with pytest.raises(StoreError, match="no answer for 12 windows"):
        run_allocation(data, now=NOW, runner=Noting())
    opened.cache_clear()
    return seen[0]
