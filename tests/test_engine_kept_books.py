"""Kept facility books: durable before they are in force, repaired by being applied again, found whatever files are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facility_books import BOOK, METERS, SOUTH, write
from greencloud.engine import DataDirectory
from greencloud.engine.kept_books import KeptBooks
from greencloud.errors import FacilityError
from greencloud.facility import examine_facility, read_facility

ROWS = METERS + "2026-06-01T00:00:00Z,900,osl1,n01,1,900,\n"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.open(tmp_path / "data", create=True)


def given_book(folder: Path, text: str = BOOK, **csv: str) -> Path:
    folder.mkdir(exist_ok=True)
    return write(folder, text, **csv)


def revisions(data: DataDirectory, wanted: str) -> set[str]:
    """Of the book in force, and of the one that is kept for that revision."""
    found = data.facility_of(wanted)
    return {data.facility().revision, found.revision if found else ""}


def test_what_is_in_force_was_synced_before_it_was(data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append(os.fstat(descriptor).st_ino)

    def replaced(path: Path, target: Path) -> Path:
        done.append(target.name)
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    data.apply_facility(given_book(tmp_path / "book", meters=ROWS))
    before = done[: done.index("current.json")]
    facility = data.path / "facility"
    wanted = [data.path, facility, *(path for path in facility.rglob("*") if path.name not in {"current.json", "applied.jsonl"})]
    assert {path.name for path in wanted} >= {"facility.toml", "meters.csv", "books"}
    assert [path for path in wanted if path.stat().st_ino not in before] == []


@given(names=st.sets(st.sampled_from(["facility.toml", "meters.csv"]), min_size=1), left=st.sampled_from([0.0, 0.5, None]))
def test_a_book_that_a_loss_of_power_tore_is_whole_once_it_is_applied_again(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], left: float | None
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    data = DataDirectory.open(folder / "data", create=True)
    source = given_book(folder / "book", meters=ROWS)
    applied = data.apply_facility(source)
    kept = data.facility_file()
    assert kept
    for name in names:
        path = kept.with_name(name)
        if left is None:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    assert data.apply_facility(source) == applied
    assert revisions(data, applied.revision) == {applied.revision}
    assert {path.name for path in kept.parent.iterdir()} == {"facility.toml", "meters.csv"}


def test_another_torn_book_beside_it_hides_none(data: DataDirectory, tmp_path: Path) -> None:
    source = given_book(tmp_path / "book", meters=ROWS)
    book = data.apply_facility(source)
    kept = data.facility_file()
    assert kept
    kept.write_bytes(b"")
    renamed = source.rename(source.with_name("later.toml"))
    data.apply_facility(renamed)
    assert revisions(data, book.revision) == {book.revision}


def test_the_same_book_in_other_files_is_kept_once_and_is_in_force(data: DataDirectory, tmp_path: Path) -> None:
    source = given_book(tmp_path / "book", meters=ROWS)
    book = data.apply_facility(source)
    inside = sorted((data.path / "facility" / "books").rglob("*"))
    other = given_book(tmp_path / "other", f"# in other words\n{BOOK}", meters=ROWS)
    data.apply_facility(other.rename(other.with_name("hall.toml")))
    assert revisions(data, book.revision) == {book.revision}
    assert sorted((data.path / "facility" / "books").rglob("*")) == inside


def test_a_book_that_is_a_link_is_in_force_under_its_own_name(data: DataDirectory, tmp_path: Path) -> None:
    source = given_book(tmp_path / "book")
    link = source.with_name("current.toml")
    link.symlink_to(source.name)
    book = data.apply_facility(link)
    assert revisions(data, book.revision) == {book.revision}


def test_a_book_that_is_damaged_is_told_and_one_that_is_not_there_is_none(tmp_path: Path) -> None:
    books = KeptBooks(tmp_path / "data" / "facility" / "books")
    source = given_book(tmp_path / "book", SOUTH)
    revision = read_facility(source).revision
    assert books.find(revision) is None
    books.folder.mkdir(parents=True)
    kept = books.keep(source, revision, examine_facility(source).files)
    found = books.find(revision)
    assert found
    assert found.revision == revision
    kept.write_text("[facility")
    with pytest.raises(FacilityError):
        books.find(revision)
    kept.write_text(BOOK)  # another book under its name
    assert books.find(revision) is None
