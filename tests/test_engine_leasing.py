"""A lease that nobody can wait for is let go of, and who held it cannot commit any more, dead or alive."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.place import LedgerPlace
from greencloud.errors import StoreError
from ledger_builders import batch, energy_of, hour

AHEAD = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from datetime import UTC, datetime, timedelta
from greencloud.engine import DataDirectory
from greencloud.engine.leasing import writing
from greencloud.errors import LeaseLostError
from ledger_builders import batch, hour
data = DataDirectory.open(sys.argv[1], create=False)
with writing(data, lambda: datetime.now(UTC) + timedelta(days=400)) as held:
    data.ledger.post(batch({{"a": 1}}), lease=held.number)
    print(held.number, flush=True)
    sys.stdin.readline()
    lost = 0
    for lease in (held._lease.number, None):
        try:
            data.ledger.post(batch({{"a": 100}}, window=hour(7)), lease=lease or held.number)
        except LeaseLostError:
            lost += 1
    print(lost, flush=True)
"""


def opened(kind: str, folder: Path, uri: str) -> DataDirectory:
    data = DataDirectory.open(folder, create=True)
    if kind == "ledger":
        data.place_ledger(LedgerPlace(uri))
    return data


def lease(data: DataDirectory, *words: str) -> Result:
    return CliRunner().invoke(main, ["ledger", "lease", "--data", str(data.path), *words])


def told(data: DataDirectory) -> dict[str, object]:
    found = json.loads(lease(data, "-o", "json").output)
    assert isinstance(found, dict)
    return found


def test_a_lease_of_a_clock_that_was_far_ahead_is_released_and_its_holder_is_refused(uri: str, tmp_path: Path) -> None:
    first, other = (opened("ledger", tmp_path / name, uri) for name in "ab")
    assert lease(other).output == "nobody has held the lease yet\n"
    with subprocess.Popen(
        [sys.executable, "-c", AHEAD, first.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        number = int(holder.stdout.readline())
        with other.allocating(), pytest.raises(StoreError, match="is at work on this ledger until"), other.writing():
            pass
        shown = lease(other)
        assert shown.output.startswith(f"lease {number}  held until {datetime.now(UTC) + timedelta(days=400):%Y-%m}-"), shown.output
        assert "another directory" in shown.output
        doctor = CliRunner().invoke(main, ["doctor", "--data", str(other.path)]).output
        assert f"greencloud ledger lease --release {number}" in doctor

        wrong = lease(other, "--release", str(number + 1))
        assert (wrong.exit_code, f"which is {number}" in wrong.output) == (1, True), wrong.output
        done = lease(other, "--release", str(number))
        assert (done.exit_code, "free" in done.output) == (0, True), done.output
        with other.allocating(), other.writing() as held:
            assert held.number > number
            other.ledger.post(batch({"a": 10}, window=hour(1)), lease=held.number)
        assert holder.communicate("go\n", timeout=60)[0] == "2\n"
    assert energy_of(other.ledger) == {"a": 11}
    assert other.ledger.verify() == []
    assert [each.action for each in other.audit.entries()] == ["ledger lease"] * 2


def test_what_was_released_is_fenced_before_anybody_else_begins(uri: str, tmp_path: Path) -> None:
    first, other = (opened("ledger", tmp_path / name, uri) for name in "ab")
    with first.allocating(), first.writing() as held:
        first.ledger.post(batch({"a": 1}), lease=held.number)
        number = held.number
        lease(other, "--release", str(number))
        with pytest.raises(StoreError, match="has passed to another writer"):
            first.ledger.post(batch({"a": 2}, window=hour(1)), lease=number)
    assert energy_of(first.ledger) == {"a": 1}


def test_one_that_is_renewed_is_not_released(uri: str, tmp_path: Path) -> None:
    first, other = (opened("ledger", tmp_path / name, uri) for name in "ab")
    now = datetime.now(UTC)
    with first.allocating(), first.writing() as held:
        seen = told(other)["number"]
        held._clock = lambda: now + timedelta(seconds=100)
        held.keep()
        done = lease(other, "--release", str(seen))
        assert (done.exit_code, "a holder that is alive" in done.output) == (1, True)
        assert told(other)["held"]
        busy = lease(first, "--release", str(told(first)["number"]))
        assert (busy.exit_code, "another run of the allocation is under way" in busy.output) == (1, True)
    assert (told(other)["held"], told(other)["own"], told(first)["own"]) == (False, False, True)


def test_a_lease_of_a_machine_that_is_gone_in_a_folder(tmp_path: Path) -> None:
    """The name of the machine has changed: a folder that was moved, a container."""
    data = opened("folder", tmp_path / "a", "")
    with data.allocating(), data.writing() as held:
        data.ledger.post(batch({"a": 1}), lease=held.number)
    path = data.path / "ledger" / "leases" / f"{held.number + 1:012}.json"
    path.write_text('{"holder": "gone/1", "expires": "2999-01-01T00:00:00Z"}\n')
    with data.allocating(), pytest.raises(StoreError, match="gone/1 is at work"), data.writing():
        pass
    assert lease(data, "--release", str(held.number + 1)).exit_code == 0
    with data.allocating(), data.writing() as taken:
        data.ledger.post(batch({"a": 1}, window=hour(1)), lease=taken.number)
    assert energy_of(data.ledger) == {"a": 2}
