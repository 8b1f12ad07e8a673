"""Measures: what they bring in a year, how overlaps add up, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError, NotFoundError
from greencloud.goal.measures import NO_MEASURES, MeasureState, check_measure, effect_of, of_scopes
from greencloud.results.forecasts import Measure, Overlap
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

SOLAR = Measure("solar", "Solar on roofs", ("scope2_market_based",), ReportingYear(2025), Emissions(900), 2, 10)

measures = st.builds(
    lambda start, ramp, life: replace(SOLAR, start=ReportingYear(start), ramp_years=min(ramp, life - 1), lifetime_years=life),
    st.integers(2020, 2030),
    st.integers(0, 8),
    st.integers(1, 20),
)
years = st.builds(ReportingYear, st.integers(2015, 2060), st.booleans())


@given(measures, years, st.integers(1, 12))
def test_an_effect_is_between_nothing_and_the_whole(measure: Measure, year: ReportingYear, month: int) -> None:
    effect = effect_of(measure, year, month)

    assert Emissions(0) <= effect <= measure.reduction
    if year.end(month) <= measure.start.start(month):
        assert effect == Emissions(0)
    if year.year >= measure.start.year + measure.lifetime_years + 1:
        assert effect == Emissions(0)


def test_it_grows_by_equal_steps_works_wholly_after_the_ramp_and_ends() -> None:
    found = [effect_of(SOLAR, ReportingYear(year), 1).micrograms for year in range(2024, 2037)]

    assert found == [0, 300, 600, *[900] * 8, 0, 0]


def test_a_fiscal_year_has_its_part_of_a_calendar_year() -> None:
    instant = replace(SOLAR, ramp_years=0, lifetime_years=1)

    # FY2025 ends in March 2025, FY2026 in March 2026
    assert [effect_of(instant, ReportingYear(year, True), 4).micrograms for year in (2025, 2026, 2027)] == [225, 675, 0]


def test_what_was_not_begun_begins_no_earlier_than_the_years_ahead() -> None:
    year = ReportingYear(2031)

    assert effect_of(SOLAR, year, 1, not_before=ReportingYear(2030)) == Emissions(600)
    assert effect_of(SOLAR, year, 1, not_before=ReportingYear(2020)) == effect_of(SOLAR, year, 1)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10**20)), min_size=2, max_size=6), st.data())
def test_doing_more_never_reduces_less(amounts: list[tuple[int, int]], data: st.DataObject) -> None:
    names = [f"measures/m{place}" for place in range(len(amounts))]
    share = Fraction(1, len(amounts) - 1)
    every = {
        f"m{place}": replace(SOLAR, id=f"m{place}", overlaps=tuple(Overlap(name, share) for name in names[:place]))
        for place in range(len(amounts))
    }
    state = MeasureState(every)
    some = data.draw(st.sets(st.sampled_from(names)))
    more = some | {data.draw(st.sampled_from(names))}
    effects = {name: amount for name, (_, amount) in zip(names, amounts, strict=True)}

    def brings(done: set[str]) -> int:
        return state.total({name: effects[name] for name in names if name in done})

    assert 0 <= brings(some) <= brings(more) <= sum(effects.values())


def test_an_overlap_counts_whichever_states_it_and_loses_of_the_smaller() -> None:
    state = MeasureState({"solar": replace(SOLAR, overlaps=(Overlap("measures/wind", Fraction(1, 3)),)), "wind": SOLAR})

    assert state.share("measures/wind", "measures/solar") == state.share("measures/solar", "measures/wind") == Fraction(1, 3)
    assert state.loss(("measures/wind", 100), ("measures/solar", 10)) == 3
    assert state.total({"measures/wind": 100, "measures/solar": 10}) == 107


OTHER = replace(SOLAR, id="wind", display_name="Wind", overlaps=(Overlap("measures/third", Fraction(1, 2)),))
STATE = MeasureState({"wind": OTHER, "third": replace(SOLAR, id="third")})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"id": "Solar panels"}, "id"),
        ({"id": ""}, "id"),
        ({"display_name": " "}, "display_name"),
        ({"source": "x" * 1001}, "display_name"),
        ({"scopes": ("scope4",)}, "scopes"),
        ({"scopes": ()}, "scopes"),
        ({"scopes": ("scope1", "scope1")}, "scopes"),
        ({"reduction": Emissions(0)}, "reduction"),
        ({"reduction": Emissions(-5)}, "reduction"),
        ({"reduction": Emissions(10**25)}, "reduction"),
        ({"lifetime_years": 0}, "lifetime_years"),
        ({"lifetime_years": 101}, "lifetime_years"),
        ({"ramp_years": -1}, "ramp_years"),
        ({"ramp_years": 10}, "ramp_years"),
        ({"capital_cost": Fraction(-1), "currency": "CNY"}, "capital_cost"),
        ({"annual_cost": Fraction(10**16), "currency": "CNY"}, "annual_cost"),
        ({"annual_cost": Fraction(1)}, "currency"),
        ({"currency": "yuan"}, "currency"),
        ({"overlaps": (Overlap("measures/solar", Fraction(1, 2)),)}, "overlaps"),
        ({"overlaps": (Overlap("measures/none", Fraction(1, 2)),)}, "overlaps"),
        ({"overlaps": (Overlap("measures/wind", Fraction(0)),)}, "overlaps"),
        ({"overlaps": (Overlap("measures/wind", Fraction(3, 2)),)}, "overlaps"),
        ({"overlaps": (Overlap("measures/wind", Fraction(1, 4)),) * 2}, "overlaps"),
        ({"overlaps": (Overlap("measures/wind", Fraction(2, 3)),)}, "overlaps"),  # with the half of third more than wind has
        ({"overlaps": tuple(Overlap(f"measures/{name}", Fraction(2, 3)) for name in ("wind", "third"))}, "overlaps"),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(GoalError) as error:
        check_measure(replace(SOLAR, **changes), STATE)
    assert error.value.key == key


def test_two_measures_that_say_different_shares_of_one_overlap_contradict_each_other() -> None:
    state = MeasureState({"wind": replace(OTHER, overlaps=(Overlap("measures/solar", Fraction(1, 2)),))})

    with pytest.raises(GoalError, match="says that the share"):
        check_measure(replace(SOLAR, overlaps=(Overlap("measures/wind", Fraction(1, 3)),)), state)
    assert check_measure(replace(SOLAR, overlaps=(Overlap("measures/wind", Fraction(1, 2)),)), state)


def test_texts_are_kept_without_blanks_and_scopes_in_their_order() -> None:
    found = check_measure(replace(SOLAR, display_name=" Solar ", scopes=("scope3", "scope1")), NO_MEASURES)

    assert (found.display_name, found.scopes) == ("Solar", ("scope1", "scope3"))


def test_a_name_that_is_none_is_not_found() -> None:
    for name in ("measures/none", "wind", "goals/wind"):
        with pytest.raises(NotFoundError):
            STATE.get(name)


def test_a_measure_counts_for_a_goal_that_covers_all_of_its_scopes() -> None:
    both = replace(SOLAR, id="both", scopes=("scope2_location_based", "scope2_market_based"))
    beyond = replace(SOLAR, id="beyond", scopes=("scope1", "scope3"))
    apart = replace(SOLAR, id="apart", scopes=("scope3",))

    within, partly = of_scopes([SOLAR, both, beyond, apart], ("scope1", "scope2_market_based"))

    assert [measure.id for measure in within] == ["solar", "both"]
    assert [measure.id for measure in partly] == ["beyond"]
