"""A lake of usage gives back what was put into it, and never half a window."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.engine.lake import LakePartition, partitions, read_partition, write_partition
from greencloud.errors import NotFoundError, StoreError, UsageDataError
from greencloud.objects.tree import Folder, tree_at
from greencloud.units import Window
from greencloud.usage import ROWS, Usage, add_up, digest, empty_usage, merge, usage_from
from strategies import START, WINDOW, amounts, provider, reading, row, tenant_rows, usage

SITES = ("hall", "Überlingen / 2", "site=a", "..", "100%")


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "lake")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in request.getfixturevalue("running").environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://lake/{uuid4().hex}"


def some(site: str = "hall", cpu_ns: int = 5, window: Window = WINDOW, energy_mj: int | None = 7) -> Usage:
    where: dict[str, Any] = {"site": site, "window_start": window.start, "window_s": window.seconds}
    readings = [] if energy_mj is None else [reading("h1", energy_mj, **where)]
    return merge([usage([row("acme", cpu_ns, **where), provider("acme", 9, **where)], readings)])


def only(uri: str) -> tuple[LakePartition, Usage]:
    (part,) = partitions(uri)
    return part, read_partition(uri, part)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_put_is_read_and_nothing_else(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told: dict[tuple[str, Window], str] = {}
        for _ in range(data.draw(st.integers(1, 4))):
            site = data.draw(st.sampled_from(SITES))
            seconds = data.draw(st.sampled_from([300, 3600]))
            window = Window(datetime(2026, 11, 23, data.draw(st.integers(0, 1)), tzinfo=UTC), seconds)
            where: dict[str, Any] = {"site": site, "window_start": window.start, "window_s": seconds}
            rows = [one | where for one in data.draw(tenant_rows(["acme", "bolt"]))]
            readings = data.draw(st.lists(amounts, max_size=2))
            made = Usage(
                add_up([usage(rows)]).rows,
                usage([], [reading(f"h{at}", energy, **where) for at, energy in enumerate(readings)]).readings,
            )
            told = {key: value for key, value in told.items() if (key[0], key[1].start) != (site, window.start)}
            told[site, window] = digest(made)
            put = write_partition(folder, site, window, made)
            assert put in partitions(folder)
        found = partitions(folder)
        assert {(part.site, part.window): digest(read_partition(folder, part)) for part in found} == told
        assert found == sorted(found)


def test_every_site_and_window_has_its_place(uri: str) -> None:
    for site in SITES:
        write_partition(uri, site, WINDOW, some(site))
    assert [part.site for part in partitions(uri)] == sorted(SITES)
    for part in partitions(uri):
        assert digest(read_partition(uri, part)) == digest(some(part.site))
        assert part.bytes > 0
        assert part.window == WINDOW
    assert "site=hall/window_start=2026-11-23T14%3A00%3A00Z/" in {
        part.files[0].rpartition("/")[0] + "/" for part in partitions(uri)
    }


def test_a_newer_edition_counts_and_the_same_again_changes_nothing(uri: str) -> None:
    first = write_partition(uri, "hall", WINDOW, some(cpu_ns=5))
    assert write_partition(uri, "hall", WINDOW, some(cpu_ns=5)) == first
    second = write_partition(uri, "hall", WINDOW, some(cpu_ns=6))
    third = write_partition(uri, "hall", WINDOW, some(cpu_ns=5, energy_mj=None))
    assert only(uri) == (third, some(cpu_ns=5, energy_mj=None))
    assert [len(each.files) for each in (first, second, third)] == [2, 2, 1]
    assert digest(read_partition(uri, first)) == digest(some(cpu_ns=5)), "those who are reading it go on"
    write_partition(uri, "hall", WINDOW, empty_usage())
    assert only(uri)[1] == empty_usage()


def test_a_window_is_not_seen_before_all_of_it_is_there(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[LakePartition]] = []
    tree = type(tree_at(uri))
    create = tree.create

    def watched(self: Folder, name: str, content: bytes) -> bool:
        seen.append(partitions(uri))
        return create(self, name, content)

    monkeypatch.setattr(tree, "create", watched)
    first = write_partition(uri, "hall", WINDOW, some(cpu_ns=5))
    assert seen == [[], []], "of a first edition nothing, though its readings are there"
    second = write_partition(uri, "hall", WINDOW, some(cpu_ns=6))
    assert seen[2:] == [[first], [first]]
    assert partitions(uri) == [second]


def test_two_that_write_at_once_leave_one_that_all_agree_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (str(tmp_path / name) for name in ("one", "other"))
    made = [write_partition(place, "hall", WINDOW, some(cpu_ns=number)) for number, place in ((5, one), (6, other))]
    for name, _ in tree_at(other).files():
        tree_at(one).create(name, tree_at(other).content(name))
    assert only(one)[0] == max(made, key=lambda part: part.files)
    assert write_partition(one, "hall", WINDOW, some(cpu_ns=7)).files[0].split("/")[-1].startswith("000000000002-")
    assert only(one)[1] == some(cpu_ns=7)


@pytest.mark.parametrize("lost", ["readings", "rows cut", "another's"])
def test_what_is_not_what_its_name_says_is_refused(tmp_path: Path, lost: str) -> None:
    part = write_partition(str(tmp_path), "hall", WINDOW, some())
    rows, readings = (tmp_path / name for name in part.files)
    if lost == "readings":
        readings.unlink()
    elif lost == "rows cut":
        rows.write_bytes(rows.read_bytes()[:-9])
    else:
        pq.write_table(some(cpu_ns=6).rows, rows)
    (there,) = partitions(str(tmp_path))
    with pytest.raises(StoreError, match="damaged"):
        read_partition(str(tmp_path), there)


def test_a_file_that_was_removed_since_is_told(uri: str) -> None:
    part = write_partition(uri, "hall", WINDOW, some())
    tree_at(uri).remove(part.files[0])
    assert partitions(uri) == []
    with pytest.raises(NotFoundError, match="list the place again"):
        read_partition(uri, part)


@pytest.mark.parametrize("wrong", [some("other"), some(window=Window(START, 300)), some(window=Window(WINDOW.end, 3600))])
def test_usage_of_elsewhere_is_not_put(tmp_path: Path, wrong: Usage) -> None:
    with pytest.raises(UsageDataError, match="lies in the place of hall"):
        write_partition(str(tmp_path), "hall", WINDOW, wrong)
    assert partitions(str(tmp_path)) == []


# What others laid out.


def foreign(
    root: Path, table: pa.Table, name: str = "part-0.parquet", start: str = "2026-11-23T14%3A00%3A00Z", kind: str = ""
) -> Path:
    path = root / kind / "site=hall" / f"window_start={start}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def test_files_of_another_engine_are_taken_as_they_lie(tmp_path: Path) -> None:
    known = some()
    foreign(tmp_path, known.rows.slice(0, 1).drop_columns(["site", "window_start", "window_s"]))
    foreign(tmp_path, known.rows.slice(1), "part-1.parquet", start="2026-11-23T14:00:00Z")
    foreign(tmp_path, known.readings.drop_columns(["site", "window_start"]), kind="readings")
    foreign(tmp_path, known.rows, "_temporary.parquet")
    (tmp_path / "_SUCCESS").touch()
    part, found = only(str(tmp_path))
    assert digest(found) == digest(known)
    assert (part.window, len(part.files)) == (WINDOW, 3)


def test_finer_rows_of_another_engine_are_added_up(tmp_path: Path) -> None:
    finer = [row("acme", 5, window_s=300, window_start=START.replace(minute=minute)) for minute in (0, 5, 55)]
    foreign(tmp_path, usage_from(finer).rows)
    assert only(str(tmp_path))[1] == usage([row("acme", 15)])
    (part,) = partitions(str(tmp_path), window_s=300)
    with pytest.raises(UsageDataError, match="lies in the place of hall"):
        read_partition(str(tmp_path), part)


def test_rows_of_another_site_are_refused(tmp_path: Path) -> None:
    foreign(tmp_path, some("other").rows)
    with pytest.raises(UsageDataError, match="lies in the place of hall"):
        only(str(tmp_path))


def test_rows_that_cannot_be_true_are_refused(tmp_path: Path) -> None:
    table = some().rows
    at = ROWS.get_field_index("cpu_ns")
    foreign(tmp_path, table.set_column(at, "cpu_ns", pc.negate(table["cpu_ns"])))
    with pytest.raises(UsageDataError, match="negative"):
        only(str(tmp_path))


def test_two_kinds_of_files_in_a_window_are_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path, some().rows, start="2026-11-23T14:00:00Z")
    with pytest.raises(UsageDataError, match="another writer"):
        write_partition(str(tmp_path), "hall", WINDOW, some())
    path.unlink()
    write_partition(str(tmp_path), "hall", WINDOW, some())
    foreign(tmp_path, some().readings, start="2026-11-23T14:00:00Z", kind="readings")
    with pytest.raises(UsageDataError, match="beside"):
        partitions(str(tmp_path))


def test_a_folder_of_no_window_is_refused(tmp_path: Path) -> None:
    foreign(tmp_path, some().rows, start="yesterday")
    with pytest.raises(UsageDataError, match="window_start=yesterday"):
        partitions(str(tmp_path))


def test_a_place_of_another_kind_is_refused() -> None:
    with pytest.raises(StoreError, match="gs://"):
        partitions("gs://bucket/lake")


def test_no_lake_has_no_windows(tmp_path: Path) -> None:
    assert partitions(str(tmp_path / "absent")) == []
