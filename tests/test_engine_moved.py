"""What a new facility book puts at another site is charged there, and nowhere twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.inputs import BatchInputs
from greencloud.facility import starter_facility
from greencloud.goal.ledger_year import ledger_year
from greencloud.results import FootprintQuery, RunSummary
from greencloud.telemetry import Record, WriteAheadLog
from greencloud.usage import empty_usage
from telemetry_world import SECOND, T0, metrics, point, span, traces

BOOK = """
[facility]
window = "{window}"
[[accounts]]
id = "alice"
[[curves]]
name = "flat"
points = [[0, 100], [1, 200]]
source = "test"
[[sites]]
id = "{site}"
region = "jp"
grid_zone = "JP"
pue = 1.5
scope1 = "none"
[[hosts]]
id = "h1"
site = "{site}"
vcpu = 8
memory = "64 GiB"
curve = "flat"
"""
FACTOR = '[[factors]]\nzone = "JP"\nkind = "{kind}"\nstart = {since}-01-01\ng_per_kwh = 400\nsource = "test"\n'
NOW = datetime(2027, 1, 1, tzinfo=UTC)
YEAR = FootprintQuery(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), group_by=("site",))


def book(folder: Path, site: str, *, window: str = "1h", since: int = 2020) -> Path:
    path = folder / f"{site}-{window}-{since}.toml"
    factors = [FACTOR.format(kind=kind, since=since) for kind in ("location", "residual", "upstream")]
    path.write_text(BOOK.format(site=site, window=window) + "".join(factors))
    return path


def ledger_mj(data: DataDirectory) -> dict[str, int]:
    return {row.dimensions["site"]: row.energy.millijoules for row in data.ledger.snapshot().footprint(YEAR)}


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """A data directory with one metered hour of host h1: 100 W, 540 kJ with overhead."""
    made = DataDirectory.open(tmp_path / "data", create=True)
    energy = metrics("hw.host.energy", [point(T0 + 3600 * SECOND, 360_000, start=T0)], unit="J")
    work = span(1, T0, T0 + SECOND, attributes={"greencloud.cpu.time": SECOND})
    log = WriteAheadLog(made.wal_directory)
    log.append(Record("metrics", "provider", "", T0, energy))
    log.append(Record("traces", "tenant", "alice", T0, traces([work])))
    log.close()
    return made


def run(data: DataDirectory) -> RunSummary:
    return run_allocation(data, now=NOW)


def test_a_site_with_a_new_name_is_charged_once(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    (first,) = run(data).posted
    version = data.ledger.snapshot().version
    data.apply_facility(book(tmp_path, "west"))
    moved = {batch.site: batch for batch in run(data).posted}

    assert ledger_mj(data) == {"west": 540_000_000}
    assert moved["east"].supersedes == first.id
    assert moved["east"].withdrawn
    assert not moved["west"].withdrawn
    assert data.ledger.snapshot(version).footprint(YEAR)[0].dimensions == {"site": "east"}
    assert data.ledger.verify() == []
    assert ledger_year(data.ledger.snapshot(), 2026, ("scope1",)).covered_seconds == 3600


def test_a_run_after_a_withdrawal_does_nothing_and_the_old_book_brings_it_back(data: DataDirectory, tmp_path: Path) -> None:
    for site in ("east", "west"):
        data.apply_facility(book(tmp_path, site))
        run(data)
    assert run(data) == RunSummary((), 1, ())
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    assert ledger_mj(data) == {"east": 540_000_000}


def test_the_first_book_after_the_starter_takes_over_what_the_starter_charged(data: DataDirectory, tmp_path: Path) -> None:
    run(data)
    (starter,) = starter_facility().sites
    assert set(ledger_mj(data)) == {starter}
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    assert ledger_mj(data) == {"east": 540_000_000}


def test_a_batch_stands_until_the_site_that_its_usage_moved_to_can_be_allocated(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    data.apply_facility(book(tmp_path, "west", since=2027))
    assert len(run(data).refused) == 1
    assert ledger_mj(data) == {"east": 540_000_000}


def test_a_batch_whose_evidence_is_gone_stands(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    for segment in data.wal_directory.iterdir():
        segment.unlink()
    data.apply_facility(book(tmp_path, "west"))
    assert run(data) == RunSummary()
    assert ledger_mj(data) == {"east": 540_000_000}


METERS = '[files]\nmeters = "meters.csv"\n'
ROW = "window_start,window_s,site,host,energy_kwh\n{hour:%Y-%m-%dT%H}:00:00Z,3600,east,,1\n"


def test_a_site_that_has_meters_and_no_use_any_more_is_allocated_without(data: DataDirectory, tmp_path: Path) -> None:
    (tmp_path / "meters.csv").write_text(ROW.format(hour=datetime.fromtimestamp(T0 // SECOND, UTC)))
    east, west = book(tmp_path, "east"), book(tmp_path, "west")
    east.write_text(east.read_text() + METERS)
    data.apply_facility(east)
    run(data)
    assert ledger_mj(data) == {"east": 3_600_000_000}
    site = BOOK.partition("[[sites]]")[2].partition("[[hosts]]")[0].format(site="east")
    west.write_text(west.read_text() + "[[sites]]" + site + METERS)
    data.apply_facility(west)
    run(data)
    nothing = BatchInputs(empty_usage()).revision
    assert {batch.site for batch in data.ledger.snapshot().batches() if batch.usage_revision != nothing} == {"west"}
    assert ledger_mj(data) == {"east": 3_600_000_000, "west": 540_000_000}


def test_another_length_of_window_withdraws_nothing(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    data.apply_facility(book(tmp_path, "east", window="30min"))
    assert {window.reason for window in run(data).refused} == {"ALLOCATION_REFUSED"}
    assert ledger_mj(data) == {"east": 540_000_000}
