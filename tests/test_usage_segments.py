"""A store of segments holds the merge of what was written, once, and whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from greencloud.errors import StoreError, UsageDataError
from greencloud.usage import SegmentStore, Usage, digest, empty_usage, merge, usage_from
from profiles import examples
from usage_strategies import T0, parts

ROW: dict[str, Any] = {"window_start": T0, "window_s": 3600, "site": "s", "account": "pay", "cpu_ns": 5}
READING: dict[str, Any] = {"window_start": T0, "window_s": 3600, "site": "s", "energy_mj": None}


@settings(max_examples=examples(6))
@given(parts())
def test_a_store_holds_the_merge_of_what_was_written_in_any_order(found: list[Usage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = SegmentStore(Path(folder) / "one"), SegmentStore(Path(folder) / "other")
        for usage in found:
            one.write(usage)
        for usage in [*reversed(found), *found]:
            other.write(usage)
        assert digest(one.read()) == digest(other.read()) == digest(merge(found))
        assert [path.name for path in one.paths()] == [path.name for path in other.paths()]
        assert not list(one.verify())


def test_the_same_usage_is_one_file_named_by_its_digest(tmp_path: Path) -> None:
    store, usage = SegmentStore(tmp_path / "segments"), usage_from([ROW], [READING])
    first = store.write(usage)
    inode = first.stat().st_ino
    assert store.write(usage) == first
    assert first.name.startswith(digest(usage))
    assert first.stat().st_ino == inode
    assert list(store.directory.iterdir()) == [first]


def test_a_directory_that_does_not_exist_reads_as_empty(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path / "none")
    assert digest(store.read()) == digest(empty_usage())
    assert not store.directory.exists()


def test_a_contradiction_is_refused_and_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    store.write(usage_from([ROW], [READING]))
    for contradiction in (usage_from([ROW | {"cpu_ns": 6}]), usage_from([], [READING | {"energy_mj": 1}])):
        with pytest.raises(UsageDataError, match="contradict"):
            store.write(contradiction)
    assert digest(store.read()) == digest(usage_from([ROW], [READING]))


def test_what_a_crash_left_behind_is_not_read(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    path = store.write(usage_from([ROW]))
    (tmp_path / ".tmp-abc").write_bytes(path.read_bytes()[:100])
    assert digest(store.read()) == digest(usage_from([ROW]))


@pytest.mark.parametrize("kept", [0, 7, 100, -1, -200])
def test_a_damaged_segment_is_named(kept: int, tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    path = store.write(usage_from([ROW], [READING]))
    path.write_bytes(path.read_bytes()[:kept])
    (found,) = store.verify()
    assert found.path == str(path)
    assert "is damaged" in found.message


def test_a_segment_that_does_not_hold_what_its_name_says_is_found(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    path = store.write(usage_from([ROW]))
    path.rename(path.with_name("0" * 64 + path.suffix))
    (found,) = store.verify()
    assert "it holds" in found.message


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as refused:
        SegmentStore(tmp_path / "file" / "segments").write(usage_from([ROW]))
    assert "permissions" in refused.value.advice
