"""What a loss of power leaves of the table's log: nothing acknowledged is lost, and what was in the middle is named and mended.

What was not synced is torn here by hand, as a disk does that kept the name and not the content.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.errors import StoreError
from greencloud.ledger import Ledger
from ledger_builders import batch, energy_of, hour

COMMITS = 23  # a checkpoint is made at every 20th

EMPTY: Callable[[bytes], bytes] = lambda _: b""  # noqa: E731
HALF: Callable[[bytes], bytes] = lambda content: content[: len(content) // 2]  # noqa: E731
ZEROS: Callable[[bytes], bytes] = lambda content: bytes(len(content))  # noqa: E731


@contextmanager
def synced_files() -> Iterator[set[str]]:
    """The names of the files and folders that are synced meanwhile."""
    real, seen = os.fsync, set[str]()

    def watch(file: int) -> None:
        seen.add(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", watch)
        yield seen


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = DataDirectory.open(tmp_path_factory.mktemp("posted") / "data", create=True)
    for at in range(COMMITS):
        data.ledger.post(batch({"a": 1, "b": at}, window=hour(at)))
    return data.path


@pytest.fixture
def ledger(posted: Path, tmp_path: Path) -> Ledger:
    return DataDirectory.open(shutil.copytree(posted, tmp_path / "data"), create=False).ledger


def log(ledger: Ledger, name: str) -> Path:
    return max((ledger.root / "_delta_log").glob(name))


def test_all_that_a_reader_opens_is_synced_before_a_post_is_acknowledged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for at in range(COMMITS):
        with synced_files() as seen:
            ledger.post(batch({"a": 1}, window=hour(at)))
        folder = tmp_path / "_delta_log"
        fresh = {folder, folder / f"{at:020}.json", *folder.glob(f"{at:020}.checkpoint*"), *folder.glob("_last_checkpoint")}
        assert {str(path) for path in fresh} <= seen
    assert list((tmp_path / "_delta_log").glob("*.checkpoint*"))


@pytest.mark.parametrize("harm", [EMPTY, HALF, ZEROS])
@pytest.mark.parametrize("name", ["*.checkpoint.parquet", "_last_checkpoint"])
def test_a_torn_checkpoint_costs_nothing(ledger: Ledger, name: str, harm: Callable[[bytes], bytes]) -> None:
    before = energy_of(ledger)
    torn = log(ledger, name)
    torn.write_bytes(harm(torn.read_bytes()))
    again = Ledger(ledger.root)
    assert energy_of(again) == before
    assert again.post(batch({"a": 5}, window=hour(50)))
    assert energy_of(ledger.root) == before | {"a": before["a"] + 5}
    assert again.verify() == []


@pytest.mark.parametrize("harm", [HALF, ZEROS])
def test_a_torn_newest_entry_is_named_and_set_aside_when_it_is_said(ledger: Ledger, harm: Callable[[bytes], bytes]) -> None:
    data = str(ledger.root.parent)
    before = energy_of(ledger, version=COMMITS - 2)
    torn = log(ledger, "*.json")
    content = harm(torn.read_bytes())
    torn.write_bytes(content)
    for ask in (lambda: Ledger(ledger.root).snapshot(), lambda: Ledger(ledger.root).post(batch({"a": 5}, window=hour(50)))):
        with pytest.raises(StoreError, match="torn") as found:
            ask()
        assert "greencloud ledger repair" in found.value.advice
    done = CliRunner().invoke(main, ["ledger", "repair", "--data", data])
    assert done.exit_code == 0, done.output
    assert (torn.parent / "torn" / torn.name).read_bytes() == content
    assert energy_of(ledger.root) == before
    assert Ledger(ledger.root).post(batch({"a": 1, "b": COMMITS - 1}, window=hour(COMMITS - 1)))
    assert Ledger(ledger.root).verify() == []
    again = CliRunner().invoke(main, ["ledger", "repair", "--data", data])
    assert "nothing to repair" in again.stdout


def test_an_empty_newest_entry_is_a_version_in_which_nothing_happened_and_is_named(ledger: Ledger) -> None:
    before = energy_of(ledger, version=COMMITS - 2)
    log(ledger, "*.json").write_bytes(b"")
    again = Ledger(ledger.root)
    assert energy_of(again) == before
    assert again.post(batch({"a": 1, "b": COMMITS - 1}, window=hour(COMMITS - 1)))
    (finding,) = again.verify()
    assert "the entry of the table's log is damaged" in finding


def test_a_whole_log_that_delta_cannot_read_is_not_repaired_away(ledger: Ledger) -> None:
    damaged = ledger.root / "_delta_log" / f"{COMMITS - 2:020}.json"
    damaged.write_bytes(HALF(damaged.read_bytes()))
    with pytest.raises(StoreError, match="log") as found:
        Ledger(ledger.root).snapshot()
    assert "repair" not in (found.value.advice or "")
    assert ledger.store.repair() is None


def test_a_disk_that_does_not_confirm_a_commit_is_told_so_and_doing_it_again_counts_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fails(file: int) -> None:
        if "_delta_log" in str(Path(f"/proc/self/fd/{file}").readlink()):
            raise OSError(5, "Input/output error")
        real(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(StoreError, match="was committed") as found:
            ledger.post(batch({"a": 9}, window=hour(60)))
    assert "nothing was posted" not in found.value.message
    before = energy_of(ledger.root)
    assert ledger.post(batch({"a": 9}, window=hour(60))) is None
    assert energy_of(ledger.root) == before
