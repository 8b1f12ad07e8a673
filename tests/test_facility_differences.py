"""What two books say differently: nothing is missed, and each difference says where and when it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from facility_books import BOOK, METERS, SOUTH, write
from greencloud.errors import FacilityError
from greencloud.facility import Facility, read_facility
from greencloud.facility.differences import Difference, DifferenceKind, differences
from greencloud.units import Window

FIGURE, MAPPING, READING = DifferenceKind.FIGURE, DifferenceKind.MAPPING, DifferenceKind.READING
T = datetime(2026, 6, 1, tzinfo=UTC)


def read(folder: Path, text: str, **csv: str) -> Facility:
    folder.mkdir(exist_ok=True)
    return read_facility(write(folder, text, **csv))


def compared(folder: Path, *changes: tuple[str, str]) -> tuple[Difference, ...]:
    text = BOOK
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return differences(read(folder / "old", BOOK), read(folder / "new", text))


@pytest.mark.parametrize(
    ("change", "path", "kind", "texts"),
    [
        (("g_per_kwh = 17.2", "g_per_kwh = 22.188"), "factors.NO.location", FIGURE, ("17.2 g/kWh", "22.188 g/kWh")),
        (("pue = 1.12", "pue = 1.13"), "sites.osl1.pue", FIGURE, ("1.12", "1.13")),
        (("idle_watts = 52.5", "idle_watts = 53"), "hosts.n02.idle_watts", FIGURE, ("52.5", "53")),
        (('dedicated_to = "payments"\n', ""), "hosts.n02.dedicated_to", MAPPING, ("payments", "none")),
        (("memory_gib = 0.05", "memory_gib = 0.06"), "weights.memory_gib", FIGURE, ("0.05", "0.06")),
        (("embodied_kg = 1344.25", "embodied_kg = 1"), "hardware.n01-server.embodied_micrograms", FIGURE, None),
        (("mwh = 1.5", "mwh = 2"), "certificates.go-1.millijoules", FIGURE, ("5400000000000", "7200000000000")),
        (("kg = 5300", "kg = 5301"), "direct_emissions.diesel.micrograms", FIGURE, None),
        (("[1, 3.97]", "[1, 4]"), "curves.lake.points", FIGURE, ("[[0, 0.64], [1, 3.97]]", "[[0, 0.64], [1, 4]]")),
        (('kind = "internal"\n', ""), "accounts.platform.kind", MAPPING, ("internal", "tenant")),
        (("vcpu = 4\n", "vcpu = 5\n"), "reservations.payments.osl1.vcpu", MAPPING, ("4", "5")),
        (('window = "15min"', 'window = "5min"'), "facility.window_seconds", MAPPING, ("900", "300")),
        (('source = "AIB"', 'source = "AIB 2026"'), "factors.NO.residual", FIGURE, ("source=AIB", "source=AIB 2026")),
    ],
)
def test_each_key_is_told_by_its_path(
    tmp_path: Path, change: tuple[str, str], path: str, kind: DifferenceKind, texts: tuple[str, str] | None
) -> None:
    (found,) = compared(tmp_path, change)
    assert (found.path, found.kind) == (path, kind)
    assert found.old != found.new
    if texts:
        assert (found.old, found.new) == texts


def test_a_book_differs_from_itself_in_nothing_and_from_another_in_something_both_ways(tmp_path: Path) -> None:
    north, south = read(tmp_path / "n", BOOK), read(tmp_path / "s", SOUTH)
    assert differences(north, north) == differences(south, south) == ()
    there, back = differences(north, south), differences(south, north)
    assert {(each.path, each.old, each.new) for each in there} == {(each.path, each.new, each.old) for each in back}
    assert {each.path.split(".")[0] for each in there} >= {"accounts", "sites", "hosts", "factors", "hardware"}


def test_every_line_of_a_book_that_can_go_is_missed_when_it_is_gone(tmp_path: Path) -> None:
    old = read(tmp_path / "old", BOOK)
    tables = BOOK.split("\n\n")
    missed = 0
    for number, table in enumerate(tables):
        if table.startswith(("[[reservations", "[[factors", "[[certificates", "[[hardware", "[[direct", "[weights")):
            try:
                new = read(tmp_path / "new", "\n\n".join(tables[:number] + tables[number + 1 :]))
            except FacilityError:
                continue  # it cannot go
            assert bool(differences(old, new)) is (old.revision != new.revision)
            missed += old.revision != new.revision
    assert missed >= 3


def test_a_factor_cut_into_parts_differs_only_where_it_says_something_else(tmp_path: Path) -> None:
    whole = '[[factors]]\nzone = "NO"\nkind = "location"\nstart = 2026-01-01\nend = 2027-01-01\ng_per_kwh = 17.2\nsource = "NVE"\n'
    parts = [("01-01", "2026-06-01", "17.2"), ("06-01", "2026-07-01", "20"), ("07-01", "2026-12-01", "17.2")]
    cut = "\n".join(
        whole.replace("01-01\n", f"{start}\n", 1).replace("2027-01-01", end).replace("17.2", grams) for start, end, grams in parts
    )
    found = compared(tmp_path, (whole, cut))
    assert [(each.start.month, each.end.month, each.old, each.new) for each in found] == [
        (6, 7, "17.2 g/kWh", "20 g/kWh"),
        (12, 1, "17.2 g/kWh", ""),
    ]
    assert found[0].concerns("osl1", Window(T, 3600))
    assert found[0].concerns("sto1", Window(T, 3600))
    assert not found[0].concerns("elsewhere", Window(T, 3600))
    assert not found[1].concerns("osl1", Window(T, 3600))


def test_a_host_that_moves_concerns_both_sites_and_a_machine_the_one(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        ('id = "n02"\nsite = "osl1"', 'id = "n02"\nsite = "sto1"'),
        ("embodied_kg = 1344.25", "embodied_kg = 1"),
    )
    assert {each.path: each.sites for each in found} == {
        "hosts.n02.site": frozenset({"osl1", "sto1"}),
        "hardware.n01-server.embodied_micrograms": frozenset({"osl1"}),
    }


def test_a_reading_that_comes_is_late_and_one_that_changes_is_a_figure(tmp_path: Path) -> None:
    rows = [f"2026-06-01T{hour:02}:00:00Z,900,osl1,n01,{hour + 1},900,\n" for hour in range(3)]
    changed = rows[0].replace(",1,", ",1.5,")
    old = read(tmp_path / "old", BOOK, meters=METERS + "".join(rows[:2]))
    new = read(tmp_path / "new", BOOK, meters=METERS + changed + rows[2])
    found = {each.start.hour: each for each in differences(old, new)}
    assert {hour: each.kind for hour, each in found.items()} == {0: FIGURE, 1: FIGURE, 2: READING}
    assert found[1].new == found[2].old == ""
    assert {each.path for each in found.values()} == {"meters.osl1.n01"}


def test_whose_a_reservation_is_goes_with_it(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, ("vcpu = 4\n", "vcpu = 5\n"))
    assert found.account == "payments"
    assert (found.start, found.end.month) == (datetime(2026, 1, 1, tzinfo=UTC), 7)
