"""The sparse reciprocal system against dense exact rationals, with ties, cycles, and services that keep next to nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from math import floor
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greencloud.allocation import elimination
from greencloud.allocation.elimination import Elimination
from greencloud.allocation.settle import LEAST_BITS, Passing, endless, reciprocal, settled
from profiles import examples

NAMES = "abcdefgh"
ENDS = "xyz"

slow = settings(max_examples=examples(60), deadline=None)


def dense(direct: Mapping[str, int], passed: Passing) -> dict[str, Fraction]:
    """The oracle: Gauss-Jordan over the whole matrix, in fractions."""
    names = sorted(passed)
    rows = [
        [*(Fraction(k == j) - passed[k].get(j, Fraction(0)) for k in names), Fraction(direct[j])] for j in names
    ]  # x_j - sum_k F_kj x_k = d_j
    for pivot in range(len(rows)):
        swap = next(i for i in range(pivot, len(rows)) if rows[i][pivot])
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for i, row in enumerate(rows):
            if i != pivot and row[pivot]:
                rows[i] = [value - row[pivot] * base for value, base in zip(row, rows[pivot], strict=True)]
    return {name: row[-1] for name, row in zip(names, rows, strict=True)}


@st.composite
def systems(draw: st.DrawFn) -> dict[str, dict[str, Fraction]]:
    """Up to eight services with cycles; some pass on all, some all but a grain, and small numbers make ties common."""
    names = NAMES[: draw(st.integers(1, 8))]
    size = st.one_of(st.integers(1, 3), st.integers(1, 10**13), st.sampled_from([1, 10**13]))
    passed = {}
    for name in names:
        work = draw(st.dictionaries(st.sampled_from(names + ENDS), size, max_size=5))
        whole = sum(work.values()) + draw(st.sampled_from([0, 0, 1, 7]))
        passed[name] = {caller: Fraction(part, whole) for caller, part in work.items() if caller != name}
    for name in endless(passed):
        passed[name] = {caller: part / 2 for caller, part in passed[name].items()}
    return passed


amounts = st.one_of(st.integers(0, 12), st.integers(0, 2**63), st.just(0))
HALVES = {"a": {"b": Fraction(1, 2), "x": Fraction(1, 2)}, "b": {"a": Fraction(1), "y": Fraction(0)}}


@slow
@given(systems(), st.lists(amounts, min_size=8, max_size=8))
@example(HALVES, [2, 2] * 4)
def test_parts_are_the_floors_of_the_exact_solution(passed: Passing, given_amounts: list[int]) -> None:
    direct = dict(zip(NAMES, given_amounts, strict=True))
    through = settled({name: [direct[name], 1] for name in passed}, passed)
    exact = dense(direct, passed)
    for name, callers in passed.items():
        kept = 1 - sum(callers.values(), Fraction(0))
        for fraction in [kept, *(part for caller, part in callers.items() if caller not in passed)]:
            assert through[name].part(fraction, [0, 0])[0] == floor(fraction * exact[name])
        for caller, part in callers.items():
            if caller in passed:
                back = part * (1 - sum(passed[caller].values()))
                assert through[name].part(back, [0, 0])[0] == floor(back * exact[name])
    assert reciprocal(direct, passed) == exact


def shares_of(passed: Passing) -> dict[str, dict[str, Fraction]]:
    """For each service, who bears its direct cost in the end, as exact rationals; the shares of each add up to one."""
    shares = {}
    for origin in sorted(passed):
        borne: dict[str, Fraction] = defaultdict(Fraction)
        for k, cost in reciprocal({origin: 1}, passed).items():
            borne[k] += cost * (1 - sum(passed[k].values(), Fraction(0)))
            for caller, fraction in passed[k].items():
                if caller not in passed:
                    borne[caller] += cost * fraction
        shares[origin] = {account: borne[account] for account in sorted(borne) if borne[account]}
    return shares


@slow
@given(systems())
def test_the_shares_of_each_service_add_up_to_one(passed: Passing) -> None:
    shares = shares_of(passed)
    assert all(sum(share.values()) == 1 for share in shares.values())
    assert all(set(share) <= {*passed, *ENDS} for share in shares.values())


def test_half_of_an_even_total_is_exact_and_half_of_an_odd_one_is_rounded_down() -> None:
    through = settled({"a": [10, 11], "b": [0, 0]}, HALVES)
    assert through["a"].part(Fraction(1, 2), [0, 0]) == [10, 11]  # all of it, in the end
    assert through["b"].part(Fraction(1, 2), [0, 0]) == [5, 5]


def test_services_that_are_not_coupled_are_exact_as_they_are() -> None:
    through = settled({"a": [7], "b": [9]}, {"a": {"x": Fraction(1, 3)}, "b": {"x": Fraction(1)}})
    assert [(through[name].amounts, through[name].bits) for name in "ab"] == [((7,), 0), ((9,), 0)]


def test_a_long_chain_that_mostly_turns_back_loses_no_digit() -> None:
    """Cost leaves at the end alone, and a step towards it is one of ten: 10^190 passes, beyond what floats hold by the end."""
    size = 400
    names = [f"s{number:03}" for number in range(size)]
    passed = {
        name: {names[max(0, k - 1)]: Fraction(9, 10), (names[k + 1] if k + 1 < size else "x"): Fraction(1, 10)}
        for k, name in enumerate(names)
    }
    passed["s000"] = {"s001": Fraction(1)}
    through = settled({name: [1000 * (name == "s000")] for name in names}, passed)
    assert through[names[-1]].part(Fraction(1, 10), [0]) == [1000]


def test_services_that_work_only_for_one_another_are_named() -> None:
    passed = {"a": {"b": Fraction(1)}, "b": {"a": Fraction(1)}, "c": {"a": Fraction(1, 2)}, "d": {"x": Fraction(1)}}
    assert endless(passed) == ["a", "b"]
    assert endless(passed | {"b": {"a": Fraction(1, 2), "d": Fraction(1, 2)}}) == []
    assert endless({"a": {"b": Fraction(1)}, "b": {"a": Fraction(1), "x": Fraction(0)}}) == ["a", "b"]


def crowd(services: int, tenants: int, seed: int) -> dict[str, dict[str, Fraction]]:
    """Everybody calls anybody: five callers each, taken at random of all services and tenants, and a little kept."""
    random = Random(seed)
    passed: dict[str, dict[str, Fraction]] = {}
    for k in range(services):
        work: dict[str, int] = {}
        for _ in range(5):
            caller = random.randrange(services + tenants)
            if caller != k:
                work[f"s{caller}" if caller < services else f"t{caller}"] = random.randrange(1, 10**12)
        whole = sum(work.values()) + random.randrange(1, 10**11)
        passed[f"s{k}"] = {caller: Fraction(part, whole) for caller, part in work.items()}
    return passed


@pytest.mark.parametrize("services", [40, 3000])
def test_thousands_of_services_with_cycles_are_settled(services: int) -> None:
    passed = crowd(services, 500, seed=services)
    direct = {name: 10**9 + number for number, name in enumerate(sorted(passed))}
    through = settled({name: [amount] for name, amount in direct.items()}, passed)

    # The exact residual, in fractions, bounds what anybody's amount can be wrong by.
    exact = {name: Fraction(found.amounts[0], 1 << found.scale) for name, found in through.items()}
    unsettled = {name: direct[name] - amount for name, amount in exact.items()}
    for name, callers in passed.items():
        for caller, part in callers.items():
            if caller in passed:
                unsettled[caller] += Fraction(floor(part * exact[name] * 2**400), 2**400)
    assert sum(map(abs, unsettled.values())) < Fraction(2, 2**LEAST_BITS)
    assert {found.bits for found in through.values()} == {LEAST_BITS} or services < 100


def test_what_is_iterated_and_what_is_eliminated_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = crowd(60, 20, seed=7)
    direct = {name: [10**12 + number] for number, name in enumerate(sorted(passed))}
    eliminated = settled(direct, passed)
    monkeypatch.setattr(elimination, "_CHEAP", 0)
    monkeypatch.setattr(elimination, "_WORK", 0)
    iterated = settled(direct, passed)
    monkeypatch.setattr(elimination, "_LAPS", 1)
    cut_short = settled(direct, passed)
    for name, callers in passed.items():
        for part in callers.values():
            assert eliminated[name].part(part, [0]) == iterated[name].part(part, [0]) == cut_short[name].part(part, [0])


def test_floats_that_overflow_are_told_to_the_caller() -> None:
    with pytest.raises(ArithmeticError):
        Elimination([{}], [10**400])
    assert reciprocal({"a": 3, "b": 4}, {"a": {"b": Fraction(1, 10**400)}, "b": {"x": Fraction(1)}})["b"] == 4 + Fraction(
        3, 10**400
    )
