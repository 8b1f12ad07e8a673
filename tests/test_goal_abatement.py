"""The plan against every subset of the measures: none that closes the gap costs less."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain, combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError
from greencloud.goal.abatement import PlanBasis, annual_cost, annuity, plan
from greencloud.goal.measures import MeasureState
from greencloud.results.forecasts import AbatementPlan, Measure, Overlap
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

YEAR = ReportingYear(2030)
TONNE = 10**12


def measure(name: str, effect: int, cost: int | Fraction = 0, **more: object) -> Measure:
    values = {"lifetime_years": 10, "annual_cost": Fraction(cost), "currency": "CNY"} | more
    return Measure(name, name.title(), ("scope3",), ReportingYear(2026), Emissions(effect), **values)  # type: ignore[arg-type]


def basis_of(
    gap: int,
    measures: Iterable[Measure],
    committed: Iterable[Measure] = (),
    overlaps: dict[tuple[str, str], Fraction] | None = None,
) -> PlanBasis:
    stated = {a: Overlap(f"measures/{b}", share) for (a, b), share in (overlaps or {}).items()}
    every = [*measures, *committed]
    whole = {
        each.id: Measure(
            each.id,
            each.display_name,
            each.scopes,
            each.start,
            each.reduction,
            overlaps=(stated[each.id],) if each.id in stated else (),
        )
        for each in every
    }
    effects = {each.name: each.reduction.micrograms for each in every}
    return PlanBasis("goals/g", "history", YEAR, Emissions(gap), tuple(measures), tuple(committed), effects, MeasureState(whole))


@st.composite
def bases(draw: st.DrawFn) -> PlanBasis:
    count = draw(st.integers(1, 7))
    size = draw(st.sampled_from([20, 10**6, 10**18]))
    names = [f"m{place}" for place in range(count)]
    effects: st.SearchStrategy[int] = st.integers(0, 20) if size == 20 else st.integers(1, size)
    measures = [measure(name, draw(effects), draw(st.integers(-3, 12))) for name in names]
    committed = [measure("done", draw(effects)) for _ in range(draw(st.integers(0, 1)))]
    overlaps: dict[tuple[str, str], Fraction] = {}
    for before, each in pairwise(names):
        if draw(st.booleans()):
            overlaps[each, before] = Fraction(draw(st.integers(1, 3)), 9)
    overlapping = draw(st.booleans())
    if committed and overlapping:
        overlaps["done", names[0]] = Fraction(1, 3)
    whole = sum(each.reduction.micrograms for each in measures)
    gap = draw(st.integers(-2, whole + 3))
    return basis_of(gap, measures, committed, overlaps)


def brings(basis: PlanBasis, names: Iterable[str]) -> int:
    """By the definition: what all do less what the committed ones do."""
    done = {each.name: basis.effects[each.name] for each in basis.committed}
    chosen = {name: basis.effects[name] for name in names}
    return basis.state.total({**done, **chosen}) - basis.state.total(done)


def subsets(basis: PlanBasis) -> list[tuple[Measure, ...]]:
    every = basis.candidates
    return list(chain.from_iterable(combinations(every, size) for size in range(len(every) + 1)))


@given(bases())
def test_no_subset_that_reduces_as_much_as_is_needed_costs_less(basis: PlanBasis) -> None:
    found = plan(basis, Fraction(0))

    most = brings(basis, [each.name for each in basis.candidates])
    needed = min(basis.gap.micrograms, most)
    costs = [
        sum((each.annual_cost for each in some), Fraction(0))
        for some in subsets(basis)
        if brings(basis, [each.name for each in some]) >= needed
    ]
    assert found.optimal
    assert found.annual_cost == min(costs)
    assert found.closed.micrograms >= needed


@given(bases())
def test_what_is_closed_is_the_sum_of_the_marginal_effects_and_with_what_remains_the_gap(basis: PlanBasis) -> None:
    found = plan(basis, Fraction(5, 100))

    chosen = [step for step in found.steps if step.chosen]
    assert sum(step.marginal.micrograms for step in chosen) == found.closed.micrograms
    assert found.closed.micrograms == brings(basis, [step.measure for step in chosen])
    assert sum((step.annual_cost for step in chosen), Fraction(0)) == found.annual_cost
    surplus = found.closed.micrograms - basis.gap.micrograms
    assert found.remaining.micrograms == max(0, -surplus)
    assert any("more than the gap" in note for note in found.notes) == (surplus > 0 and basis.gap.micrograms > 0)
    assert all(0 <= step.marginal.micrograms <= step.reduction.micrograms for step in found.steps)
    ranks = [step.cost_per_tonne for step in found.steps if step.cost_per_tonne is not None]
    assert ranks == sorted(ranks)


@given(bases(), st.randoms())
def test_the_order_of_the_measures_changes_nothing(basis: PlanBasis, random: object) -> None:
    shuffled = list(basis.candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = PlanBasis(
        basis.goal, basis.scenario, basis.target_year, basis.gap, shuffled, basis.committed, basis.effects, basis.state
    )

    assert plan(other, Fraction(0)) == plan(basis, Fraction(0))


def chosen(found: AbatementPlan) -> list[str]:
    return [step.measure.removeprefix("measures/") for step in found.steps if step.chosen]


def test_two_small_ones_may_be_cheaper_than_the_cheapest_per_tonne() -> None:
    big, small, other = measure("big", 100 * TONNE, 900), measure("small", 30 * TONNE, 300), measure("other", 30 * TONNE, 330)

    found = plan(basis_of(60 * TONNE, [big, small, other]), Fraction(0))

    assert chosen(found) == ["small", "other"]
    assert found.annual_cost == 630
    assert [step.cost_per_tonne for step in found.steps] == [9, 10, 11]


def test_an_overlap_is_lost_once_and_falls_on_the_dearer() -> None:
    found = plan(basis_of(70, [measure("a", 60, 1), measure("b", 40, 9)], overlaps={("a", "b"): Fraction(1, 2)}), Fraction(0))

    assert [(step.reduction.micrograms, step.marginal.micrograms) for step in found.steps] == [(60, 60), (40, 20)]
    assert (found.closed, found.remaining) == (Emissions(80), Emissions(0))


def test_what_overlaps_with_a_committed_measure_brings_the_less_and_that_one_is_not_for_choice() -> None:
    basis = basis_of(30, [measure("a", 40, 1)], [measure("done", 20)], {("a", "done"): Fraction(1, 2)})

    found = plan(basis, Fraction(0))

    assert [(step.measure, step.marginal.micrograms) for step in found.steps] == [("measures/a", 30)]
    assert "Committed, so in the forecast and not for choice: measures/done." in found.notes


def test_without_a_gap_only_what_pays_for_itself_is_done() -> None:
    found = plan(basis_of(-5, [measure("saves", 10, -4), measure("free", 10, 0), measure("costs", 10, 1)]), Fraction(0))

    assert (chosen(found), found.annual_cost, found.remaining) == (["saves"], Fraction(-4), Emissions(0))
    assert any("no gap" in note for note in found.notes)
    assert any("saves" in note for note in found.notes)


def test_if_all_do_not_close_the_gap_the_most_is_done_at_least_cost_and_the_rest_is_told() -> None:
    idle = measure("idle", 0, 5)

    found = plan(basis_of(100, [measure("a", 60, 7), idle]), Fraction(0))

    assert (chosen(found), found.closed, found.remaining) == (["a"], Emissions(60), Emissions(40))
    assert found.steps[-1].cost_per_tonne is None
    assert any("leave" in note for note in found.notes)


def test_no_measures_leave_the_gap_open() -> None:
    found = plan(basis_of(7, []), Fraction(0))

    assert (found.steps, found.closed, found.remaining, found.optimal) == ((), Emissions(0), Emissions(7), True)


def test_a_gap_of_micrograms_among_megatonnes_is_closed_exactly() -> None:
    exact, short = measure("exact", 10**18 + 1, 2), measure("short", 10**18, 1)

    found = plan(basis_of(10**18 + 1, [exact, short]), Fraction(0))

    assert (chosen(found), found.optimal) == (["exact"], True)


def test_the_annuity_of_a_textbook() -> None:
    """100 over 10 years at 8 %: 14.902949 (table of capital recovery factors, (A/P, 8 %, 10) = 0.1490)."""
    asset = measure("a", 1, capital_cost=Fraction(100), lifetime_years=10)

    assert round(float(annual_cost(asset, Fraction(8, 100))), 4) == 14.9029
    assert annual_cost(asset, Fraction(0)) == 10
    assert annual_cost(measure("a", 1, -3, capital_cost=Fraction(100), lifetime_years=1), Fraction(1, 10)) == 107


@given(st.integers(1, 60), st.fractions(Fraction(1, 1000), 1, max_denominator=1000))
def test_the_annuity_pays_the_capital_back_with_interest(years: int, rate: Fraction) -> None:
    paid = annuity(Fraction(1000), rate, years)
    annualised = annual_cost(measure("a", 1, 3, capital_cost=Fraction(1000), lifetime_years=years), rate)

    assert abs(annualised - 3 - paid) <= Fraction(1, 2 * 10**6)
    left = Fraction(1000)
    for _ in range(years):
        left = left * (1 + rate) - paid
    assert left == 0


@pytest.mark.parametrize("rate", [Fraction(-1, 100), Fraction(3, 2), Fraction(1, 10**7)])
def test_a_discount_rate_that_is_none_is_refused(rate: Fraction) -> None:
    with pytest.raises(GoalError) as error:
        plan(basis_of(1, [measure("a", 1)]), rate)
    assert error.value.key == "discount_rate"


def test_costs_in_two_currencies_do_not_add_up() -> None:
    with pytest.raises(GoalError, match="CNY, USD"):
        plan(basis_of(1, [measure("a", 1), measure("b", 1, currency="USD")]), Fraction(0))


def test_a_hundred_measures_with_overlaps_are_planned() -> None:
    measures = [measure(f"m{place}", 1000 + 37 * place % 211, 100 + 53 * place % 97) for place in range(100)]
    overlaps = {(f"m{place}", f"m{place + 1}"): Fraction(1, 3) for place in range(99)}

    found = plan(basis_of(20_000, measures, overlaps=overlaps), Fraction(0))

    assert found.optimal
    assert found.closed.micrograms >= 20_000
