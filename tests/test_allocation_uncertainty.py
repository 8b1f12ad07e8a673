"""Intervals against Monte Carlo: inputs drawn from their own uncertainty, allocated again and again."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.allocation import DIMENSIONS, POSTING_MEASURES, RULES, Allocation, allocate, allocate_window, intervals
from greencloud.errors import QuantityError
from greencloud.facility import Certificate, DirectEmission, Facility, FactorKind, Hardware, HostReading, Uncertainties
from greencloud.units import MILLIJOULES_PER_KWH
from strategies import START, WATT_HOUR, WINDOW, facility, factors, host, provider, reservation, row, site, situations, usage
from test_allocation_laws import slow

KWH = MILLIJOULES_PER_KWH
DRAWS = 400


def book(*, metered: bool) -> Facility:
    readings = [HostReading(WINDOW, "hall", name, watts * WATT_HOUR, Fraction(3600)) for name, watts in [("h1", 300), ("h2", 500)]]
    if metered:
        readings.append(HostReading(WINDOW, "hall", "", 1300 * WATT_HOUR, Fraction(3600)))
    return facility(
        hosts=[
            host("h1", vcpu=8, idle_watts=Fraction(120)),
            host("h2", vcpu=8, idle_watts=Fraction(200)),
            host("h3", vcpu=8, curve="server"),
        ],
        sites=[site(pue=Fraction(5, 4))],
        internal=["auth"],
        reservations=(reservation("acme", 6), reservation("bolt", 3)),
        factors=factors(losses=30),
        hardware=(
            Hardware("rack", "hall", 10**12, date(2026, 11, 1), 1000, "t", "h1"),
            Hardware("shell", "hall", 10**13, date(2026, 11, 1), 9000, "t", kind="building"),
        ),
        direct_emissions=(DirectEmission("diesel", "hall", START, START + timedelta(hours=4), 10**9, "t"),),
        certificates=(Certificate("c", "DE", START, START + timedelta(hours=1), KWH // 5, Fraction(0), "t"),),
        readings=tuple(readings),
        uncertainties=Uncertainties(modelled=Fraction(12, 100), idle=Fraction(8, 100)),
    )


ROWS = [
    provider("acme", 5_000_000_000_000),
    provider("bolt", 2_000_000_000_000),
    provider("bolt", 3_000_000_000_000, host="h2"),
    provider("auth", 1_000_000_000_000, host="h2"),
    row("auth", 700, host="h2", caller_account="acme"),
    row("auth", 300, host="h2", caller_account="bolt"),
    provider("acme", 2_000_000_000_000, host="h3"),
]


class Draw:
    """One world: each source off by its own normal deviation, whose two sigma is the half-width."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, value: Any, width: Fraction) -> Any:
        drawn = Fraction(self.random.gauss(1, float(width) / 2)).limit_denominator(10**9) * value
        return drawn if isinstance(value, Fraction) else round(drawn)


def drawn(base: Facility, seed: int) -> Facility:
    draw, widths = Draw(seed), base.uncertainties
    curves = dict(base.curves)
    scale = draw.of(Fraction(1), widths.modelled)
    server = curves["server"]
    curves["server"] = replace(server, points=tuple((busy, watts * scale) for busy, watts in server.points))
    return replace(
        base,
        curves=curves,
        hosts={
            key: replace(h, idle_watts=None if h.idle_watts is None else draw.of(h.idle_watts, widths.idle))
            for key, h in base.hosts.items()
        },
        sites={"hall": replace(base.sites["hall"], pue=draw.of(base.sites["hall"].pue, widths.pue))},
        readings=tuple(replace(r, energy_mj=draw.of(r.energy_mj, widths.meter)) for r in base.readings),
        factors=tuple(
            replace(f, micrograms_per_kwh=draw.of(f.micrograms_per_kwh, getattr(widths, f.kind.value))) for f in base.factors
        ),
        hardware=tuple(replace(a, embodied_micrograms=draw.of(a.embodied_micrograms, widths.embodied)) for a in base.hardware),
        direct_emissions=tuple(replace(d, micrograms=draw.of(d.micrograms, widths.direct)) for d in base.direct_emissions),
    )


def sums(postings: list[dict[str, Any]], by: tuple[str, ...]) -> dict[tuple[Any, ...], list[int]]:
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(POSTING_MEASURES))
    for p in postings:
        held = found[tuple(p[name] for name in by)]
        for index, name in enumerate(POSTING_MEASURES):
            held[index] += p[name]
    return found


@pytest.mark.parametrize("metered", [False, True], ids=["pue", "facility meter"])
def test_intervals_agree_with_monte_carlo(metered: bool) -> None:
    base = book(metered=metered)
    told = allocate(base, usage(ROWS))
    told_use, columns = usage(ROWS), ["account", "component", *POSTING_MEASURES]
    drawn_worlds = [allocate(drawn(base, seed), told_use).postings.select(columns).to_pylist() for seed in range(DRAWS)]
    for by in (("account",), ("account", "component"), ()):
        _check(told, drawn_worlds, by)


def _check(told: Allocation, drawn_worlds: list[list[dict[str, Any]]], by: tuple[str, ...]) -> None:
    worlds = [sums(world, by) for world in drawn_worlds]
    checked = 0
    for line in told.intervals(by).to_pylist():
        key = tuple(line[name] for name in by)
        for index, name in enumerate(POSTING_MEASURES):
            values = [world[key][index] for world in worlds if key in world]
            width = float(line[f"{name}_high"] - line[name])
            if width < 1000 and stdev(values) < 500:
                continue
            # Two sigma, found from so many draws, is itself uncertain by sigma / sqrt(2 n) on either side: allow four of those,
            # and 4 % for what is beyond the first order (a product of two deviations).
            tolerance = 4 / sqrt(2 * DRAWS) + 0.04
            assert width == pytest.approx(2 * stdev(values), rel=tolerance), (key, name)
            assert float(line[name]) == pytest.approx(fmean(values), abs=width / 2), (key, name)
            checked += 1
    assert checked >= 6


@slow
@given(situations(), st.sampled_from(RULES))
def test_every_line_has_an_interval_around_its_amount(situation: Any, rule: str) -> None:
    world, rows, readings = situation
    allocation = allocate_window(world, usage(rows, readings), "hall", WINDOW, rule=rule)
    lines = intervals([allocation])
    assert lines.select(DIMENSIONS).equals(allocation.postings.select(DIMENSIONS))
    for name in POSTING_MEASURES:
        assert lines[name].to_pylist() == allocation.postings[name].to_pylist()
        for low, amount, high in zip(*(lines[name + end].to_pylist() for end in ("_low", "", "_high")), strict=True):
            assert 0 <= low <= amount <= high


def test_a_shared_factor_is_fully_correlated_between_accounts_and_independent_meters_are_not() -> None:
    world = facility(
        hosts=[host("h1", idle_watts=0), host("h2", idle_watts=0)],
        sites=[site(pue=Fraction(1))],
        readings=tuple(HostReading(WINDOW, "hall", name, KWH, Fraction(3600)) for name in ("h1", "h2")),
        uncertainties=Uncertainties(meter=Fraction(3, 100), location=Fraction(4, 100)),
    )
    rows = [provider("acme", 1), provider("bolt", 1, host="h2")]
    accounts = allocate(world, usage(rows)).intervals(("account",)).to_pylist()
    (whole,) = allocate(world, usage(rows)).intervals(()).to_pylist()
    energy = [line["energy_mj_high"] - line["energy_mj"] for line in accounts]
    assert energy == [KWH * 3 // 100] * 2
    assert whole["energy_mj_high"] - whole["energy_mj"] == round(KWH * 0.03 * sqrt(2))
    carbon = [line["scope2_location_ug_high"] - line["scope2_location_ug"] for line in accounts]
    assert carbon == [round(400_000_000 * 0.05)] * 2  # a right triangle of 3, 4 and 5 %
    both = whole["scope2_location_ug_high"] - whole["scope2_location_ug"]
    assert both == round(400_000_000 * sqrt((2 * 0.04) ** 2 + 2 * 0.03**2))


def test_windows_of_one_factor_add_up_and_what_the_book_says_beats_the_default() -> None:
    later = WINDOW.end
    world = facility(
        hosts=[host("h1", idle_watts=0, meter_uncertainty=Fraction(0))],
        sites=[site(pue=Fraction(1))],
        readings=tuple(HostReading(window, "hall", "h1", KWH, Fraction(3600)) for window in (WINDOW, replace(WINDOW, start=later))),
        factors=tuple(replace(f, uncertainty=Fraction(7, 100)) if f.kind is FactorKind.LOCATION else f for f in factors()),
    )
    rows = [provider("acme", 1), provider("acme", 1, window_start=later)]
    (line,) = allocate(world, usage(rows)).intervals(("account",)).to_pylist()
    assert line["energy_mj_low"] == line["energy_mj"] == line["energy_mj_high"] == 2 * KWH
    assert line["scope2_location_ug_high"] == 800_000_000 * 107 // 100


def test_an_unknown_dimension_is_refused() -> None:
    with pytest.raises(QuantityError, match="cannot add up by tenant"):
        allocate(book(metered=False), usage(ROWS)).intervals(("tenant",))
