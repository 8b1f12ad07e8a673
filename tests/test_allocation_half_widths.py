"""The ratios that the ledger keeps: never narrower than the intervals that they stand for; same inputs, same bits."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import ceil, isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.allocation import (
    POSTINGS,
    RULES,
    UNCERTAINTIES,
    WindowAllocation,
    allocate,
    allocate_window,
    intervals,
    relative_half_widths,
    with_uncertainties,
)
from greencloud.allocation.uncertainty import half_width
from greencloud.facility import Account, AccountKind, DirectEmission, HostReading, Uncertainties
from greencloud.ledger.columns import ROWS
from greencloud.units import INT64_MAX, MILLIJOULES_PER_KWH
from strategies import SERVICES, START, WINDOW, facility, host, provider, reading, reservation, row, site, situations, usage
from test_allocation_laws import slow
from test_allocation_uncertainty import ROWS as SMALL_ROWS
from test_allocation_uncertainty import book

KWH = MILLIJOULES_PER_KWH
MOST = 2**31 - 1
TOTALS = {
    "energy_uncertainty_ppm": ("energy_mj",),
    "location_uncertainty_ppm": ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug"),
    "market_uncertainty_ppm": ("scope1_ug", "scope2_market_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"),
}


@st.composite
def windows(draw: st.DrawFn) -> WindowAllocation:
    """Any situation under any rule; internal accounts pass on all of their cost or their dynamic energy."""
    world, rows, readings = draw(situations())
    passes = st.sampled_from(["all", "dynamic"])
    world = replace(world, accounts={name: Account(name, AccountKind.INTERNAL, passes=draw(passes)) for name in SERVICES})
    return allocate_window(world, usage(rows, readings), "hall", WINDOW, rule=draw(st.sampled_from(RULES)))


def told(allocation: WindowAllocation, by: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, int]]:
    """Half-widths as the ledger adds them up."""
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(TOTALS, 0))
    for posting in with_uncertainties(allocation).to_pylist():
        held = found[tuple(posting[name] for name in by)]
        for name, lines in TOTALS.items():
            held[name] += -(-sum(posting[line] for line in lines) * posting[name] // 1_000_000)
    return found


def sharp(allocation: WindowAllocation, by: tuple[int, ...]) -> dict[tuple[str, ...], dict[str, float]]:
    """Half-widths as ``intervals`` works them out; of totals, which it has no columns for."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for key, widths in allocation.spread.by_source(lambda entry: tuple(entry[index] for index in by)).items():
        found[key] = {}
        for name, lines in TOTALS.items():
            vector: dict[str, float] = defaultdict(float)
            for line in lines:
                for source, width in widths.get(line, {}).items():
                    vector[source] += width
            found[key][name] = half_width(vector)
    return found


def amounts(allocation: WindowAllocation, by: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, int]]:
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(TOTALS, 0))
    for posting in allocation.postings.to_pylist():
        for name, lines in TOTALS.items():
            found[tuple(posting[key] for key in by)][name] += sum(posting[line] for line in lines)
    return found


@slow
@given(windows())
def test_a_ratio_is_that_of_the_interval_of_its_account_and_component(allocation: WindowAllocation) -> None:
    found, exact = relative_half_widths(allocation), sharp(allocation, (0, 5))
    sums = amounts(allocation, ("account", "component"))
    assert found.keys() == sums.keys()
    for key, ratios in found.items():
        for name, ratio in zip(TOTALS, ratios, strict=True):
            amount = sums[key][name]
            if not amount:
                assert ratio == 0
                continue
            width = exact[key][name]
            # Amounts are whole and these widths are of parts of units too: one unit, and the part per million of rounding up.
            if ratio < MOST:
                assert isclose(ratio * amount / 1_000_000, width, rel_tol=1e-9, abs_tol=1 + amount / 1_000_000), (key, name)
            else:
                assert width * 1_000_000 >= amount * (MOST - 1), (key, name)


@slow
@given(windows(), st.sampled_from([(), ("account",), ("component",), ("account", "component")]))
def test_half_widths_of_postings_add_up_to_no_less_than_the_interval(allocation: WindowAllocation, by: tuple[str, ...]) -> None:
    places = tuple({"account": 0, "component": 5}[name] for name in by)
    found, exact = told(allocation, by), sharp(allocation, places)
    ratios = relative_half_widths(allocation)
    sums = amounts(allocation, ("account", "component"))
    # What is beyond the largest ratio cannot be told, nor the width of what is nothing, which may have no posting at all.
    short: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for (account, component), width_of in sharp(allocation, (0, 5)).items():
        names = {"account": account, "component": component}
        amount = sums.get((account, component), dict.fromkeys(TOTALS, 0))
        told_of = dict(zip(TOTALS, ratios.get((account, component), (0, 0, 0)), strict=True))
        short[tuple(names[name] for name in by)] |= {
            name for name in TOTALS if told_of[name] == MOST or (width_of[name] and not amount[name])
        }
    for key, widths in exact.items():
        for name, width in widths.items():
            if key in found and name not in short[key]:
                assert found[key][name] >= width * (1 - 1e-12), (key, name)


@slow
@given(situations(), st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_the_order_of_rows_hosts_and_entries_of_the_book_moves_no_bit(situation: Any, rule: str, rand: random.Random) -> None:
    world, rows, readings = situation

    def shuffled(items: Any) -> list[Any]:
        return rand.sample(list(items), len(items))

    other = replace(
        world,
        hosts=dict(shuffled(world.hosts.items())),
        hardware=tuple(shuffled(world.hardware)),
        factors=tuple(shuffled(world.factors)),
        reservations=tuple(shuffled(world.reservations)),
        accounts=dict(shuffled(world.accounts.items())),
    )
    first = allocate_window(world, usage(rows, readings), "hall", WINDOW, rule=rule)
    second = allocate_window(other, usage(shuffled(rows), shuffled(readings)), "hall", WINDOW, rule=rule)
    assert with_uncertainties(first).equals(with_uncertainties(second))


def test_columns_are_those_of_the_ledger() -> None:
    (window,) = allocate(book(metered=True), usage(SMALL_ROWS)).windows
    table = with_uncertainties(window)
    assert table.schema.equals(ROWS)
    assert table.select(POSTINGS.names).equals(window.postings)
    nothing = replace(window, postings=POSTINGS.empty_table())
    assert with_uncertainties(nothing).schema.equals(ROWS)
    assert tuple(TOTALS) == UNCERTAINTIES


def test_a_small_window_by_hand() -> None:
    world = facility(
        hosts=[host("h1", idle_watts=0)],
        sites=[site(pue=Fraction(1))],
        readings=(HostReading(WINDOW, "hall", "h1", KWH, Fraction(3600)),),
        uncertainties=Uncertainties(meter=Fraction(3, 100), location=Fraction(4, 100), residual=Fraction(0), upstream=Fraction(0)),
        factors=tuple(f for f in facility().factors if f.kind.value != "upstream")
        + tuple(replace(f, micrograms_per_kwh=Fraction(0)) for f in facility().factors if f.kind.value == "upstream"),
    )
    (window,) = allocate(world, usage([provider("acme", 1)])).windows
    ((key, (energy, location, market)),) = relative_half_widths(window).items()
    assert key == ("acme", "dynamic")
    # A right triangle of 3 % and 4 %; one part per million is what the last bit of a float may cost by rounding up.
    assert (energy, location, market) == pytest.approx((30_000, 50_000, 30_000), abs=1)


def test_windows_sites_and_accounts_add_up_as_if_all_erred_together() -> None:
    later = replace(WINDOW, start=WINDOW.end)
    world = replace(
        book(metered=True),
        readings=tuple(replace(r, window=window) for r in book(metered=True).readings for window in (WINDOW, later)),
        certificates=(),
    )
    both = allocate(world, usage(SMALL_ROWS + [r | {"window_start": later.start} for r in SMALL_ROWS])).windows
    assert len(both) == 2
    (line,) = intervals(both, ()).to_pylist()
    added = sum(told(window, ())[()]["energy_uncertainty_ppm"] for window in both)
    assert added >= line["energy_mj_high"] - line["energy_mj"]


def test_a_finer_line_than_account_and_component_takes_their_ratio() -> None:
    world = facility(
        hosts=[host("h1", idle_watts=0), host("h2", idle_watts=0)],
        sites=[site(pue=Fraction(1))],
        readings=tuple(HostReading(WINDOW, "hall", name, KWH, Fraction(3600)) for name in ("h1", "h2")),
        uncertainties=Uncertainties(meter=Fraction(3, 100)),
    )
    (window,) = allocate(world, usage([provider("acme", 1, service="web"), provider("acme", 1, host="h2", service="db")])).windows
    table = with_uncertainties(window)
    (ratio,) = set(table["energy_uncertainty_ppm"].to_pylist())
    assert ratio == ceil(30_000 / 2**0.5), "of both hosts, whose meters err apart"


def test_emissions_of_a_site_that_drew_nothing_have_an_interval_too() -> None:
    diesel = DirectEmission("diesel", "hall", START, START + timedelta(hours=1), 10**9, "t", uncertainty=Fraction(7, 100))
    world = facility(
        hosts=[host("h1", idle_watts=0)],
        direct_emissions=(diesel,),
        readings=(HostReading(WINDOW, "hall", "h1", 0, Fraction(3600)),),
    )
    allocation = allocate(world, usage())
    ((account, component), ratios), *rest = relative_half_widths(allocation.windows[0]).items()
    assert (account, component, rest) == ("(unattributed)", "overhead", [])
    assert ratios == pytest.approx((0, 70_000, 70_000), abs=1)
    (line,) = allocation.intervals(()).to_pylist()
    assert line["scope1_ug_high"] == 10**9 * 107 // 100


def test_a_ratio_beyond_what_a_column_holds_is_the_largest() -> None:
    # Idle power of nearly all the energy, known to 200 %: one millijoule is left that is dynamic.
    world = facility(
        hosts=[host("h1", idle_watts=Fraction(KWH - 1, 3_600_000))],
        sites=[site(pue=Fraction(1))],
        reservations=(reservation("bolt", 8),),
        readings=(HostReading(WINDOW, "hall", "h1", KWH, Fraction(3600)),),
        uncertainties=Uncertainties(idle=Fraction(2)),
    )
    (window,) = allocate(world, usage([provider("acme", 1)])).windows
    assert relative_half_widths(window)["acme", "dynamic"][0] == MOST


def test_postings_of_which_nothing_is_known_are_not_called_certain() -> None:
    (window,) = allocate(book(metered=True), usage(SMALL_ROWS)).windows
    bare = replace(window, spread=type(window.spread)())
    assert set(with_uncertainties(bare)["location_uncertainty_ppm"].to_pylist()) == {-1}


def test_amounts_at_the_end_of_int64_are_added_up_beyond_it() -> None:
    (window,) = allocate(book(metered=True), usage(SMALL_ROWS)).windows
    huge = [p | {"scope1_ug": INT64_MAX, "scope3_embodied_ug": INT64_MAX} for p in window.postings.to_pylist()]
    table = window.postings.from_pylist(huge, schema=POSTINGS)
    assert all(ratio[1] >= 0 for ratio in relative_half_widths(replace(window, postings=table)).values())


def test_what_is_nothing_and_uncertain_is_passed_on_with_its_component() -> None:
    # At idle the dynamic energy of h2 is 0; how far its model is wrong is in it all the same, less what its idle power has of that.
    book = facility(
        hosts=[host("h1", curve="server", dedicated_to="store"), host("h2", curve="server", idle_watts=100, dedicated_to="store")],
        sites=[site(pue=Fraction(1))],
        internal=["store"],
    )
    rows = [row("store", 20, operation="GET /", caller_account="acme"), row("store", 7, operation="own")]
    allocation = allocate(book, usage([provider("store", 10**12, service="web"), *rows], [reading("h2", None, 0)]))
    for line in allocation.intervals(("account",)).to_pylist():
        if line["account"] in {"acme", "store"}:
            width = float(line["energy_mj_high"] - line["energy_mj"])
            assert width == pytest.approx(0.25 * float(line["energy_mj"]), rel=1e-6), line["account"]
