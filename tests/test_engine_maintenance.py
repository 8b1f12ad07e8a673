"""Maintenance does what it can: a damaged segment holds up its own day and no other, and what was left is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.maintenance import maintain
from greencloud.errors import LeaseLostError, StorageFullError, StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.version import Segment
from greencloud.usage import empty_usage
from ledger_builders import EVER, batch, energy_of, hour

NOW = datetime.now(UTC) + timedelta(days=30)  # beyond the grace of what a test writes
LATER = hour(24 * 30).start


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """Three sites of two hours of one day and two of the next."""
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.ledger.post_all([batch({"a": 1}, site=site, window=hour(at)) for site in "abc" for at in range(4)])
    return data


def damage(data: DataDirectory, segment: Segment, how: str) -> None:
    path = data.ledger.store.root / segment.path
    if how == "lost":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("how", ["lost", "torn"])
def test_a_damaged_segment_holds_up_its_own_day_alone(data: DataDirectory, how: str) -> None:
    left = data.inputs.write(BatchInputs(empty_usage()))
    damage(data, data.ledger.store.read().segments(sites=("a",))[0], how)
    done = maintain(data, NOW)
    assert done.days == 5
    assert done.rollups == 3 * 4 - 2  # two days and two months of each site, but for the damaged day and its month
    day, inputs = done.left
    assert day.startswith("a 2026-01-31 stays as it is: ")
    assert "cannot be read" in day
    assert inputs.startswith("no inputs are removed: ")
    assert data.inputs.holds(left)  # the damaged batch may be the one that needs it
    assert len(data.ledger.snapshot().contents.segments()) == 2 * 2 + 1 + 2
    with pytest.raises(StoreError):
        data.ledger.snapshot().footprint(EVER)
    assert data.ledger.post(batch({"a": 1}, site="a", window=hour(0)))
    repaired = maintain(data, NOW)
    assert (repaired.days, repaired.rollups, repaired.left) == (1, 2, ())
    assert not data.inputs.holds(left)
    assert energy_of(data.ledger) == {"a": 12}


def test_a_damaged_day_that_was_compacted_is_told_where_it_is_not_rolled_up(data: DataDirectory) -> None:
    compact(data.ledger, LATER)
    damage(data, data.ledger.store.read().segments(sites=("b",))[1], "torn")
    done = maintain(data, NOW)
    assert done.rollups == 3 * 4 - 2
    assert [sentence.partition(":")[0] for sentence in done.left] == ["b 2026-02-01 is not rolled up", "no inputs are removed"]


def test_the_command_tells_what_was_left_and_fails_at_the_end(data: DataDirectory) -> None:
    command = ["ledger", "maintain", "--data", str(data.path)]
    damage(data, data.ledger.store.read().segments(sites=("a",))[0], "lost")
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 1
    assert "left: a 2026-01-31 stays as it is: " in told.output
    assert "5 days compacted" in told.output
    data.ledger.post(batch({"a": 1}, site="a", window=hour(0)))
    assert CliRunner().invoke(main, command).exit_code == 0


@pytest.mark.parametrize("error", [LeaseLostError("passed on"), StorageFullError("full")])
def test_what_concerns_every_day_ends_it(data: DataDirectory, error: StoreError) -> None:
    def fail(step: str) -> None:
        if step == "segment_written":
            raise error

    told: list[object] = []
    with pytest.raises(type(error)):
        compact(Ledger(data.ledger.root, checkpoint=fail), LATER, left=lambda *day: told.append(day))
    assert told == []
