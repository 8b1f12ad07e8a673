"""The method of AWS, model 3.0, expressed in a book of ours: every formula against exact rationals, to the digit.

What it calls a cluster is a site, a rack a host with a flat curve (its planned power draw), a customer an account.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.allocation import WindowAllocation, allocate_window
from greencloud.errors import AllocationError
from greencloud.facility import POOL_UNSOLD, Certificate, Facility, Hardware, HostReading, PowerCurve
from greencloud.units import MILLIJOULES_PER_KWH, Window
from strategies import CURVES, START, WATT_HOUR, WINDOW, facility, factors, host, provider, reading, reservation, site, usage

KWH = MILLIJOULES_PER_KWH
GRAM = 1_000_000
HOUR_NS = 3_600_000_000_000


def run(book: Facility, rows: Any = (), readings: Any = (), *, window: Window = WINDOW) -> WindowAllocation:
    return allocate_window(book, usage(rows, readings), "hall", window)


def by_account(allocation: WindowAllocation, measure: str, *components: str) -> dict[str, int]:
    """A measure of some components, or of all, without zeros."""
    found: dict[str, int] = defaultdict(int)
    for posting in allocation.postings.to_pylist():
        if not components or posting["component"] in components:
            found[posting["account"]] += posting[measure]
    return {account: amount for account, amount in found.items() if amount}


# Scope 2 and losses


def cluster(
    load_mj: int, *, generation: int = 400, residual: int = 500, upstream: int = 50, lost: int | None = 30, held: Any = ()
) -> Facility:
    """A cluster metered as a whole, with certificates as (purpose, millijoules, grams per kWh)."""
    certificates = tuple(
        Certificate(f"c{i}", "DE", START, START + timedelta(hours=1), energy, Fraction(grams * GRAM), "registry", purpose)
        for i, (purpose, energy, grams) in enumerate(held)
    )
    return facility(
        sites=[site(pue=None)],
        hosts=[host("h1", idle_watts=Fraction(0))],
        factors=factors(location=generation, residual=residual, upstream=upstream, losses=lost),
        certificates=certificates,
        readings=(
            HostReading(WINDOW, "hall", "h1", load_mj * 9 // 10, Fraction(3600)),
            HostReading(WINDOW, "hall", "", load_mj, Fraction(3600)),
        ),
    )


def micrograms(energy_mj: int | Fraction, grams_per_kwh: int | Fraction) -> Fraction:
    return Fraction(energy_mj) * grams_per_kwh * GRAM / KWH


def test_location_and_market_based_with_certificates_are_the_two_equations() -> None:
    # LBM = Load x ef_LBM; MBM = (Load - EAC) x ef_MBM + EAC x ef_EAC: 10 kWh, of which 4 are certified at 12 g.
    totals = run(cluster(10 * KWH, held=[("load", 4 * KWH, 12)]), [provider("acme", 1)]).totals
    assert totals["scope2_location_ug"] == 10 * 400 * GRAM
    assert totals["scope2_market_ug"] == (6 * 500 + 4 * 12) * GRAM


def test_losses_are_the_four_equations_of_the_document() -> None:
    # ratio = ef_TD / (ef_gen + ef_up + ef_TD) = 30 / 480 = 1/16; TD_load = Load / (1 - ratio) - Load = Load / 15.
    load, ratio = 15 * KWH, Fraction(30, 400 + 50 + 30)
    td_load = load / (1 - ratio) - load
    assert ratio == Fraction(1, 16)
    assert td_load == KWH
    held = KWH // 4
    totals = run(cluster(load, held=[("losses", held, 0)]), [provider("acme", 1)]).totals
    # LBM_TD = TD_load x (ef_gen + ef_up); MBM_TD = (TD_load - EAC_fera) x (ef_gen + ef_up). Upstream is beside both.
    upstream = micrograms(load, 50)
    assert totals["scope3_upstream_location_ug"] == upstream + micrograms(td_load, 450) == (15 * 50 + 450) * GRAM
    assert totals["scope3_upstream_market_ug"] == upstream + micrograms(td_load - held, 450)


def test_certificates_of_all_losses_leave_none_and_of_one_millijoule_more_are_refused() -> None:
    load = 15 * KWH
    totals = run(cluster(load, held=[("losses", KWH, 0)]), [provider("acme", 1)]).totals
    assert totals["scope3_upstream_market_ug"] == micrograms(load, 50)
    with pytest.raises(AllocationError, match="what is lost in the grid"):
        run(cluster(load, held=[("losses", KWH + 1, 0)]))
    with pytest.raises(AllocationError, match="what is lost in the grid"):
        run(cluster(load, lost=None, held=[("losses", 1, 0)]))


def test_a_certificate_for_load_does_not_touch_losses_nor_one_for_losses_the_load() -> None:
    plain = run(cluster(15 * KWH), [provider("acme", 1)]).totals
    load = run(cluster(15 * KWH, held=[("load", KWH, 0)]), [provider("acme", 1)]).totals
    losses = run(cluster(15 * KWH, held=[("losses", KWH, 0)]), [provider("acme", 1)]).totals
    assert {name for name in plain if load[name] != plain[name]} == {"scope2_market_ug"}
    assert {name for name in plain if losses[name] != plain[name]} == {"scope3_upstream_market_ug"}


grams = st.integers(0, 1500)


@settings(max_examples=60)
@given(
    load=st.integers(0, 10**13),
    gen=st.integers(1, 1500),
    residual=grams,
    up=grams,
    lost=grams,
    eac=st.fractions(0, 1),
    fera=st.fractions(0, 1),
    ef_eac=grams,
)
def test_every_line_is_its_formula_in_exact_rationals_rounded_once(
    *, load: int, gen: int, residual: int, up: int, lost: int, eac: Fraction, fera: Fraction, ef_eac: int
) -> None:
    ratio = Fraction(lost, gen + up + lost)
    td_load = load / (1 - ratio) - load
    certified, replaced = int(load * eac), int(td_load * fera)
    held = [("load", certified, ef_eac), ("losses", replaced, 0)]
    book = cluster(load, generation=gen, residual=residual, upstream=up, lost=lost, held=[each for each in held if each[1]])
    totals = run(book, [provider("acme", 1), provider("bolt", 2)]).totals
    assert totals == {
        "energy_mj": load,
        "scope1_ug": 0,
        "scope2_location_ug": round(micrograms(load, gen)),
        "scope2_market_ug": round(micrograms(load - certified, residual) + micrograms(certified, ef_eac)),
        "scope3_upstream_location_ug": round(micrograms(load, up) + micrograms(td_load, gen + up)),
        "scope3_upstream_market_ug": round(micrograms(load, up) + micrograms(td_load - replaced, gen + up)),
        "scope3_embodied_ug": 0,
    }


# Embodied


@settings(max_examples=40)
@given(
    mass=st.integers(0, 10**15),
    life=st.integers(1, 2500),
    hour=st.integers(-30, 2510 * 24),
    retired=st.integers(1, 2600),
)
def test_embodied_mass_is_the_mass_over_the_service_life_times_the_active_time(
    mass: int, life: int, hour: int, retired: int
) -> None:
    """Ends at deployment and service life; an early removal is ignored (``continue``), and later use is nothing."""
    deployed = date(2020, 2, 29)
    first = datetime(2020, 2, 29, tzinfo=START.tzinfo)
    gone = deployed + timedelta(days=retired) if retired < life else None
    book = facility(
        hosts=[host("h1", idle_watts=Fraction(0))],
        hardware=(Hardware("rack", "hall", mass, deployed, life, "t", "h1", retired=gone),),
    )
    window = Window(first + timedelta(hours=hour), 3600)
    charged = run(book, [], [reading("h1", 0, window_start=window.start)], window=window).totals["scope3_embodied_ug"]
    expected = Fraction(mass, 24 * life) if 0 <= hour < 24 * life else Fraction(0)
    assert abs(charged - expected) < 1


# Rack types by planned power draw


def planned(watts: int) -> PowerCurve:
    return PowerCurve(f"ppd-{watts}", ((Fraction(0), Fraction(0)), (Fraction(1), Fraction(watts))), "plan")


RACKS = {"compute": (3, 8000), "storage": (2, 6000), "network": (1, 4000)}  # n_i and PPD_i, in watts


def test_rack_types_share_a_clusters_energy_by_planned_draw() -> None:
    """share_i = n_i PPD_i / sum(n PPD) = 24/40, 12/40 and 4/40: racks run at their plan, each type has its own service."""
    curves = {curve.name: curve for curve in (planned(watts) for _, watts in RACKS.values())}
    hosts = [host(f"{kind}-{i}", vcpu=10, curve=f"ppd-{watts}") for kind, (count, watts) in RACKS.items() for i in range(count)]
    book = replace(facility(hosts=hosts, sites=[site(pue=None)]), curves=CURVES | curves)
    rows = [provider(kind, 10 * HOUR_NS, host=f"{kind}-{i}") for kind, (count, _) in RACKS.items() for i in range(count)]
    load = 50_000 * WATT_HOUR + 1
    allocation = run(book, rows, [reading("", load)])
    emitted = allocation.totals["scope2_location_ug"]
    whole = sum(count * watts for count, watts in RACKS.values())
    assert whole == 40_000
    for kind, (count, watts) in RACKS.items():
        share = Fraction(count * watts, whole)
        # A posting rounds once for each rack, and once for what each bears of the overhead.
        assert abs(by_account(allocation, "energy_mj")[kind] - share * load) <= 2 * count
        assert abs(by_account(allocation, "scope2_location_ug")[kind] - share * emitted) <= 2 * count
    assert sum(by_account(allocation, "energy_mj").values()) == load


def test_a_service_bears_of_each_rack_type_its_use_over_all_use() -> None:
    """E_FS = sum over i of (FS's use of i / total use of i) x E_i, for two services on two types of rack."""
    curves = {curve.name: curve for curve in (planned(8000), planned(6000))}
    hosts = [host("a", vcpu=10, curve="ppd-8000"), host("b", vcpu=10, curve="ppd-6000")]
    book = replace(facility(hosts=hosts, sites=[site(pue=Fraction(1))]), curves=CURVES | curves)
    used = {("ec2", "a"): 6, ("ec2", "b"): 3, ("s3", "a"): 2, ("s3", "b"): 7}
    allocation = run(book, [provider(who, cores * HOUR_NS, host=where) for (who, where), cores in used.items()])
    energy = {"a": Fraction(8000 * 8, 10), "b": Fraction(6000)}
    for who in ("ec2", "s3"):
        expected = sum(
            (Fraction(used[who, at], sum(used[each, at] for each in ("ec2", "s3"))) * energy[at] for at in energy), Fraction(0)
        )
        assert by_account(allocation, "energy_mj")[who] == expected * WATT_HOUR


# Residual and ramp-up


def test_the_residual_is_spread_pro_rata_within_the_cluster_and_clusters_add_up_to_customers() -> None:
    """What nobody reserved and what is no host's goes over the customers in proportion to what they bear already."""
    book = facility(
        sites=[site(pue=None)],
        hosts=[host("h1", vcpu=10, idle_watts=Fraction(100))],
        reservations=(reservation("acme", 3), reservation("bolt", 1)),
    )
    load = 173 * WATT_HOUR
    allocation = run(book, [], [reading("h1", 100 * WATT_HOUR), reading("", load)])
    assert by_account(allocation, "energy_mj") == {"acme": load * 3 // 4, "bolt": load // 4}
    assert by_account(allocation, "energy_mj", "idle") == {"acme": 30 * WATT_HOUR, "bolt": 10 * WATT_HOUR}
    for measure, total in allocation.totals.items():
        assert sum(by_account(allocation, measure).values()) == total


@settings(max_examples=40)
@given(capacity=st.integers(1, 200), held=st.integers(1, 200), mature=st.fractions(Fraction(1, 10), 1, max_denominator=50))
def test_below_the_mature_utilisation_a_young_cluster_charges_as_a_mature_one_and_the_excess_stays_with_the_provider(
    capacity: int, held: int, mature: Fraction
) -> None:
    place = replace(site(pue=Fraction(1)), ramp_up_until=START + timedelta(days=300), mature_share=mature)
    book = facility(
        sites=[place], hosts=[host("h1", vcpu=capacity, idle_watts=Fraction(1000))], reservations=(reservation("acme", held),)
    )
    idle = 1000 * WATT_HOUR
    found = by_account(run(book, [], [reading("h1", idle)]), "energy_mj")
    # A mature cluster of this size has mature x capacity reserved, and each unit of that bears idle / (mature x capacity).
    fair = min(Fraction(idle), idle * Fraction(held) / (mature * capacity))
    assert abs(found["acme"] - fair) <= 1
    assert found.get(POOL_UNSOLD, 0) == idle - found["acme"]
    # One day after the young rack's time, and at once where it is as full as a mature one, nothing is kept.
    after = replace(book, sites={"hall": replace(place, ramp_up_until=START)})
    assert by_account(run(after, [], [reading("h1", idle)]), "energy_mj") == {"acme": idle}
    assert (found["acme"] == idle) == (held >= mature * capacity or idle - fair < 1)
