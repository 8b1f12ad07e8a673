"""A provisional batch whose usage is gone becomes final from what was kept, so that its period can be closed."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.closes import period_named
from greencloud.engine.recomputation import amounts_of
from greencloud.engine.run import GRACE
from greencloud.errors import ProofError
from greencloud.results import FootprintQuery, RunSummary
from test_restatement_replays import HEAD, START, apply, directory, region, used

DAY = period_named("2026-01-31")
LAST_HOUR = START + timedelta(hours=23)
EVER = FootprintQuery(START - timedelta(days=9), START + timedelta(days=9), group_by=("account", "component"))


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """A day, allocated half an hour before its end; then its usage files are taken away."""
    found = directory(tmp_path, [used("a", "acme", 3600, hour) for hour in range(24)])
    apply(found, tmp_path / "one", HEAD + region("a", "129"))
    done = run_allocation(found, now=LAST_HOUR + timedelta(minutes=30))
    assert [batch.start for batch in done.posted if batch.provisional] == [LAST_HOUR]
    shutil.rmtree(found.path / "usage")
    return found


def provisional(data: DataDirectory) -> list[datetime]:
    return [batch.start for batch in data.ledger.snapshot().batches() if batch.provisional]


def figures(data: DataDirectory) -> list[tuple[dict[str, str], dict[str, int]]]:
    return [(row.dimensions, amounts_of(row)) for row in data.ledger.snapshot().footprint(EVER)]


def run(data: DataDirectory, now: datetime = DAY.end + GRACE, **options: object) -> RunSummary:
    return run_allocation(data, now=now, **options)  # type: ignore[arg-type]


def test_it_becomes_final_with_the_figures_that_it_has(data: DataDirectory) -> None:
    before = figures(data)
    with pytest.raises(ProofError, match="1 batches are provisional"):
        data.closes.close(data.ledger, DAY, DAY.end + GRACE, allow_gaps=True)
    tried = run(data, dry_run=True)
    assert (len(tried.posted), provisional(data)) == (1, [LAST_HOUR])
    done = run(data)
    assert [(batch.start, batch.provisional) for batch in done.posted] == [(LAST_HOUR, False)]
    assert (done.refused, done.restatements, provisional(data)) == ((), (), [])
    assert figures(data) == before
    assert data.ledger.verify() == []
    assert run(data).posted == ()
    assert data.closes.close(data.ledger, DAY, DAY.end + GRACE).notes == []


def test_under_its_own_book(data: DataDirectory, tmp_path: Path) -> None:
    """What a newer book would make of it, nobody can tell for the other hours either."""
    before = figures(data)
    apply(data, tmp_path / "two", HEAD + region("a", "500"))
    run(data)
    assert (figures(data), provisional(data)) == (before, [])


def test_not_before_late_data_may_have_come_and_not_outside_of_what_is_asked_for(data: DataDirectory) -> None:
    assert run(data, DAY.end + GRACE - timedelta(seconds=1)).posted == ()
    assert run(data, end=LAST_HOUR).posted == ()
    assert run(data, start=DAY.end).posted == ()
    assert provisional(data) == [LAST_HOUR]


def test_without_its_inputs_it_is_refused_by_name_until_they_are_there(data: DataDirectory) -> None:
    shutil.move(data.path / "inputs", data.path / "elsewhere")
    (refused,) = run(data).refused
    assert (refused.site, refused.start) == ("a", LAST_HOUR)
    assert "are not kept" in refused.message
    assert "ingest the usage of the window again" in refused.message
    shutil.move(data.path / "elsewhere", data.path / "inputs")
    assert run(data).refused == ()
    assert provisional(data) == []
