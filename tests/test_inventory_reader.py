"""The inventory: what is read is what was written, exactly, and what is not booked is not known."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError
from greencloud.inventory import SCOPES, Entry, Inventory, read_inventory
from greencloud.units import Emissions

HEADER = "year,scope,category,kg_co2e,source\n"


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    keys = draw(
        st.lists(
            st.tuples(st.integers(2018, 2023), st.sampled_from(SCOPES), st.integers(1, 15)),
            unique_by=lambda key: key if key[1] == "scope3" else key[:2],
            max_size=30,
        )
    )
    entries = [
        Entry(year, scope, category if scope == "scope3" else None, Emissions(draw(st.integers(0, 10**22))), "meter", line)
        for line, (year, scope, category) in enumerate(keys, start=2)
    ]
    return Inventory(tuple(sorted(entries, key=lambda entry: entry.key)))


def kilograms(emissions: Emissions) -> str:
    whole, part = divmod(emissions.micrograms, 10**9)
    return f"{whole}.{part:09d}"


@given(inventories())
def test_what_is_written_is_read_back_to_the_microgram(inventory: Inventory) -> None:
    lines = [f"{e.year},{e.scope},{e.category or ''},{kilograms(e.emissions)},{e.source}\n" for e in inventory.entries]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inventory.csv")
        path.write_text(HEADER + "".join(lines))
        read = read_inventory(path)

    assert [(e.key, e.emissions, e.source) for e in read.entries] == [(e.key, e.emissions, e.source) for e in inventory.entries]


@given(inventories(), st.sets(st.sampled_from(SCOPES), min_size=1))
def test_a_total_is_the_sum_of_its_scopes_or_not_known(inventory: Inventory, scopes: set[str]) -> None:
    for year, group in groupby(inventory.entries, key=lambda entry: entry.year):
        entries = [entry for entry in group if entry.scope in scopes]
        expected = sum(entry.emissions.micrograms for entry in entries)
        total = inventory.total(year, scopes)

        assert total == (Emissions(expected) if {entry.scope for entry in entries} == scopes else None)


def test_the_worked_base_adds_up_exactly() -> None:
    inventory = read_inventory(Path(__file__).parent / "books" / "goal-provider" / "inventory.csv")
    scopes = ("scope1", "scope2_market_based", "scope3")
    ten_kilotonnes = 10**16

    totals = {year: inventory.total(year, scopes) for year in (2020, 2021)}
    assert totals == {
        2020: Emissions(int(Fraction("951.4") * ten_kilotonnes)),
        2021: Emissions(int(Fraction("1324.9") * ten_kilotonnes)),
    }
    parts = [inventory.total(2020, [scope]) for scope in scopes]
    assert parts == [Emissions(int(Fraction(text) * ten_kilotonnes)) for text in ("51.0", "371.0", "529.4")]


def test_a_year_that_is_not_booked_is_not_known_and_not_zero(tmp_path: Path) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text(HEADER + "2020,scope1,,0,declared: no fuel\n")
    inventory = read_inventory(path)

    assert inventory.total(2020, ["scope1"]) == Emissions(0)
    assert inventory.total(2020, ["scope1", "scope3"]) is None
    assert inventory.total(2021, ["scope1"]) is None


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        ("year,scope,category,amount,source\n", 1, "t_co2e", "no amount column with a unit"),
        ("year,scope,category,kg_co2e,t_co2e,source\n", 1, "t_co2e", "two amount columns"),
        ("year,scope,kg_co2e,source\n", 1, "category", "lacks the column 'category'"),
        ("year,scope,category,kg_co2e,source,factor\n", 1, "factor", "unknown or repeated column 'factor'"),
        (HEADER + "20,scope1,,1,s\n", 2, "year", "'20' is not a year"),
        (HEADER + "2020,scope2,,1,s\n", 2, "scope", "unknown scope 'scope2'"),
        (HEADER + "2020,scope3,16,1,s\n", 2, "category", "no category '16'"),
        (HEADER + "2020,scope1,3,1,s\n", 2, "category", "scope1 has no categories"),
        (HEADER + "2020,scope1,,-1,s\n", 2, "kg_co2e", "negative"),
        (HEADER + "2020,scope1,,,s\n", 2, "kg_co2e", "the amount is empty"),
        (HEADER + "2020,scope1,,1e-10,s\n", 2, "kg_co2e", "finer than a microgram"),
        (HEADER + "2020,scope1,,about 3,s\n", 2, "kg_co2e", "not a number"),
        (HEADER + "2020,scope1,,1,\n", 2, "source", "no source"),
        (HEADER + "2020,scope1,,1\n", 2, "", "another number of fields"),
        (HEADER + "2020,scope1,,1,s\n2021,scope1,,1,s\n2020,scope1,,2,s\n", 4, "scope", "booked on line 2 already"),
        (HEADER + "2020,scope3,4,1,s\n2020,scope3,,2,s\n", 2, "category", "booked whole on line 3"),
    ],
)
def test_a_mistake_is_told_with_its_file_its_line_and_what_to_do(tmp_path: Path, text: str, line: int, key: str, said: str) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text(text)

    with pytest.raises(GoalError, match=said) as caught:
        read_inventory(path)

    assert caught.value.message.startswith(f"{path}:{line}: ")
    assert caught.value.key == key
    assert caught.value.advice


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(GoalError, match="cannot be read"):
        read_inventory(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"year,scope,category,kg_co2e,source\n2020,scope1,,1,caf\xe9\n")
    with pytest.raises(GoalError, match="not UTF-8"):
        read_inventory(tmp_path / "latin.csv")
