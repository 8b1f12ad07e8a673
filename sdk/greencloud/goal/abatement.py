"""The plan: which measures close the gap of the target year at least annual cost.

Let x_i say whether measure i is done, e_i what it brings in the target year, c_i its annual cost, and o_ij what i and j lose where
both are done (``greencloud.goal.measures``). The plan is

    minimise    sum c_i x_i
    so that     sum e_i x_i - sum o_ij z_ij >= gap,    z_ij >= x_i + x_j - 1,    x_i in {0, 1},  0 <= z_ij <= 1,

a mixed-integer linear programme that HiGHS solves (scipy.optimize.milp) to a proved optimum, unless it takes too many nodes. HiGHS
counts in floats: what it finds is checked in whole micrograms, and a choice that misses the gap by a rounding is excluded and the
search goes on (as more measures never reduce less, with it goes every part of it).

- A measure that saves money pays for itself and is in every plan.
- Where all measures together do not close the gap, the plan reduces the most there is, at least cost, and says what stays open.
- The annual cost is the capital as an annuity over the lifetime n at the discount rate r, ``capital * r / (1 - (1 + r)^-n)``
  (``capital / n`` without interest), plus what it costs a year; an exact fraction, rounded once to a millionth.
- Committed measures are in the forecast, so they are not for choice; what overlaps with them brings the less.

The curve is in ascending order of the annual cost per tonne; in that order a chosen measure is given what those before it leave
(its **marginal** effect), so that the marginal effects of the plan add up to what it closes, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, Final

from greencloud.errors import GoalError, MissingExtraError
from greencloud.goal.measures import MeasureState
from greencloud.results.forecasts import AbatementPlan, AbatementStep, Measure
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, round_half_even

__all__ = ["PlanBasis", "annual_cost", "annuity", "check_discount_rate", "plan"]

_NODES: Final = 20_000
_TRIES: Final = 200
_COST_SCALE: Final = 1e6  # HiGHS tells objectives apart by 1e-6
_COST_UNITS: Final = 10**6
_TONNE: Final = 10**12


@dataclass(frozen=True, slots=True)
class PlanBasis:
    """What a plan is made of. ``effects``: micrograms of each measure in the target year, alone, by resource name; those of
    ``candidates`` and of ``committed``."""

    goal: str
    scenario: str
    target_year: ReportingYear
    gap: Emissions
    candidates: Sequence[Measure]
    committed: Sequence[Measure]
    effects: Mapping[str, int]
    state: MeasureState  # which knows the overlaps
    notes: tuple[str, ...] = ()


def annuity(capital: Fraction, rate: Fraction, years: int) -> Fraction:
    """What pays a capital back in equal parts with interest, exactly; the rate is checked by ``check_discount_rate``."""
    return capital * (rate / (1 - (1 + rate) ** -years) if rate else Fraction(1, years))


def annual_cost(measure: Measure, discount_rate: Fraction) -> Fraction:
    """Annualised, in the measure's currency, rounded half to even to a millionth of it."""
    exact = annuity(measure.capital_cost, discount_rate, measure.lifetime_years) + measure.annual_cost
    return Fraction(round_half_even(exact * _COST_UNITS), _COST_UNITS)


def check_discount_rate(rate: Fraction) -> None:
    """Raises GoalError."""
    if not 0 <= rate <= 1 or rate.denominator > 10**6:
        raise GoalError("the discount rate is not from 0 to 1", key="discount_rate", advice="write 0.05 for 5 % a year")


def plan(basis: PlanBasis, discount_rate: Fraction) -> AbatementPlan:
    """The cheapest plan that closes the gap, or that which closes the most of it.

    Raises:
        GoalError: the measures cost in several currencies, or the rate is not from 0 to 1.
        MissingExtraError: greencloud[goal] is not installed.
    """
    check_discount_rate(discount_rate)
    measures = sorted(basis.candidates, key=lambda measure: measure.id)
    currency = _currency(measures)
    costs = {measure.name: annual_cost(measure, discount_rate) for measure in measures}
    yields = _Yields(basis, [measure.name for measure in measures])
    most = yields.of(costs)
    chosen, optimal = _cheapest(yields, costs, min(basis.gap.micrograms, most))
    per_tonne = {name: costs[name] * _TONNE / basis.effects[name] if basis.effects[name] else None for name in costs}
    ranked = sorted(measures, key=lambda measure: (per_tonne[measure.name] is None, per_tonne[measure.name] or 0, measure.id))
    steps: list[AbatementStep] = []
    done: list[str] = []
    for measure in ranked:
        name = measure.name
        inside = name in chosen
        before = done if inside else chosen
        steps.append(
            AbatementStep(
                name,
                measure.display_name,
                reduction=Emissions(basis.effects[name]),
                marginal=Emissions(yields.of([*before, name]) - yields.of(before)),
                cost_per_tonne=per_tonne[name],
                annual_cost=costs[name],
                chosen=inside,
            )
        )
        done += [name] if inside else []
    closed = yields.of(chosen)
    remaining = basis.gap.micrograms - closed
    return AbatementPlan(
        goal=basis.goal,
        scenario=basis.scenario,
        target_year=basis.target_year,
        gap=basis.gap,
        steps=tuple(steps),
        closed=Emissions(closed),
        remaining=Emissions(max(remaining, 0)),
        annual_cost=sum((costs[name] for name in chosen), Fraction(0)),
        currency=currency,
        discount_rate=discount_rate,
        optimal=optimal,
        notes=(*_notes(basis, remaining, optimal=optimal, saving=[name for name in chosen if costs[name] < 0]), *basis.notes),
    )


class _Yields:
    """What sets of candidates bring beyond the committed measures, in micrograms."""

    def __init__(self, basis: PlanBasis, names: Sequence[str]) -> None:
        committed = [(measure.name, basis.effects[measure.name]) for measure in basis.committed]
        state, effects = basis.state, basis.effects
        self.alone = {name: effects[name] - sum(state.loss((name, effects[name]), other) for other in committed) for name in names}
        pairs = ((a, b, state.loss((a, effects[a]), (b, effects[b]))) for a, b in combinations(names, 2))
        self.losses = {(a, b): loss for a, b, loss in pairs if loss}

    def of(self, names: Any) -> int:
        done = set(names)
        return sum(self.alone[name] for name in done) - sum(loss for (a, b), loss in self.losses.items() if a in done and b in done)


def _cheapest(yields: _Yields, costs: Mapping[str, Fraction], needed: int) -> tuple[list[str], bool]:
    """Names of the plan that brings what is needed, and whether it is proved to cost the least."""
    names = list(costs)
    saving = [name for name in names if costs[name] < 0]
    if needed <= yields.of(saving):
        return saving, True
    model = _Model(yields, costs, needed)
    for _ in range(_TRIES):
        found, proved = model.solve()
        if found is None:
            break
        if yields.of(found) >= needed:
            free = [name for name in found if costs[name] == 0]
            return _without_needless(found, free, yields, needed), proved
        model.exclude(found)
    return [name for name in names if yields.alone[name] or costs[name] <= 0], False


def _without_needless(found: list[str], free: Sequence[str], yields: _Yields, needed: int) -> list[str]:
    """Without those that cost nothing and are not needed, which the search takes or leaves as it happens."""
    for name in free:
        left = [each for each in found if each != name]
        if yields.of(left) >= needed:
            found = left
    return found


class _Model:
    """The programme for HiGHS: variables are the measures, then the pairs that overlap."""

    def __init__(self, yields: _Yields, costs: Mapping[str, Fraction], needed: int) -> None:
        try:
            import numpy
            from scipy import optimize
        except ImportError as error:
            raise MissingExtraError("an abatement plan", extra="goal") from error
        self._numpy, self._optimize = numpy, optimize
        self._names = list(costs)
        places = {name: place for place, name in enumerate(self._names)}
        # One that closes the gap whatever else is done counts as the gap, without its losses: floats do not span g and Gt.
        alone = {name: yields.alone[name] for name in self._names}
        lost = {name: sum(loss for pair, loss in yields.losses.items() if name in pair) for name in self._names}
        enough = {name for name in self._names if alone[name] - lost[name] >= needed}
        pairs = [pair for pair in yields.losses if not enough.intersection(pair)]
        self._width = len(self._names) + len(pairs)
        largest = max((abs(cost) for cost in costs.values()), default=Fraction(0)) or Fraction(1)
        self._objective = [float(cost / largest) * _COST_SCALE for cost in costs.values()] + [0.0] * len(pairs)
        closing = [1.0 if name in enough else float(Fraction(alone[name], needed)) for name in self._names]
        closing += [-float(Fraction(yields.losses[pair], needed)) for pair in pairs]
        self._rows, self._least = [closing], [1.0]
        for number, (a, b) in enumerate(pairs, start=len(self._names)):
            row = [0.0] * self._width
            row[number], row[places[a]], row[places[b]] = 1.0, -1.0, -1.0
            self._rows.append(row)
            self._least.append(-1.0)

    def solve(self) -> tuple[list[str] | None, bool]:
        """Names, and whether they are proved to cost the least; None where there is nothing, or it was not found in time."""
        whole = len(self._names)
        found = self._optimize.milp(
            self._objective,
            integrality=[1] * whole + [0] * (self._width - whole),
            bounds=self._optimize.Bounds(0, 1),
            constraints=self._optimize.LinearConstraint(self._numpy.array(self._rows), lb=self._least),
            options={"node_limit": _NODES, "mip_rel_gap": 0.0},
        )
        if found.x is None:
            return None, False
        return [name for name, value in zip(self._names, found.x, strict=False) if value > 0.5], found.status == 0

    def exclude(self, names: Sequence[str]) -> None:
        """A set that brings too little, and every part of it: at least one other measure is needed."""
        done = set(names)
        self._rows.append([0.0 if name in done else 1.0 for name in self._names] + [0.0] * (self._width - len(self._names)))
        self._least.append(1.0)


def _currency(measures: Sequence[Measure]) -> str:
    found = sorted({measure.currency for measure in measures if measure.currency})
    if len(found) > 1:
        raise GoalError(
            f"the measures cost in {', '.join(found)}, which do not add up", key="measures", advice="choose those of one currency"
        )
    return found[0] if found else ""


def _notes(basis: PlanBasis, remaining: int, *, optimal: bool, saving: Sequence[str]) -> list[str]:
    notes = []
    if basis.gap.micrograms <= 0:
        notes.append("There is no gap: the forecast meets the target without further measures.")
    if remaining > 0:
        notes.append(f"All measures together leave {Emissions(remaining)} of the gap open.")
    elif remaining < 0 and basis.gap.micrograms > 0:
        notes.append(f"The plan reduces {Emissions(-remaining)} more than the gap.")
    if saving:
        notes.append(f"Saves more than it costs, so it is in every plan: {', '.join(saving)}.")
    if basis.committed:
        names = ", ".join(measure.name for measure in basis.committed)
        notes.append(f"Committed, so in the forecast and not for choice: {names}.")
    if not optimal:
        notes.append("The search was cut: there may be a cheaper plan.")
    return notes
