"""Avoided emissions: a book of its own, which nothing else reads."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import ConflictError, GoalError, NotFoundError, QuantityError
from greencloud.goal.initiatives import attributed, scope_three_plus
from greencloud.results.instruments import AvoidedYear, Initiative
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from instrument_builders import TONNE, book, books, policy, removal

GIGATONNE = 10**9 * TONNE


def year(name: str, baseline: int = 9, actual: int = 4) -> AvoidedYear:
    return AvoidedYear(ReportingYear.parse(name), Emissions(baseline), Emissions(actual))


def initiative(**fields: Any) -> Initiative:
    made = Initiative(
        "heat", "Waste heat", "City of Oslo", "District heat from gas", "No heat network was planned", "Project protocol, ch. 8"
    )
    return replace(made, **fields)


initiatives = st.builds(
    lambda attribution, years: initiative(attribution=attribution, years=years),
    st.fractions(Fraction(1, 1_000), 1),
    st.dictionaries(st.integers(2020, 2040), st.tuples(st.integers(0, 10**22), st.integers(0, 10**22))).map(
        lambda found: tuple(year(str(number), *pair) for number, pair in found.items())
    ),
)


@given(kept=st.lists(initiatives, max_size=4), last=st.none() | st.integers(2020, 2040))
def test_the_sum_is_of_years_and_of_initiatives_alike(kept: list[Initiative], last: int | None) -> None:
    named = [replace(each, id=f"i{n}") for n, each in enumerate(kept)]
    found = scope_three_plus(named, target_year=ReportingYear(last) if last else None)
    counted = [(each, avoided) for each in named for avoided in each.years if last is None or avoided.year.year <= last]
    assert found.cumulative == sum((attributed(*pair) for pair in counted), Emissions())
    assert found.cumulative == sum((amount for of, amount in found.by_year if last is None or of.year <= last), Emissions())
    assert [of for of, _ in found.by_year] == sorted({avoided.year for each in named for avoided in each.years})
    for each, avoided in counted:
        exact = avoided.avoided.micrograms * each.attribution
        assert abs(attributed(each, avoided).micrograms - exact) <= Fraction(1, 2)
    assert scope_three_plus(named[::-1]) == scope_three_plus(named)


def test_the_book_stands_beside_its_target(tmp_path: Path) -> None:
    kept = books(tmp_path)
    kept.create_initiative(initiative(attribution=Fraction(1, 2), years=(year("2024", GIGATONNE), year("2036", GIGATONNE, 0))))
    kept.create_initiative(initiative(id="rail", years=(year("2024", 1, 5),)))
    found = kept.get_scope_three_plus(target=Emissions(3 * GIGATONNE // 2), target_year="2035")
    assert found.cumulative == Emissions(GIGATONNE // 2 - 2 - 4)  # what made it worse counts against it
    assert [each.id for each in found.initiatives] == ["heat", "rail"]
    assert [of.year for of, _ in found.by_year] == [2024, 2036]
    assert (found.target, found.target_year) == (Emissions(3 * GIGATONNE // 2), ReportingYear(2035))
    assert kept.get_scope_three_plus().cumulative == Emissions(GIGATONNE // 2 - 6 + GIGATONNE // 2)
    with pytest.raises(QuantityError):
        kept.get_scope_three_plus(target_year="soon")


def test_it_is_never_netted(tmp_path: Path) -> None:
    kept = books(tmp_path)
    book(kept, "2024", {"scope1": 40, "scope2_market_based": 30, "scope3": 100})
    kept.use_instrument(kept.create_instrument(removal()).name, year="2024", units=20)
    before = kept.get_neutrality("2024"), replace(kept.inventory_state(), number=0)
    kept.create_initiative(initiative(years=(year("2024", GIGATONNE, 0),)))
    assert (kept.get_neutrality("2024"), replace(kept.inventory_state(), number=0)) == before


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        *(({name: " "}, name) for name in ("display_name", "partner", "baseline", "counterfactual", "methodology")),
        ({"id": "A"}, "id"),
        ({"attribution": Fraction(0)}, "attribution"),
        ({"attribution": Fraction(3, 2)}, "attribution"),
        ({"years": (year("2024"), year("2024"))}, "years"),
        ({"years": (year("2024"), year("FY2024"))}, "years"),
        ({"years": (year("2024", -1),)}, "years"),
        ({"years": (replace(year("2024"), evidence=("ab",)),)}, "evidence"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(tmp_path: Path, fields: dict[str, Any], key: str) -> None:
    kept = books(tmp_path)
    policy(kept, fiscal_year_start_month=4)
    with pytest.raises(GoalError) as refused:
        kept.create_initiative(initiative(**fields))
    assert (refused.value.key, bool(refused.value.advice)) == (key, True)


def test_a_figure_is_changed_for_a_reason_by_who_read_the_latest(tmp_path: Path) -> None:
    kept = books(tmp_path)
    made = kept.create_initiative(initiative(years=(year("2024"),)))
    assert kept.create_initiative(initiative(years=(year("2024"),))) == made
    with pytest.raises(ConflictError):
        kept.create_initiative(initiative())
    longer = kept.update_initiative(replace(made, years=(year("2024"), year("2025"))), etag=made.etag)
    assert (longer.revision, kept.update_initiative(longer)) == (2, longer)
    for changed in (
        replace(made, years=(year("2024", 10), year("2025"))),
        made,
        replace(longer, attribution=Fraction(1, 3)),
        replace(longer, baseline="Oil"),
    ):
        with pytest.raises(GoalError, match="reason"):
            kept.update_initiative(changed)
    with pytest.raises(ConflictError):
        kept.update_initiative(made, etag=made.etag, reason="late data")
    assert kept.by("ben").update_initiative(made, etag=longer.etag, reason="late data").created_by == "ben"
    assert [change.reason for change in kept.journal.changes()] == ["", "", "late data"]
    with pytest.raises(NotFoundError):
        kept.get_initiative("initiatives/none")
    with pytest.raises(NotFoundError):
        kept.update_initiative(initiative(id="none"))
