"""A process that is killed, or a disk that is full, leaves the whole old state or the whole new one, and the next post works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from greencloud.ledger import Ledger
from ledger_builders import batch, energy_of

STEPS = ("checked", "segment_written", "segment_synced", "segment_renamed", "segment_durable", "committed")
OLD, NEW, NEXT = {"a": 1}, {"a": 2, "b": 5}, {"a": 3}

CHILD = """
import os, signal, sys
from pathlib import Path
from ledger_builders import batch
from greencloud.ledger import Ledger
"""

KILLED_AT_STEP = """
def kill(at):
    if at == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
Ledger(Path(sys.argv[1]), checkpoint=kill).post(batch({"a": 2, "b": 5}))
"""

POST_WITHOUT_END = """
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10**6):
    ledger.post(batch({"a": number, "b": number}))
    print(number, flush=True)
"""

# tmpfs gives whole pages, so every number of free pages ends the post at another write: segment, log entry, checkpoint.
FULL_DISK = """
import subprocess
from greencloud.errors import StorageFullError
from ledger_builders import energy_of
mount = Path(sys.argv[1])
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)], capture_output=True).returncode:
    print("no mount")
    sys.exit()
ledger = Ledger(mount / "ledger")
expected, refused, posted = {}, 0, 0
for number in range(40):
    pages = number % 10
    free = os.statvfs(mount)
    (mount / "ballast").write_bytes(bytes(max(0, free.f_bavail - pages) * free.f_bsize))
    try:
        ledger.post(batch({"a": number + 1}))
        expected, posted = {"a": number + 1}, posted + 1
    except StorageFullError as error:
        assert error.path, error
        refused += 1
    assert energy_of(Ledger(mount / "ledger")) == expected, (number, expected)
    assert ledger.verify() == []
    (mount / "ballast").unlink()
ledger.post(batch({"z": 1}))
assert energy_of(ledger) == {"z": 1}
print(refused, posted)
"""


def child(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{CHILD}{code}", *arguments]


def test_a_post_goes_through_the_steps_that_are_tested_here(tmp_path: Path) -> None:
    steps: list[str] = []
    Ledger(tmp_path, checkpoint=steps.append).post(batch(OLD))
    assert tuple(steps) == STEPS


@pytest.mark.stress
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [True, False], ids=["first", "superseding"])
def test_killed_at_any_step_the_old_or_the_new_state_is_whole(tmp_path: Path, step: str, first: bool) -> None:
    if not first:
        Ledger(tmp_path).post(batch(OLD))
    done = subprocess.run(child(KILLED_AT_STEP, str(tmp_path), step), check=False, timeout=60)
    assert done.returncode == -9
    ledger = Ledger(tmp_path)
    before = {} if first else OLD
    assert energy_of(ledger) == (NEW if step == "committed" else before)
    assert ledger.verify() == []
    again = ledger.post(batch(NEW))
    assert (again is None) is (step == "committed")
    assert energy_of(ledger) == NEW
    ledger.post(batch(NEXT))
    assert energy_of(ledger) == NEXT
    assert ledger.verify() == []


@pytest.mark.stress
def test_killed_at_no_step_in_particular_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    acknowledged = 0
    for kills in range(3):
        process = subprocess.Popen(child(POST_WITHOUT_END, str(tmp_path), str(acknowledged + 1)), stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout
            for _ in range(9 + kills):
                process.stdout.readline()
            process.kill()
            acknowledged = int((process.stdout.readlines() or [str(acknowledged + 9 + kills)])[-1])
        ledger = Ledger(tmp_path)
        energy = energy_of(ledger)
        assert energy in ({"a": n, "b": n} for n in (acknowledged, acknowledged + 1))
        assert ledger.verify() == []
        acknowledged = energy["a"]


def test_a_commit_that_died_half_written_is_no_obstacle(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch(OLD))
    (tmp_path / "_delta_log" / f"{1:020}.json#1").write_text('{"add":')
    (tmp_path / "segments" / ".half.parquet.part").write_bytes(b"PAR1")
    assert energy_of(Ledger(tmp_path)) == OLD
    ledger.post(batch(NEW))
    assert energy_of(Ledger(tmp_path)) == NEW


def test_a_post_whose_checkpoint_fails_after_the_commit_is_acknowledged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 0}))
    for number in range(1, 22):
        (tmp_path / "_delta_log" / f"{number:020}.checkpoint.parquet").mkdir()
        posted = ledger.post(batch({"a": number}))
        assert posted
        assert energy_of(tmp_path) == {"a": number}


@pytest.mark.stress
def test_a_full_disk_changes_nothing_that_is_visible(tmp_path: Path) -> None:
    enter = ["unshare", "--map-root-user", "--mount"]
    try:
        allowed = subprocess.run([*enter, "true"], check=False, capture_output=True, timeout=30).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("a file system of its own needs user namespaces")
    done = subprocess.run([*enter, *child(FULL_DISK, str(tmp_path))], check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("no mount"):
        pytest.skip("a file system of its own needs user namespaces")
    refused, posted = map(int, done.stdout.split())
    assert refused >= 8
    assert posted >= 8
