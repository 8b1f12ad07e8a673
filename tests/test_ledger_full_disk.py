"""On a full disk what was visible stays visible and unchanged, nothing half-made is left, and the same work is done once there is
room: posts, compaction, roll-ups, the vacuum, leases, closes, and the inputs of an allocation. The disk is a real one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.closes import Closes, period_named
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.maintenance import maintain
from greencloud.errors import LeaseLostError, StorageFullError
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.lease import TERM, Leases
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.vacuum import vacuum
from greencloud.proof import verify
from greencloud.usage import usage_from
from ledger_builders import batch, energy_of, hour
from small_disk import SmallDisk, small_disk
from test_engine_closes import DAY, NOW, full_day
from test_engine_run import BOOK, filed, footprint
from test_engine_run import START as FILED

pytestmark = pytest.mark.stress

LATER = hour(24 * 60).start
AFTER_GRACE = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def ledger(disk: SmallDisk) -> Ledger:
    """Four hours of one day."""
    ledger = Ledger(disk.path / "ledger")
    ledger.post_all([batch({"a": 1 + at, "b": 10}, window=hour(2 + at)) for at in range(4)][:3])
    ledger.post(batch({"a": 4, "b": 10}, window=hour(5)))
    return ledger


class Unchanged:
    """That the disk holds, file by file, what it held when this was made, and that the ledger says the same."""

    def __init__(self, disk: SmallDisk, ledger: Ledger) -> None:
        self.disk, self.ledger = disk, ledger
        self.files, self.energy = disk.files(), energy_of(ledger)

    def __call__(self) -> None:
        assert self.disk.files() == self.files
        assert energy_of(Ledger(self.ledger.root)) == self.energy
        assert self.ledger.verify() == []


def test_a_post_that_restates_leaves_nothing_behind(disk: SmallDisk, ledger: Ledger) -> None:
    work = partial(ledger.post, batch({"a": 100}, window=hour(3)))
    posted, refused = disk.until_it_fits(work, Unchanged(disk, ledger))
    assert posted
    assert posted.supersedes
    assert refused > 3
    assert energy_of(ledger) == {"a": 1 + 100 + 3 + 4, "b": 30}


def test_a_day_that_cannot_be_compacted_stays_as_it_is(disk: SmallDisk, ledger: Ledger) -> None:
    before = ledger.snapshot().batches()
    compacted, refused = disk.until_it_fits(partial(compact, ledger, LATER), Unchanged(disk, ledger))
    assert compacted == 1
    assert refused > 2
    assert ledger.snapshot().batches() == before
    assert ledger.verify() == []


def test_of_several_days_those_that_fit_are_compacted(disk: SmallDisk, ledger: Ledger) -> None:
    for day in range(1, 6):
        for at in (2, 3):
            ledger.post(batch({"c": at}, window=hour(24 * day + at)))
    before = ledger.snapshot().batches()

    def holds() -> None:
        assert ledger.snapshot().batches() == before
        assert ledger.verify() == []

    compacted, _ = disk.until_it_fits(partial(compact, ledger, LATER), holds)
    assert compacted >= 1
    assert len(ledger.snapshot().contents.segments()) == 6
    assert compact(ledger, LATER) == 0
    holds()


def test_the_vacuum_needs_no_room_and_makes_some(disk: SmallDisk, ledger: Ledger) -> None:
    compact(ledger, LATER)
    before = ledger.snapshot().batches()
    disk.leave(0)
    removed = vacuum(ledger, AFTER_GRACE)
    assert removed.files == 4
    assert removed.bytes
    (disk.path / "room").write_bytes(bytes(removed.bytes))
    assert ledger.snapshot().batches() == before
    assert ledger.verify() == []


def test_roll_ups_that_do_not_fit_are_not_there(disk: SmallDisk, ledger: Ledger) -> None:
    ledger.post(batch({"z": 7}, "t", window=hour(24 * 3)))
    rollups, before = Rollups(ledger.root), energy_of(ledger)
    contents = ledger.snapshot().contents

    def holds() -> None:
        assert rollups.unreferenced([contents]) == []
        assert rollups.examine(contents) == []
        assert energy_of(Ledger(ledger.root)) == before

    _, refused = disk.until_it_fits(partial(rollups.build, contents, LATER), holds)
    assert refused > 3
    assert rollups.build(contents, LATER) == 0
    assert len(list((ledger.root / "rollups").rglob("*.arrow"))) == 4
    holds()


def test_a_full_lease_is_told_and_one_that_is_let_go_is_free(disk: SmallDisk) -> None:
    leases = Leases(disk.path / "leases")
    lease = leases.take("first/1", NOW)
    disk.leave(0)
    before = disk.files()
    with pytest.raises(StorageFullError, match="lease"):
        leases.renew(lease, NOW)
    assert disk.files() == before
    assert leases.latest() == lease
    leases.release(lease, NOW)
    second = leases.take("second/1", NOW)
    assert (second.number, leases.latest()) == (2, second)
    disk.leave(0)
    third = leases.take("third/1", NOW + 2 * TERM)  # the second has expired, and its room is enough
    assert (third.number, leases.latest()) == (3, third)
    with pytest.raises(LeaseLostError):
        leases.renew(second, NOW)


def test_a_first_lease_that_does_not_fit_is_none(disk: SmallDisk) -> None:
    leases = Leases(disk.path / "leases")
    disk.leave(0)
    with pytest.raises(StorageFullError, match="lease"):
        leases.take("first/1", NOW)
    assert disk.files() == {}
    disk.free()
    assert leases.take("first/1", NOW).number == 1


@pytest.fixture
def data(disk: SmallDisk) -> DataDirectory:
    return DataDirectory.open(disk.path / "data", create=True)


def test_maintenance_on_a_full_disk_removes_what_nobody_needs_and_then_goes_on(disk: SmallDisk, data: DataDirectory) -> None:
    full_day(data.ledger)
    (data.ledger.store.folder / "died.parquet.part").write_bytes(bytes(1 << 20))
    before = data.ledger.snapshot().batches()
    with data.writing():
        pass  # as every run has done that posted
    disk.leave(0)
    with pytest.raises(StorageFullError, match="1 files that nobody needs were removed; run it again"):
        maintain(data, AFTER_GRACE)
    assert data.ledger.snapshot().batches() == before
    assert maintain(data, AFTER_GRACE).days == 1
    assert data.ledger.snapshot().batches() == before


def test_a_data_directory_that_does_not_fit_is_told(disk: SmallDisk) -> None:
    disk.leave(0)
    with pytest.raises(StorageFullError, match="data directory"):
        DataDirectory.open(disk.path / "data", create=True)
    disk.free()
    DataDirectory.open(disk.path / "data", create=True)


class Closed(Unchanged):
    """And that closes are whole and prove what they proved."""

    def __init__(self, disk: SmallDisk, data: DataDirectory) -> None:
        super().__init__(disk, data.ledger)
        self.closes, self.log = data.closes, data.closes.log()

    def __call__(self) -> None:
        super().__call__()
        assert self.closes.log() == self.log
        assert list(self.closes.faults()) == []
        for name in self.closes.in_force():
            assert verify(*self.closes.statement("a", name))


def test_a_close_that_does_not_fit_is_none(disk: SmallDisk, data: DataDirectory) -> None:
    full_day(data.ledger)

    def no_close() -> None:
        kinds = [entry["kind"] for entry in data.closes.log()]
        assert kinds in ([], ["key"]), "the first key may be in force, which closes nothing"
        assert len(list(data.closes.folder.parent.rglob("*.pem*"))) == len(kinds)
        assert [path for path in data.closes.folder.glob("*") if path.is_dir()] == []
        assert list(data.closes.faults()) == []

    first, refused = disk.until_it_fits(partial(data.closes.close, data.ledger, DAY, NOW), no_close)
    assert refused > 3
    Closed(disk, data)()

    month = partial(data.closes.close, data.ledger, period_named("2026-02"), NOW, allow_gaps=True)
    second, refused = disk.until_it_fits(month, Closed(disk, data))
    assert refused > 2
    assert data.closes.in_force() == {"2026-02-01": first.entry, "2026-02": second.entry}
    assert len([path for path in data.closes.folder.iterdir() if path.is_dir()]) == 2


def test_a_key_that_does_not_fit_is_not_in_force(disk: SmallDisk, data: DataDirectory) -> None:
    full_day(data.ledger)
    data.closes.close(data.ledger, DAY, NOW)
    _, refused = disk.until_it_fits(partial(data.closes.rotate, NOW), Closed(disk, data))
    assert refused > 1
    assert [entry["kind"] for entry in data.closes.log()] == ["key", "close", "key"]
    Closed(disk, data)()


def test_a_close_without_room_for_its_temporary_files_is_none(
    disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    full_day(ledger)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    closes = Closes(tmp_path / "closes", tmp_path / "keys")

    def holds() -> None:
        assert not closes.folder.exists()

    disk.until_it_fits(partial(closes.close, ledger, DAY, NOW), holds)
    assert list(closes.in_force()) == ["2026-02-01"]


def test_the_command_line_says_what_to_do_and_works_once_there_is_room(disk: SmallDisk, data: DataDirectory) -> None:
    full_day(data.ledger)
    command = ["ledger", "close", "--data", str(data.path), "2026-02-01"]
    with data.writing():
        pass  # as every run has done that posted
    disk.leave(0)
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == StorageFullError.exit_code
    assert "was not begun" in refused.stderr  # it is noted first
    assert not data.closes.folder.exists()
    assert "free some space" in refused.stderr
    disk.free()
    assert CliRunner().invoke(main, command).exit_code == 0
    assert list(data.closes.faults()) == []


def usage_of(account: str, hours: range) -> list[dict[str, object]]:
    return [
        filed(account, 10**12, window_start=FILED + timedelta(hours=at), source="provider", site="hall", host="h1") for at in hours
    ]


def test_inputs_that_do_not_fit_are_not_there(disk: SmallDisk, data: DataDirectory) -> None:
    kept = data.inputs.write(BatchInputs(usage_from(usage_of("acme", range(1)))))
    before = disk.files()
    inputs = BatchInputs(usage_from(usage_of("acme", range(200))))

    def holds() -> None:
        assert disk.files() == before
        assert data.inputs.read(kept).revision == kept

    revision, refused = disk.until_it_fits(partial(data.inputs.write, inputs), holds)
    assert refused > 1
    assert data.inputs.read(revision) == inputs


def test_an_allocation_on_a_full_disk_posts_what_fits_with_its_inputs(disk: SmallDisk, data: DataDirectory, tmp_path: Path) -> None:
    (tmp_path / "book.toml").write_text(BOOK)
    data.apply_facility(tmp_path / "book.toml")
    data.segments.write(usage_from(usage_of("acme", range(2))))
    now = FILED + timedelta(days=3)
    run_allocation(data, now=now)
    before = footprint(data)["acme"]
    data.segments.write(usage_from(usage_of("acme", range(2, 5)) + usage_of("bolt", range(2, 5))))

    def holds() -> None:
        batches = data.ledger.snapshot().batches()
        assert data.ledger.verify() == []
        assert footprint(data)["acme"].energy >= before.energy
        assert {each.usage_revision for each in batches} <= set(data.inputs.revisions())
        assert all(data.inputs.read(each.usage_revision) for each in batches)
        assert [path for path in data.path.rglob("*") if path.name.startswith(".tmp-") or path.suffix == ".part"] == []

    _, refused = disk.until_it_fits(partial(run_allocation, data, now=now), holds)
    assert refused > 3
    holds()
    assert len(data.ledger.snapshot().batches()) == 5
    assert run_allocation(data, now=now).unchanged_count == 5
