"""A run posts a site's day in one step: what is refused is left out, and a damaged day is replaced as a whole."""

from __future__ import annotations

import os
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.posting import Outcome
from greencloud.errors import LeaseLostError
from greencloud.ledger import Because, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.lease import Held, Leases
from greencloud.ledger.segments import _kept, count_in
from greencloud.results import RunSummary
from greencloud.usage import usage_from
from ledger_builders import EVER_BY_ACCOUNT, batch
from test_restatement_replays import HEAD, METERS, NOW, START, apply, directory, metered, region, run, used

HOURS = 4
NEXT = 24  # an hour of the next day
SITES = ("a", "b")


def posted(tmp_path: Path) -> DataDirectory:
    """Two sites of some hours of a day, compacted."""
    data = directory(tmp_path, [used(site, "acme", 3600, hour) for site in SITES for hour in range(HOURS)])
    book(data, tmp_path / "one", "129")
    run(data)
    assert compact(data.ledger, NOW) == len(SITES)
    return data


def book(data: DataDirectory, folder: Path, grams: str) -> None:
    meters = METERS + "".join(metered(site, HOURS) for site in SITES)
    apply(data, folder, HEAD + "".join(region(site, grams) for site in SITES), meters=meters)


def damage(data: DataDirectory, how: str) -> None:
    """The compacted day of site a."""
    (segment,) = [each for each in data.ledger.store.read().segments(sites=("a",)) if count_in(each.path) > 1]
    path = data.ledger.store.root / segment.path
    if how == "lost":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    _kept.cache_clear()  # as in a process that never read it


def add_next_day(data: DataDirectory) -> None:
    data.segments.write(usage_from([used(site, "acme", 3600, NEXT) for site in SITES]))


@pytest.mark.parametrize("how", ["lost", "torn"])
def test_a_damaged_day_is_allocated_again_by_the_next_run_and_stops_no_other(tmp_path: Path, how: str) -> None:
    data = posted(tmp_path)
    before = data.ledger.snapshot().footprint(EVER_BY_ACCOUNT)
    damage(data, how)
    foreseen = run_allocation(data, now=NOW, dry_run=True)
    done = run(data)
    assert done == foreseen
    assert [(batch.site, batch.causes) for batch in done.posted] == [("a", ())] * HOURS
    assert data.ledger.snapshot().footprint(EVER_BY_ACCOUNT) == before
    assert data.ledger.snapshot().restatements() == []
    assert run(data).unchanged_count == len(SITES) * HOURS


def test_a_part_of_a_damaged_day_is_refused_with_the_reason_and_later_days_are_posted(tmp_path: Path) -> None:
    data = posted(tmp_path)
    damage(data, "torn")
    add_next_day(data)
    start = START + timedelta(hours=1)
    for dry in (True, False):
        done = run_allocation(data, now=NOW, start=start, dry_run=dry)
        assert [(each.site, each.start, each.reason) for each in done.refused] == [
            ("a", START + timedelta(hours=hour), "STORE_ERROR") for hour in range(1, HOURS)
        ]
        assert "1 more of its 4 batches would be lost" in done.refused[0].message
        assert {(batch.site, batch.start) for batch in done.posted} == {(site, START + timedelta(hours=NEXT)) for site in SITES}
    assert len(run(data).posted) == HOURS


def test_a_restated_day_is_replaced_by_one_commit_a_site(tmp_path: Path) -> None:
    data = posted(tmp_path)
    book(data, tmp_path / "two", "100")
    version = data.ledger.snapshot().version
    done = run(data, 1)
    assert data.ledger.snapshot().version == version + len(SITES)
    assert [(batch.start, batch.site) for batch in done.posted] == sorted((each.start, each.site) for each in done.posted)
    assert len(list(data.ledger.store.folder.iterdir())) == (HOURS + 1 + HOURS) * len(SITES)  # none is a copy


def test_a_window_that_is_refused_is_left_out_of_its_day(tmp_path: Path) -> None:
    data = posted(tmp_path)
    meters = METERS + metered("a", 1, 40) + "".join(metered("a", HOURS, 4).splitlines(keepends=True)[1:]) + metered("b", HOURS)
    apply(data, tmp_path / "two", HEAD + region("a", "100") + region("b", "100"), meters=meters)
    options = {"most_change": Fraction(1, 2), "now": NOW + timedelta(hours=1)}
    foreseen = run_allocation(data, dry_run=True, **options)  # type: ignore[arg-type]
    version = data.ledger.snapshot().version
    done = run_allocation(data, **options)  # type: ignore[arg-type]
    assert [(each.site, each.start) for each in done.refused] == [("a", START)]
    assert (done.refused, done.unchanged_count) == (foreseen.refused, foreseen.unchanged_count)
    assert len(done.posted) == len(SITES) * HOURS - 1
    assert data.ledger.snapshot().version == version + len(SITES)


def test_a_lease_that_has_passed_on_is_no_fault_of_a_window(tmp_path: Path) -> None:
    ledger, leases = Ledger(tmp_path), Leases(tmp_path / "leases")
    outcome = Outcome(ledger, Held(leases, leases.take("x", NOW), lambda: NOW))
    ledger.post(batch({"a": 1}), lease=2)
    with pytest.raises(LeaseLostError):
        outcome.post([batch({"a": 2})], Because())
    assert outcome.summary() == RunSummary((), 0, ())
