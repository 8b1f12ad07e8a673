"""What a run says of restatements where books are lost, begin, or move a site; and what dry runs leave alone."""

from __future__ import annotations

import shutil
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from facility_books import write
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.books import Books
from greencloud.facility import Facility, read_facility
from greencloud.units import Window
from test_restatement_replays import HEAD, METERS, NOW, START, apply, directory, metered, region, run, used

HOUR = Window(START, 3600)


def book(folder: Path, text: str, hours: int = 1) -> Facility:
    folder.mkdir()
    return read_facility(write(folder, text, meters=METERS + metered("a", hours)))


def allocated(tmp_path: Path, grams: str = "129") -> DataDirectory:
    data = directory(tmp_path, [])  # meters tell of the window
    apply(data, tmp_path / "first", HEAD + region("a", grams), meters=METERS + metered("a", 1))
    run(data)
    return data


def test_where_a_book_is_not_kept_or_not_readable_any_more_the_cause_is_unknown(tmp_path: Path) -> None:
    data = allocated(tmp_path)
    old = data.facility().revision
    apply(data, tmp_path / "second", HEAD + region("a", "100"), meters=METERS + metered("a", 1))
    kept = data.path / "facility" / "books" / old
    (kept / "facility.toml").write_text("not a book")
    books = Books(data, data.facility())
    assert books.changes(old, data.facility().revision, "a", HOUR) is None
    shutil.rmtree(kept)
    run(data, 1)
    (restated,) = data.ledger.snapshot().restatements()
    assert restated.causes == ("unknown",)
    assert restated.lines


def test_books_are_compared_by_time_and_place_and_all_of_it_counts_where_nothing_concerns_the_window(tmp_path: Path) -> None:
    data = directory(tmp_path, [used("a", "acme", 3600)])
    for name, grams, hours in (("one", "129", 3), ("two", "100", 4)):
        apply(data, tmp_path / name, HEAD + region("a", grams), meters=METERS + metered("a", hours))
    one, two = (read_facility(tmp_path / name / "facility.toml") for name in ("one", "two"))
    books = Books(data, two)

    def paths(site: str, window: Window) -> set[str]:
        found = books.changes(one.revision, two.revision, site, window)
        assert found is not None
        return {change.path for change in found}

    factors = {f"factors.a.{kind}" for kind in ("location", "residual", "upstream")}
    assert paths("a", HOUR) == factors
    assert paths("a", Window(START + timedelta(hours=3), 3600)) == factors | {"meters.a.a-host"}
    assert paths("elsewhere", HOUR) == factors | {"meters.a.a-host"}


def test_a_first_book_is_not_measured_by_the_defaults_before_it(tmp_path: Path) -> None:
    data = directory(tmp_path, [{**used("default", "acme", 3600), "host": "h"}])
    assert run_allocation(data, now=NOW).posted
    apply(data, tmp_path / "own", HEAD + region("default", "129000/100").replace("default-host", "h"))
    assert run(data, 1, most_change=Fraction(1, 100)).posted
    assert len(data.ledger.snapshot().restatements()) == 1
    apply(data, tmp_path / "next", HEAD + region("default", "100").replace("default-host", "h"))
    done = run_allocation(data, now=NOW + timedelta(hours=2), most_change=Fraction(1, 100))
    assert [refused.reason for refused in done.refused] == ["ALLOCATION_REFUSED"]


def test_a_host_that_moves_restates_the_old_site_to_nothing_whatever_the_bound(tmp_path: Path) -> None:
    data = allocated(tmp_path)
    moved = (HEAD + region("a", "129")).replace('id = "a"', 'id = "b"').replace('site = "a"', 'site = "b"')
    apply(data, tmp_path / "moved", moved, meters=METERS + metered("a", 1).replace(",a,", ",b,"))
    done = run(data, 1, most_change=Fraction(1))
    assert {(batch.site, batch.causes) for batch in done.posted} == {("a", ("corrected_mapping",)), ("b", ())}
    (restated,) = data.ledger.snapshot().restatements()
    assert {line.new for line in restated.lines} == {0}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_run_that_is_under_way_keeps_another_out_but_not_a_dry_one(tmp_path: Path, dry_run: bool) -> None:
    data = allocated(tmp_path)
    with data.allocating():
        if dry_run:
            assert run_allocation(data, now=NOW, dry_run=True).unchanged_count == 1
            return
        with pytest.raises(Exception, match="another run"):
            run_allocation(data, now=NOW)
