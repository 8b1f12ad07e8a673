"""What a close leaves that was killed before its entry was in the log: a tree that nothing names, which maintenance removes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory
from greencloud.engine.maintenance import maintain
from greencloud.errors import LeaseLostError
from ledger_builders import batch, hour
from test_engine_closes import DAY, NOW

KILLED = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from greencloud.engine import DataDirectory
from greencloud.engine.closes import Closes
from test_engine_closes import DAY, NOW
def kill(at):
    if at == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
data = DataDirectory.open(sys.argv[1], create=False)
Closes(data.path / "closes", data.keys_directory / "closing", objects=data.objects, checkpoint=kill).close(data.ledger, DAY, NOW)
"""
LATER = datetime.now(UTC) + timedelta(days=8)


def trees(data: DataDirectory) -> set[str]:
    stored = data.objects.stored(data.path.absolute() / "closes", below=True)
    return {each.path.parent.name for each in stored} - {"closes", "log"}


@pytest.fixture(params=["folder", "store"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> DataDirectory:
    if request.param == "store":
        made = DataDirectory.attach(request.getfixturevalue("uri"), tmp_path / "data")
    else:
        made = DataDirectory.open(tmp_path / "data", create=True)
    made.ledger.post_all([batch({"a": at, "b": 7}, window=hour(at)) for at in range(2, 26)])
    return made


def test_the_tree_of_a_close_that_was_killed_goes_after_the_grace_and_no_other(data: DataDirectory, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, data.path, "tree_written"], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = trees(data)
    begun = data.path / "closes" / f".{'0' * 64}.77"  # a tree that was not whole yet
    begun.mkdir()
    (begun / "leaves").write_bytes(b"half")
    halves = set() if data.objects.remote else {begun.name}  # which was never put
    root = str(data.closes.close(data.ledger, DAY, NOW).entry["body"]["root"])
    assert trees(data) == {left, root} | halves
    first = data
    if data.objects.remote:  # another machine has no copy of it
        data = DataDirectory.attach(data.objects.uri, tmp_path / "other")
        shutil.copytree(tmp_path / "data" / "keys", data.keys_directory)
    assert maintain(data, datetime.now(UTC)).trees == 0
    assert maintain(data, LATER).trees == 1 + len(halves)
    assert trees(data) == {root}
    assert maintain(data, LATER).trees == 0
    maintain(first, LATER)
    assert [path for path in (first.path / "closes").iterdir() if path.name in {left, begun.name}] == []
    assert list(data.closes.faults()) == []
    assert data.closes.statement("a", DAY.name)


def test_who_lost_the_lease_while_it_closed_closes_nothing_and_leaves_no_tree(data: DataDirectory) -> None:
    def lost() -> None:
        raise LeaseLostError("lease 3 has passed on")

    data.closes.close(data.ledger, DAY, NOW)
    before = trees(data)
    data.ledger.post(batch({"a": 99}, window=hour(5)))
    with pytest.raises(LeaseLostError):
        data.closes.close(data.ledger, DAY, NOW, still=lost)
    assert trees(data) == before
    assert len(data.closes.in_force()) == 1
    assert data.closes.changed(data.ledger.snapshot()) == [DAY.name]


def test_a_log_that_cannot_be_read_holds_up_the_removal_of_trees(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.ledger.post_all([batch({"a": at}, window=hour(at)) for at in range(2, 26)])
    data.closes.close(data.ledger, DAY, NOW)
    (data.path / "closes" / "log.jsonl").write_text("nonsense\n")
    (sentence,) = maintain(data, LATER).left
    assert sentence.startswith("no trees of closes are removed: ")
    assert len(trees(data)) == 1
