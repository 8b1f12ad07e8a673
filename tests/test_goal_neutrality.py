"""Neutrality: reduce, remove, offset, in that order, and what each claim rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError, NotFoundError, QuantityError
from greencloud.goal.neutrality import DURABILITY_CLASSES, durability_class, neutrality
from greencloud.results.instruments import Instrument, InstrumentPolicy, InstrumentUse, Neutrality
from greencloud.results.inventory import EntryState
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from instrument_builders import TONNE, book, books, certificate, credit, policy, removal

YEAR = ReportingYear(2024)
SCOPES = ("scope1", "scope3")


def used(instrument: Instrument, units: int, number: int, *, year: ReportingYear = YEAR, goal: str = "") -> Instrument:
    named = replace(instrument, id=f"i{number}")
    return replace(named, uses=(InstrumentUse(named.name, year, 1, units, goal=goal),) if units else ())


def claim(residual: int, instruments: list[Instrument], **more: Any) -> Neutrality:
    """Of a residual in tonnes."""
    return neutrality(year=YEAR, goal="", scopes=SCOPES, residual=Emissions(residual * TONNE), instruments=instruments, **more)


amounts = st.integers(0, 60)
removals = st.lists(st.tuples(amounts, st.sampled_from([1, 99, 100, 999, 1_000, 5_000])), max_size=4)
credits_used = st.lists(amounts, max_size=3)


@given(residual=amounts, base=st.none() | amounts, removals=removals, offsets=credits_used, extra=amounts)
def test_parts_add_up_and_offsets_come_after_removals(
    residual: int, base: int | None, removals: list[tuple[int, int]], offsets: list[int], extra: int
) -> None:
    made = [used(removal(durability=years), units, n) for n, (units, years) in enumerate(removals)]
    made += [used(credit(), units, 10 + n) for n, units in enumerate(offsets)]
    apart = [
        used(certificate(), extra, 20),
        used(removal(), extra, 21, goal="goals/x"),
        used(credit(), extra, 22, year=ReportingYear(2023)),
    ]
    found = claim(residual, [*made, *apart], base=None if base is None else Emissions(base * TONNE))

    removed = sum(units for units, _ in removals)
    assert found.residual == Emissions(residual * TONNE)
    assert found.removed == Emissions(removed * TONNE)
    assert found.offset == Emissions(min(sum(offsets), max(0, residual - removed)) * TONNE)
    assert found.balance == found.residual - found.removed - found.offset
    assert found.neutral == (found.balance.micrograms <= 0) == (removed + sum(offsets) >= residual)
    lines = {line.kind: line for line in found.lines}
    assert sum((lines[kind].emissions for kind, _ in DURABILITY_CLASSES), Emissions()) == found.removed
    assert ("reduced" in lines) == (base is not None)
    if base is not None:
        assert lines["reduced"].emissions == Emissions((base - residual) * TONNE)
        rest = sum((line.emissions for line in found.lines), found.balance)
        assert rest == Emissions(base * TONNE)
        shares = [line.share for line in found.lines]
        assert shares == (
            [Fraction(line.emissions.micrograms, base * TONNE) for line in found.lines] if base else [None] * len(shares)
        )


@given(units=st.integers(1, 99), years=st.integers(1, 10_000))
def test_a_refused_use_counts_for_nothing_and_takes_the_claim_with_it(units: int, years: int) -> None:
    made = [used(removal(durability=years), 100, 1), used(credit(), units, 2)]
    found = claim(100, made, problem=lambda instrument, _: "of another" if instrument.id == "i2" else "")
    assert found.balance.micrograms == 0
    assert (found.neutral, found.refused) == (False, ("instruments/i2: of another",))
    assert "refused: instruments/i2: of another" in found.findings
    assert claim(100, made[:1]).neutral


@pytest.mark.parametrize(
    ("years", "kind"),
    [(1, "removal_short"), (99, "removal_short"), (100, "removal_long"), (999, "removal_long"), (1_000, "removal_permanent")],
)
def test_durability_has_three_classes(years: int, kind: str) -> None:
    assert durability_class(years) == kind


@pytest.mark.parametrize(
    ("more", "first", "text"),
    [
        ({"path": Emissions(100 * TONNE)}, True, ""),
        ({"path": Emissions(100 * TONNE - 1)}, False, "above the goal's path"),
        ({"path": None}, False, "no path is known"),
        ({"path": Emissions(100 * TONNE), "base": Emissions(99 * TONNE)}, True, "emissions grew by 1.000 t"),
    ],
)
def test_whether_reduction_came_first(more: dict[str, Any], first: bool, text: str) -> None:
    found = claim(100, [used(removal(), 100, 1)], **more)
    assert (found.neutral, found.reduction_first) == (True, first)
    assert any(text in each for each in found.findings) if text else not found.findings


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([used(removal(durability=30), 100, 1)], "less than 100 years"),
        ([used(removal(), 100, 1), used(credit(), 7, 2)], "7.000 t CO2e of offset credits are more"),
        ([used(removal(1, 200), 101, 1)], "1.000 t CO2e more than the residual"),
        ([used(removal(), 60, 1), used(credit(), 30, 2)], "10.00 t CO2e are neither removed nor offset"),
    ],
)
def test_what_a_reader_must_know_is_a_finding(made: list[Instrument], text: str) -> None:
    assert any(text in each for each in claim(100, made).findings)


@pytest.mark.parametrize("scopes", [(), ("scope4",), ("scope2_market_based", "scope2_location_based")])
def test_a_claim_is_of_scopes_that_add_up(scopes: tuple[str, ...]) -> None:
    with pytest.raises(GoalError, match="scopes"):
        neutrality(year=YEAR, goal="", scopes=scopes, residual=Emissions(), instruments=())


def test_a_claim_of_the_organisation(tmp_path: Path) -> None:
    kept = books(tmp_path)
    policy(kept, base_year=ReportingYear(2020))
    book(kept, "2020", {"scope1": 50, "scope2_market_based": 60, "scope3": 90}, state=EntryState.APPROVED)
    book(
        kept,
        "2024",
        {"scope1": 40, "scope2_market_based": 30, "scope2_location_based": 80, "scope3": 100},
        state=EntryState.APPROVED,
    )
    book(kept, "2024", {"scope3": 10})
    book(kept, "2024", {"scope3": 1_000}, biogenic=True)
    first, second, third = (
        made.name for made in kept.batch_create_instruments([removal(), removal(101, 200, durability=50), certificate()])
    )
    kept.use_instrument(first, year="2024", units=100)
    kept.use_instrument(second, year="2024", units=80)
    kept.use_instrument(third, year="2024", units=20, market="DE-LU")
    found = kept.get_neutrality("2024")
    assert (found.residual, found.base) == (Emissions(180 * TONNE), Emissions(200 * TONNE))
    assert {line.kind: line.emissions.micrograms // TONNE for line in found.lines} == {
        "reduced": 20,
        "removal_permanent": 100,
        "removal_long": 0,
        "removal_short": 80,
        "offset": 0,
    }
    assert [line.instruments for line in found.lines] == [(), (first,), (), (second,), ()]
    assert (found.neutral, found.reduction_first, found.path) == (True, False, None)
    for text in (
        "no path",
        "less than 100 years",
        "1 of the entries of 2024 are drafts",
        "location-based one it is 80",
        "20 MWh of energy",
    ):
        assert any(text in each for each in found.findings), (text, found.findings)
    part = kept.get_neutrality("2024", scopes=["scope1"])
    assert part.balance == Emissions(-140 * TONNE)
    assert any("name no goal" in each for each in part.findings)


def test_a_change_of_policy_refuses_what_was_used_before(tmp_path: Path) -> None:
    kept = books(tmp_path)
    book(kept, "2024", {"scope1": 10, "scope2_market_based": 0, "scope3": 0}, state=EntryState.APPROVED)
    name = kept.create_instrument(credit(vintage_start=date(2021, 1, 1))).name
    kept.use_instrument(name, year="2024", units=10)
    assert kept.get_neutrality("2024").neutral
    kept.update_instrument_policy(InstrumentPolicy(2), reason="stricter")
    found = kept.get_neutrality("2024")
    assert (found.neutral, found.offset, len(found.refused)) == (False, Emissions(), 1)
    kept.update_instrument_policy(InstrumentPolicy(5), reason="as before")
    policy(kept, organization="Another")
    assert "retired for" in kept.get_neutrality("2024").refused[0]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"year": "2023"}, GoalError),
        ({"year": "24"}, QuantityError),
        ({"year": "2024", "scopes": ["scope2_market_based", "scope2_location_based"]}, GoalError),
        ({"year": "2024", "scopes": ["scope4"]}, GoalError),
        ({"year": "2024", "goal": "goals/none"}, NotFoundError),
    ],
)
def test_a_claim_of_what_is_not_known_is_refused(tmp_path: Path, asked: dict[str, Any], error: type[Exception]) -> None:
    kept = books(tmp_path)
    book(kept, "2024", {"scope1": 1, "scope2_market_based": 1, "scope3": 1})
    with pytest.raises(error):
        kept.get_neutrality(**asked)
