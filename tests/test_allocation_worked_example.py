"""The worked example of Schneider & Mattia's method, two clusters in one hour, every table of it to the digit; watts are Wh.

CE sells SKUs, W is a storage service, B a service known by its costs alone, A an internal user that passes nothing on. W's callers
are traced, those of B and CE declared from costs. Machine m3 records more idle power than was measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pyarrow.compute as pc
import pytest

from greencloud.allocation import WindowAllocation, allocate_window, onward
from greencloud.allocation.apportion import apportion
from greencloud.allocation.settle import Passing, reciprocal
from greencloud.facility import FOREVER, POOL_UNSOLD, Account, AccountKind, DeclaredUse, Facility, HostReading
from strategies import ALWAYS, START, WATT_HOUR, WINDOW, facility, factors, host, provider, reading, reservation, row, site, usage

GRAM = 1_000_000
PUE = {"C1": Fraction(11, 10), "C2": Fraction(12, 10)}
TIB = 1 << 40

# Account, cores, GiB of memory, TiB of SSD and of HDD, cluster: CE 16, A 6, B 3, W 1 of 26; CE 6, B 3, W 1 of 10.
RESERVED = [
    ("CE", 10, 100, 0, 6, "C1"),
    ("A", 4, 40, 0, 0, "C1"),
    ("B", 1, 20, 0, 6, "C1"),
    ("W", 1, 0, 0, 0, "C1"),
    ("CE", 6, 0, 0, 0, "C2"),
    ("B", 2, 20, 0, 0, "C2"),
    ("W", 0, 0, 1, 0, "C2"),
]

GCU: list[tuple[str, str, str, int | Fraction]] = [
    ("C1", "m1", "CE", 8),
    ("C1", "m2", "CE", 2),
    ("C1", "m2", "W", 1),
    ("C1", "m2", "A", 1),
    ("C1", "m3", "W", Fraction(1, 2)),
    ("C2", "m4", "CE", 3),
    ("C2", "m4", "B", 1),
    ("C2", "m4", "W", 2),
]

# What W did, by caller: half for CE, a quarter for A and for B; in C2 half for CE, a quarter for B.
TRACED = [
    ("C1", "m2", "CE", 2),
    ("C1", "m2", "A", 1),
    ("C1", "m2", "B", 1),
    ("C2", "m4", "CE", 2),
    ("C2", "m4", "B", 1),
    ("C2", "m4", "", 1),
]

# B's costs are 100, of which CE pays 60 and A 20; CE's are 400, of which A pays 50.
DECLARED = {("B", "CE"): Fraction(60, 100), ("B", "A"): Fraction(20, 100), ("CE", "A"): Fraction(50, 400)}


def clusters() -> Facility:
    hosts = [
        host("m1", at="C1", idle_watts=Fraction(100), dedicated_to="CE"),
        host("m2", at="C1", idle_watts=Fraction(120), vcpu=10),
        host("m3", at="C1", idle_watts=Fraction(150), vcpu=10),
        host("m4", at="C2", idle_watts=Fraction(100), vcpu=10),
    ]
    measured = [("C1", "m1", 180), ("C1", "m2", 200), ("C1", "m3", 140), ("C2", "m4", 160)]
    return facility(
        hosts=hosts,
        sites=[site("C1", "z1", pue=PUE["C1"]), site("C2", "z2", pue=PUE["C2"])],
        reservations=tuple(
            replace(reservation(account, vcpu, memory, at=at), ssd_bytes=ssd * TIB, hdd_bytes=hdd * TIB)
            for account, vcpu, memory, ssd, hdd, at in RESERVED
        ),
        factors=(*factors("z1", location=400), *factors("z2", location=100)),
        readings=tuple(HostReading(WINDOW, at, name, watts * WATT_HOUR, Fraction(3600)) for at, name, watts in measured),
    )


def with_services() -> Facility:
    return replace(
        clusters(),
        accounts={
            "CE": Account("CE", AccountKind.INTERNAL),
            "B": Account("B", AccountKind.INTERNAL),
            "W": Account("W", AccountKind.INTERNAL, passes="dynamic"),
        },
        declared_uses=tuple(DeclaredUse(of, by, share, ALWAYS, FOREVER, "costs") for (of, by), share in DECLARED.items()),
    )


def run(book: Facility, at: str) -> WindowAllocation:
    rows = [provider(account, int(used * 3_600_000_000_000), site=place, host=name) for place, name, account, used in GCU]
    rows += [row("W", part, site=place, host=name, caller_account=caller) for place, name, caller, part in TRACED]
    return allocate_window(book, usage(rows), at, WINDOW)


def by_account(allocation: WindowAllocation, measure: str = "energy_mj", component: str = "") -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for posting in allocation.postings.to_pylist():
        if component in {"", posting["component"]} and posting[measure]:
            found[posting["account"]] += posting[measure]
    return dict(found)


IDLE = {"C1": {"CE": 260, "A": 60, "B": 30, "W": 10}, "C2": {"CE": 60, "B": 30, "W": 10}}
DYNAMIC = {"C1": {"CE": 120, "A": 20, "W": 20}, "C2": {"CE": 30, "B": 10, "W": 20}}
GAMMA = {
    "C1": {"CE": Fraction(1, 2), "A": Fraction(1, 4), "B": Fraction(1, 4)},
    "C2": {"CE": Fraction(1, 2), "B": Fraction(1, 4)},
}
PHYSICAL = {"C1": {"CE": 390, "A": 85, "B": 35, "W": 10}, "C2": {"CE": 100, "A": 0, "B": 45, "W": 15}}
FINAL = {
    "C1": {"CE": Fraction("359.625"), "A": Fraction("143.375"), "B": Fraction(7), "W": Fraction(10)},
    "C2": {"CE": Fraction("111.125"), "A": Fraction("24.875"), "B": Fraction(9), "W": Fraction(15)},
}
AT = pytest.mark.parametrize("at", ["C1", "C2"])


@AT
def test_idle_energy_goes_by_reservations_and_dynamic_energy_by_use(at: str) -> None:
    allocation = run(clusters(), at)
    assert by_account(allocation, component="idle") == {account: wh * WATT_HOUR for account, wh in IDLE[at].items()}
    assert by_account(allocation, component="dynamic") == {account: wh * WATT_HOUR for account, wh in DYNAMIC[at].items()}


def test_overhead_rides_on_both() -> None:
    assert by_account(run(clusters(), "C1"), component="overhead") == {
        account: wh * WATT_HOUR for account, wh in {"CE": 38, "A": 8, "B": 3, "W": 3}.items()
    }


@AT
def test_a_storage_service_passes_on_its_dynamic_energy_alone(at: str) -> None:
    book = replace(with_services(), declared_uses=())
    allocation = run(book, at)
    assert by_account(allocation) == {account: wh * PUE[at] * WATT_HOUR for account, wh in PHYSICAL[at].items() if wh}
    assert by_account(allocation, component="shared") == {
        account: 20 * share * PUE[at] * WATT_HOUR for account, share in GAMMA[at].items()
    }


@AT
def test_traced_and_declared_use_settle_where_the_reciprocal_system_does(at: str) -> None:
    allocation = run(with_services(), at)
    assert by_account(allocation) == {account: wh * PUE[at] * WATT_HOUR for account, wh in FINAL[at].items()}
    assert sum(FINAL[at].values()) == sum(PHYSICAL[at].values())
    assert sum("the use that the book declares" in note for note in allocation.notes) == 2


def kept(direct: Mapping[str, Fraction], passed: Passing) -> dict[str, Fraction]:
    """One round: each passes on its fractions of what it has."""
    found = dict(direct)
    for account, callers in passed.items():
        for caller, share in callers.items():
            found[account] -= direct[account] * share
            found[caller] += direct[account] * share
    return found


GROSS = {"B": {"CE": Fraction(6, 10), "A": Fraction(2, 10)}, "CE": {"A": Fraction(1, 8)}}
NET = {"B": {"CE": Fraction(60, 80), "A": Fraction(20, 80)}, "CE": {"A": Fraction(50, 350)}}
ROUNDS = {
    "C1": [(362.25, 140.75, 7, 10), (321.16875, 187.43125, 1.4, 10), (309.0306, 200.9694, 0, 10)],
    "C2": [(114.5, 21.5, 9, 15), (105.5875, 37.6125, 1.8, 15), (102.3980, 42.6020, 0, 15)],
}


@AT
def test_the_other_readings_of_the_paper_are_told_apart(at: str) -> None:
    """Costs in one round, and the second round on all that was kept, which gives away the retained share a second time."""
    physical = {account: Fraction(wh) for account, wh in PHYSICAL[at].items()}
    once, twice_gross, twice_net = ROUNDS[at]
    assert tuple(kept(physical, GROSS).values()) == tuple(map(Fraction, once))
    assert tuple(kept(kept(physical, GROSS), GROSS).values()) == tuple(Fraction(str(wh)) for wh in twice_gross)
    assert tuple(map(float, kept(kept(physical, NET), NET).values())) == pytest.approx(twice_net, abs=5e-5)

    through = reciprocal(physical, GROSS)
    assert through == {"B": physical["B"], "CE": physical["CE"] + Fraction(6, 10) * physical["B"]}
    assert through["CE"] * Fraction(7, 8) == FINAL[at]["CE"]


def test_emissions_of_the_seller() -> None:
    first, second = (run(with_services(), at) for at in ("C1", "C2"))
    grams = [by_account(allocation, "scope2_location_ug")["CE"] for allocation in (first, second)]
    assert grams == [158_235_000, 13_335_000]
    assert sum(grams) == 171_570_000
    intensity = [Fraction(ug, GRAM) / (FINAL[at]["CE"] / 1000) for ug, at in zip(grams, ("C1", "C2"), strict=True)]
    assert intensity == [440, 120]
    assert sum(FINAL[at]["CE"] for at in FINAL) == Fraction("470.75")


# SKUs: s1 at 4 cents (6 units in r1, 4 in r2), s2 at 1 cent (5 and 15).

UNITS = {("s1", "C1"): 6, ("s1", "C2"): 4, ("s2", "C1"): 5, ("s2", "C2"): 15}
PRICE = {"s1": 4, "s2": 1}
BOUGHT = {
    ("b1", "s1", "C1"): 6,
    ("b1", "s2", "C1"): 1,
    ("b1", "s2", "C2"): 15,
    ("b2", "s1", "C2"): 4,
    ("b2", "s2", "C1"): 4,
}


def test_skus_by_list_price_with_alpha_and_beta() -> None:
    energy = Fraction("470.75")
    sold = sum(units * PRICE[sku] for (sku, _), units in UNITS.items())
    per_unit = {sku: energy * price / sold for sku, price in PRICE.items()}
    assert (float(per_unit["s1"]), float(per_unit["s2"])) == pytest.approx((31.38333, 7.845833), abs=5e-6)
    assert 10 * per_unit["s1"] + 20 * per_unit["s2"] == energy

    intensity = {"C1": Fraction(440), "C2": Fraction(120)}  # mg per Wh
    unscaled = sum((intensity[at] * per_unit[sku] * units / 1000 for (sku, at), units in UNITS.items()), Fraction(0))
    alpha = Fraction("171.570") / unscaled
    beta = Fraction("175.730") / Fraction("171.570")
    assert (float(unscaled), float(alpha), float(beta)) == pytest.approx((129.29933, 1.326921, 1.024247), abs=5e-6)

    grams: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for (account, sku, at), units in BOUGHT.items():
        grams[account, at] += alpha * beta * intensity[at] * per_unit[sku] * units / 1000
    assert {key: round(float(amount), 4) for key, amount in grams.items()} == {
        ("b1", "C1"): 117.2955,
        ("b1", "C2"): 19.1938,
        ("b2", "C1"): 18.7673,
        ("b2", "C2"): 20.4734,
    }
    assert sum(grams.values()) == Fraction("175.730")


def test_the_same_sales_onward_need_no_alpha_because_each_region_is_conserved() -> None:
    weights: dict[str, dict[str, int]] = {"C1": defaultdict(int), "C2": defaultdict(int)}
    for (customer, sku, at), units in BOUGHT.items():
        weights[at][customer] += units * PRICE[sku]
    for at, total in (("C1", 158_235_000), ("C2", 13_335_000)):
        postings = run(with_services(), at).postings
        own = postings.filter(pc.equal(postings["account"], "CE"))
        divided = onward(own, weights[at], account="CE")
        found: dict[str, int] = defaultdict(int)
        for posting in divided.to_pylist():
            found[posting["account"]] += posting["scope2_location_ug"]
        parts = apportion(total, [weights[at]["b1"], weights[at]["b2"]])
        assert sum(found.values()) == total
        assert all(abs(found[f"CE/{customer}"] - part) < own.num_rows for customer, part in zip(("b1", "b2"), parts, strict=True))


# Vectors of the paper itself, and of machine m2 under three rules.


@pytest.mark.parametrize(
    ("megawatts", "producer", "consumer", "shares"),
    [(14, 3, 1, (12, 2)), (12, 1, 1, (9, 3))],
    ids=["day", "night"],
)
def test_idle_of_six_megawatts_is_the_producers_who_reserved_all(
    megawatts: int, producer: int, consumer: int, shares: tuple[int, int]
) -> None:
    book = facility(
        hosts=[host("h1", idle_watts=Fraction(6_000_000))],
        sites=[site(pue=Fraction(1))],
        reservations=(reservation("producer", 8),),
    )
    used = [provider("producer", producer), provider("consumer", consumer)]
    allocation = allocate_window(book, usage(used, [reading("h1", megawatts * 10**6 * WATT_HOUR)]), "hall", WINDOW)
    assert by_account(allocation) == {
        "producer": shares[0] * 10**6 * WATT_HOUR,
        "consumer": shares[1] * 10**6 * WATT_HOUR,
    }


def test_energy_per_sku_of_the_paper() -> None:
    parts = apportion(30 * WATT_HOUR, [28 * 10, 16 * 15])
    assert [round(part / WATT_HOUR, 2) for part in parts] == [16.15, 13.85]
    assert [round(part / WATT_HOUR / units, 4) for part, units in zip(parts, (10, 15), strict=True)] == [1.6154, 0.9231]


@pytest.mark.parametrize(
    ("idle_watts", "dynamic"),
    [(120, {"CE": 40, "W": 20, "A": 20}), (60, {"CE": 70, "W": 35, "A": 35}), (0, {"CE": 100, "W": 50, "A": 50})],
    ids=["idle recorded", "idle as the share of time not busy (Kepler)", "no idle (Scaphandre)"],
)
def test_machine_m2_by_what_counts_as_idle(idle_watts: int, dynamic: dict[str, int]) -> None:
    book = facility(hosts=[host("m2", idle_watts=Fraction(idle_watts))], sites=[site(pue=Fraction(1))])
    used: list[dict[str, Any]] = [provider(account, part, host="m2") for account, part in (("CE", 2), ("W", 1), ("A", 1))]
    allocation = allocate_window(book, usage(used, [reading("m2", 200 * WATT_HOUR)]), "hall", WINDOW)
    assert by_account(allocation, component="dynamic") == {account: wh * WATT_HOUR for account, wh in dynamic.items()}
    assert by_account(allocation, component="unsold").get(POOL_UNSOLD, 0) == idle_watts * WATT_HOUR
    assert allocation.window.start == START
