"""The rules side by side: worked by hand on small halls, and against exact rationals where a share is a game's.

One hall of two shared hosts of 100 W idle and up to 200 W, no overhead: what each rule does to whom is in the tests' own numbers.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.allocation import (
    COMPONENTS,
    DEFAULT_RULE,
    POSTING_MEASURES,
    RULES,
    WindowAllocation,
    allocate,
    allocate_window,
    compare,
    shapley,
)
from greencloud.allocation.apportion import apportion
from greencloud.allocation.homes import MOST_SPREAD
from greencloud.errors import AllocationError, QuantityError
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD, Certificate, Facility, Hardware, HostKind, HostReading
from greencloud.units import INT64_MAX, Window
from greencloud.usage import KEY
from profiles import examples
from strategies import (
    GIB,
    START,
    WATT_HOUR,
    WINDOW,
    facility,
    factors,
    host,
    provider,
    reading,
    reservation,
    row,
    site,
    situations,
    usage,
)

HOUR_NS = 3_600_000_000_000
SLICE = 300
SLICES = 12
MASS = 10**9
FLAT = site(pue=Fraction(1))


def run(book: Facility, rows: Any = (), readings: Any = (), *, rule: str = DEFAULT_RULE, **more: Any) -> WindowAllocation:
    return allocate_window(book, usage(rows, readings), "hall", WINDOW, rule=rule, **more)


def amounts(allocation: WindowAllocation, component: str, measure: str = "energy_mj") -> dict[str, int]:
    """By account, without zeros."""
    assert component in COMPONENTS
    found: dict[str, int] = defaultdict(int)
    for posting in allocation.postings.to_pylist():
        if posting["component"] == component:
            found[posting["account"]] += posting[measure]
    return {account: amount for account, amount in found.items() if amount}


def watt_hours(allocation: WindowAllocation, component: str) -> dict[str, Fraction]:
    return {account: Fraction(amount, WATT_HOUR) for account, amount in amounts(allocation, component).items()}


def hall(**more: Any) -> Facility:
    """Metered at 160 Wh, 100 of it idle; hardware whose mass falls on this hour alone in 24 equal parts of a day."""
    return facility(
        hosts=[host("h1", vcpu=8, idle_watts=Fraction(100))],
        **{
            "sites": [FLAT],
            "reservations": (reservation("acme", 4), reservation("bolt", 2)),
            "hardware": (Hardware("rack", "hall", 24 * MASS, date(2026, 11, 23), 1, "test"),),
            "readings": (HostReading(WINDOW, "hall", "h1", 160 * WATT_HOUR, Fraction(3600)),),
        }
        | more,
    )


# used


def test_used_shares_idle_and_embodied_by_measured_use_and_what_is_not_measured_is_unattributed() -> None:
    rows = [provider("acme", HOUR_NS), provider("bolt", 3 * HOUR_NS)]
    allocation = run(hall(), rows, [reading("h1", None, 5 * HOUR_NS)], rule="used")
    assert watt_hours(allocation, "idle") == {"acme": 20, "bolt": 60, POOL_UNATTRIBUTED: 20}
    assert watt_hours(allocation, "dynamic") == {"acme": 12, "bolt": 36, POOL_UNATTRIBUTED: 12}
    assert amounts(allocation, "embodied", "scope3_embodied_ug") == {
        "acme": MASS // 5,
        "bolt": 3 * MASS // 5,
        POOL_UNATTRIBUTED: MASS // 5,
    }
    assert amounts(allocation, "unsold") == {}


def test_used_knows_no_reservation_and_no_tenants_word() -> None:
    rows = [provider("acme", HOUR_NS), row("bolt", 7 * HOUR_NS), row("cola", HOUR_NS)]
    found = run(hall(), rows, rule="used")
    assert watt_hours(found, "idle") == {"acme": 100}
    assert run(hall(reservations=()), rows, rule="used").postings.equals(found.postings)


def test_used_where_nobody_used_anything_leaves_capacity_unsold() -> None:
    allocation = run(hall(), rule="used")
    assert watt_hours(allocation, "unsold") == {POOL_UNSOLD: 100}
    assert amounts(allocation, "embodied", "scope3_embodied_ug") == {POOL_UNSOLD: MASS}


def test_used_counts_use_on_dedicated_hosts_for_their_owner_alone() -> None:
    book = facility(
        sites=[FLAT],
        hosts=[host("h1", idle_watts=Fraction(100)), host("h2", idle_watts=Fraction(50), dedicated_to="bolt")],
    )
    rows = [provider("acme", 1), provider("bolt", 10**9, host="h2")]
    allocation = run(book, rows, [reading("h1", 100 * WATT_HOUR), reading("h2", 50 * WATT_HOUR)], rule="used")
    assert watt_hours(allocation, "idle") == {"acme": 100, "bolt": 50}


# reserved


def test_reserved_shares_dynamic_energy_by_reservation_whatever_was_used() -> None:
    allocation = run(hall(), [provider("acme", 1), provider("bolt", HOUR_NS), provider("cola", HOUR_NS)], rule="reserved")
    assert watt_hours(allocation, "dynamic") == {"acme": 40, "bolt": 20}
    assert watt_hours(allocation, "idle") == {"acme": 50, "bolt": 25}
    assert amounts(allocation, "unsold") == {"acme": 60_000_000, "bolt": 30_000_000}


def test_reserved_without_reservations_is_unattributed_and_unsold() -> None:
    allocation = run(hall(reservations=()), [provider("acme", HOUR_NS)], rule="reserved")
    assert watt_hours(allocation, "dynamic") == {POOL_UNATTRIBUTED: 60}
    assert watt_hours(allocation, "unsold") == {POOL_UNSOLD: 100}


def test_reserved_pools_dynamic_energy_over_the_hosts_and_leaves_dedicated_ones_to_their_owner() -> None:
    book = facility(
        sites=[FLAT],
        hosts=[
            *(host(name, idle_watts=Fraction(0)) for name in ("h1", "h2")),
            host("h3", idle_watts=Fraction(0), dedicated_to="cola"),
        ],
        reservations=(reservation("acme", 12), reservation("bolt", 4)),
    )
    readings = [reading("h1", 300), reading("h2", 100), reading("h3", 50)]
    assert amounts(run(book, [provider("bolt", 5)], readings, rule="reserved"), "dynamic") == {"acme": 300, "bolt": 100, "cola": 50}


@pytest.mark.parametrize("rule", RULES)
def test_an_operation_is_counted_once_wherever_it_ran(rule: str) -> None:
    """Of the hosts, h2 is its owner's, h3 sent nothing and h9 is not listed: their energy is in no pool of the shared hosts."""
    book = facility(
        sites=[site(pue=Fraction(1), unlisted_hosts="per-vcpu")],
        hosts=[
            *(host(name, idle_watts=Fraction(0), dedicated_to=owner) for name, owner in (("h1", ""), ("h2", "acme"))),
            host("h3", curve="server"),
        ],
        reservations=(reservation("acme", 8),),
    )
    told = [row("acme", 5, host=name, service="told", operation=name, count=7) for name in ("h1", "h2", "h3", "h9")]
    allocation = run(book, [provider("acme", 5), *told], [reading("h1", 300), reading("h2", 50)], rule=rule)
    counts = [(posting["operation"], posting["count"]) for posting in allocation.postings.to_pylist() if posting["count"]]
    assert counts == [("h1", 7), ("h2", 7), ("h3", 7), ("h9", 7)]


# The peak games: 5-minute slices, in core-seconds. acme works early, bolt all the time, cola late and little.

DEMAND = {
    "acme": [30, 30, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    "bolt": [10] * 12,
    "cola": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 5],
}


def fine(demand: dict[str, list[int]]) -> list[dict[str, Any]]:
    return [
        provider(account, seconds * 10**9, window_s=SLICE, window_start=START + timedelta(seconds=SLICE * index))
        for account, slices in demand.items()
        for index, seconds in enumerate(slices)
        if seconds
    ]


def added_up(demand: dict[str, list[int]]) -> list[dict[str, Any]]:
    return [provider(account, sum(slices) * 10**9) for account, slices in demand.items()]


def temporal_by_hand(demand: dict[str, list[int]]) -> dict[str, Fraction]:
    """The value of each slice in the airport game among slices is what a unit of demand in it costs; the shares of the bill."""
    totals = [sum(column) for column in zip(*demand.values(), strict=True)]
    price = [Fraction(0)] * len(totals)
    for t, total in enumerate(totals):
        levels = sorted({0, *(other for other in totals if other <= total)})
        for low, high in pairwise(levels):
            price[t] += Fraction(high - low, sum(other >= high for other in totals))
    assert sum(price) == max(totals)
    worth = {
        account: sum((price[t] * amount for t, amount in enumerate(slices)), Fraction(0)) for account, slices in demand.items()
    }
    return {account: value / sum(worth.values()) for account, value in worth.items()}


def workload_by_hand(demand: dict[str, list[int]]) -> dict[str, Fraction]:
    """What each account adds to the peak, on average over all orders, as shares."""
    orders = list(permutations(demand))

    def peak(group: Iterable[str]) -> int:
        return max(map(sum, zip([0] * SLICES, *(demand[account] for account in group), strict=True)))

    worth: dict[str, int] = dict.fromkeys(demand, 0)
    for order in orders:
        for place, account in enumerate(order):
            worth[account] += peak(order[: place + 1]) - peak(order[:place])
    return {account: Fraction(value, len(orders) * peak(demand)) for account, value in worth.items()}


GAMES = {
    "temporal_shapley": (temporal_by_hand, shapley.temporal_weights),
    "workload_shapley": (workload_by_hand, shapley.exact_weights),
}
any_game = pytest.mark.parametrize("rule", GAMES)


def test_the_shares_of_the_example_are_the_ones_on_paper() -> None:
    # Totals 40 x3, 10 x7, 30, 15. Up to 10 all 12 slices bear alike; to 15 five, to 30 four, to 40 three:
    # prices 10/12 = 5/6, then +1 = 11/6, +15/4 = 67/12, +10/3 = 107/12; 3 x 107/12 + 7 x 5/6 + 67/12 + 11/6 = 40.
    p10, p15, p30, p40 = Fraction(5, 6), Fraction(11, 6), Fraction(67, 12), Fraction(107, 12)
    assert 3 * p40 + 7 * p10 + p30 + p15 == 40
    bill = {"acme": 3 * 30 * p40, "bolt": 10 * (3 * p40 + 7 * p10 + p30 + p15), "cola": 20 * p30 + 5 * p15}
    assert bill == {"acme": Fraction(1605, 2), "bolt": 400, "cola": Fraction(725, 6)}
    assert temporal_by_hand(DEMAND) == {account: cost / sum(bill.values()) for account, cost in bill.items()}
    # Peaks: acme 30, bolt 10, cola 20; acme and bolt 40, acme and cola 30, bolt and cola 30, all 40.
    # acme adds 30, 30, 30, 10, 10, 10 over the six orders; bolt 10 in each; cola 0, 0, 20, 20, 0, 0.
    assert workload_by_hand(DEMAND) == {"acme": Fraction(120, 240), "bolt": Fraction(60, 240), "cola": Fraction(60, 240)}


@any_game
@pytest.mark.parametrize("entry", ["allocate", "allocate_window", "slices"])
def test_a_peak_game_shares_idle_and_embodied_by_hand_computed_shares_whichever_way_slices_come(rule: str, entry: str) -> None:
    by_hand, weights = GAMES[rule]
    if entry == "allocate":
        (allocation,) = allocate(hall(), usage(fine(DEMAND)), rule=rule).windows
    elif entry == "allocate_window":
        allocation = run(hall(), fine(DEMAND), rule=rule)
    else:
        allocation = run(hall(), added_up(DEMAND), rule=rule, slices=usage(fine(DEMAND)).rows)
    shares = by_hand(DEMAND)
    assert sum(shares.values()) == 1
    for component, measure, total in [("idle", "energy_mj", 100 * WATT_HOUR), ("embodied", "scope3_embodied_ug", MASS)]:
        found = amounts(allocation, component, measure)
        assert sum(found.values()) == total
        for account, share in shares.items():
            assert abs(found[account] - share * total) < 1
    matrix = (
        memoryview(array("q", [value * 10**9 for slices in DEMAND.values() for value in slices])).cast("B").cast("q", [3, SLICES])
    )
    expected = apportion(100 * WATT_HOUR, weights(matrix))
    assert amounts(allocation, "idle") == dict(zip(DEMAND, expected, strict=True))
    # What work cost is by use, as under any rule that does not say otherwise.
    assert amounts(allocation, "dynamic") == amounts(run(hall(), added_up(DEMAND), rule="used"), "dynamic")


@any_game
@settings(max_examples=examples(15))
@given(
    st.lists(st.lists(st.integers(0, 300), min_size=SLICES, max_size=SLICES), min_size=2, max_size=3).filter(
        lambda rows: any(map(any, rows))
    )
)
def test_a_peak_game_is_within_a_unit_of_exact_rationals(rule: str, rows: list[list[int]]) -> None:
    demand = dict(zip(("acme", "bolt", "cola"), rows, strict=False))
    by_hand, _ = GAMES[rule]
    found = amounts(run(hall(), fine(demand), rule=rule), "idle")
    for account, share in by_hand(demand).items():
        assert abs(found.get(account, 0) - share * 100 * WATT_HOUR) < 1


@any_game
def test_with_one_slice_a_temporal_game_is_use_and_a_workload_game_of_additive_demand_too(rule: str) -> None:
    game = run(hall(), added_up(DEMAND), rule=rule)
    used = run(hall(), added_up(DEMAND), rule="used")
    assert game.postings.equals(used.postings)
    assert (game.rule, used.rule) == (rule, "used")


@any_game
def test_what_nobody_was_seen_to_use_plays_too_evenly_over_the_window(rule: str) -> None:
    rows = [provider("acme", 30 * 10**9, window_s=SLICE)]
    allocation = run(hall(), rows, [reading("h1", None, (30 + 12 * 10) * 10**9)], rule=rule)
    demand = {"acme": [30, *[0] * 11], POOL_UNATTRIBUTED: [10] * 12}
    for account, share in GAMES[rule][0](demand).items():
        assert abs(amounts(allocation, "idle")[account] - share * 100 * WATT_HOUR) < 1


@settings(max_examples=examples(20))
@given(
    first=st.lists(st.integers(0, 10**4), min_size=SLICES, max_size=SLICES),
    second=st.lists(st.integers(0, 10**4), min_size=SLICES, max_size=SLICES),
    other=st.lists(st.integers(1, 10**4), min_size=SLICES, max_size=SLICES),
)
def test_a_tenant_who_splits_in_two_pays_the_same_under_temporal_shapley_to_a_unit(
    first: list[int], second: list[int], other: list[int]
) -> None:
    one = {"acme": [a + b for a, b in zip(first, second, strict=True)], "bolt": other}
    two = {"acme": first, "acme-2": second, "bolt": other}
    whole, split = (amounts(run(hall(), fine(demand), rule="temporal_shapley"), "idle") for demand in (one, two))
    assert abs(split.get("acme", 0) + split.get("acme-2", 0) - whole.get("acme", 0)) <= 1
    assert abs(split["bolt"] - whole["bolt"]) <= 1


def crowd(count: int) -> dict[str, list[int]]:
    return {f"t{i:05d}": [(i * 7 + t * (i % 5)) % 23 for t in range(SLICES)] for i in range(count)}


@pytest.mark.parametrize(("accounts", "sampled"), [(20, False), (21, True), (25, True)])
def test_more_than_twenty_accounts_are_sampled_and_say_so(accounts: int, sampled: bool) -> None:
    rows = fine(crowd(accounts) | {"t00000": [1] * SLICES})
    allocation = run(hall(), rows, rule="workload_shapley")
    assert any("antithetic permutations" in note for note in allocation.notes) == sampled
    again = run(hall(), rows[::-1], rule="workload_shapley")
    assert again.postings.equals(allocation.postings)
    assert sum(amounts(allocation, "idle").values()) == 100 * WATT_HOUR


def test_each_window_is_sampled_from_its_own_seed_and_close_to_the_exact_game() -> None:
    demand = crowd(25) | {"t00000": [1] * SLICES}
    first = run(hall(), fine(demand), rule="workload_shapley")
    matrix = memoryview(array("q", [v * 10**9 for slices in demand.values() for v in slices])).cast("B").cast("q", [25, SLICES])
    seeded = [apportion(100 * WATT_HOUR, shapley.sampled_weights(matrix, 20_000, seed)) for seed in (1, 2)]
    assert seeded[0] != seeded[1], "a seed can be seen"
    idle = amounts(first, "idle")
    for one in seeded:
        assert max(abs(idle.get(account, 0) - amount) for account, amount in zip(demand, one, strict=True)) < WATT_HOUR // 10


# Ramp-up and unsold capacity


def young(start: datetime, **more: Any) -> Facility:
    # 8 vCPU, 2 reserved; a mature site is 4/5 reserved, so that tenants bear 1/2 vCPU of empty capacity.
    place = replace(FLAT, ramp_up_until=start, mature_share=Fraction(4, 5), **more)
    return hall(sites=[place], reservations=(reservation("acme", 2),))


def test_while_a_site_ramps_up_the_provider_keeps_what_is_empty_beyond_a_mature_site() -> None:
    allocation = run(young(START + timedelta(seconds=1)))
    assert watt_hours(allocation, "idle") == {"acme": 25}
    assert watt_hours(allocation, "unsold") == {"acme": Fraction(25, 4), POOL_UNSOLD: Fraction(275, 4)}
    embodied = {name: amounts(allocation, "embodied", "scope3_embodied_ug").get(name, 0) for name in ("acme", POOL_UNSOLD)}
    assert embodied == {"acme": MASS // 4 + MASS // 16, POOL_UNSOLD: MASS - MASS // 4 - MASS // 16}
    assert any("ramps up" in note and "80%" in note for note in allocation.notes)


def test_from_the_date_on_tenants_bear_all_that_is_empty() -> None:
    allocation = run(young(START))
    assert watt_hours(allocation, "idle") == {"acme": 25}
    assert watt_hours(allocation, "unsold") == {"acme": 75}
    assert allocation.postings.equals(run(hall(reservations=(reservation("acme", 2),))).postings)
    assert not any("ramps up" in note for note in allocation.notes)


@pytest.mark.parametrize("vcpu", [7, 8, 9])
def test_a_young_site_as_full_as_a_mature_one_is_as_before(vcpu: int) -> None:
    held = (reservation("acme", vcpu),)
    assert run(replace(young(START + timedelta(days=9)), reservations=held)).postings.equals(run(hall(reservations=held)).postings)


def test_a_provider_that_keeps_unsold_capacity_keeps_it_while_it_ramps_up_too() -> None:
    for start in (START, START + timedelta(days=9)):
        allocation = run(young(start, unsold_to="provider"))
        assert watt_hours(allocation, "unsold") == {POOL_UNSOLD: 75}


# GPUs, disks, storage and network


def test_a_gpu_host_is_modelled_from_the_gpu_time_that_the_provider_measured() -> None:
    book = facility(
        sites=[FLAT],
        hosts=[host("h1", vcpu=8, curve="server", gpus=Fraction(4), gpu_curve="gpu")],
        reservations=(reservation("acme", 8),),
    )
    rows = [provider("acme", 4 * HOUR_NS, gpu_ns=HOUR_NS), provider("bolt", 0, gpu_ns=HOUR_NS)]
    allocation = run(book, rows)
    # 170 W at half load of the cores; each GPU 50 W idle and 850/3 W more at full load, at half of which the four are.
    assert allocation.totals["energy_mj"] == round((170 + 4 * (50 + Fraction(850, 6))) * WATT_HOUR)
    dynamic = amounts(allocation, "dynamic")
    weights = [4 + 20, 20]  # a GPU counts as 20 cores
    assert list(dynamic.values()) == apportion(allocation.totals["energy_mj"] - 300 * WATT_HOUR, weights)


def test_a_gpu_host_without_a_curve_for_its_gpus_is_refused_unless_it_is_metered() -> None:
    book = facility(hosts=[host("h1", vcpu=8, curve="server", gpus=Fraction(4))])
    with pytest.raises(AllocationError, match="nor a power curve of its GPUs") as caught:
        run(book, [provider("acme", HOUR_NS, gpu_ns=5)])
    assert caught.value.host == "h1"
    assert run(book, [provider("acme", HOUR_NS)], [reading("h1", 999)]).totals["energy_mj"] == 1099


def test_a_tenants_word_of_gpu_time_does_not_move_the_hosts_energy() -> None:
    book = facility(hosts=[host("h1", vcpu=8, curve="server", gpus=Fraction(4), gpu_curve="gpu")])
    alone = run(book, [provider("acme", HOUR_NS)])
    assert run(book, [provider("acme", HOUR_NS), row("acme", 0, gpu_ns=HOUR_NS)]).totals == alone.totals


@pytest.mark.parametrize(("kind", "measure"), [(HostKind.STORAGE, "disk_bytes"), (HostKind.NETWORK, "network_bytes")])
def test_dynamic_energy_of_storage_and_network_goes_by_bytes_moved(kind: HostKind, measure: str) -> None:
    other = {"disk_bytes": "network_bytes", "network_bytes": "disk_bytes"}[measure]
    book = facility(sites=[FLAT], hosts=[host("h1", vcpu=0, kind=kind, idle_watts=Fraction(0))])
    rows = [provider("acme", 9 * HOUR_NS, **{measure: 3 * GIB, other: 50 * GIB}), provider("bolt", 0, **{measure: GIB})]
    assert amounts(run(book, rows, [reading("h1", 400)]), "dynamic") == {"acme": 300, "bolt": 100}
    assert amounts(run(book, [provider("acme", 9 * HOUR_NS)], [reading("h1", 400)]), "dynamic") == {POOL_UNATTRIBUTED: 400}


def test_reservations_weigh_a_core_as_20_gib_as_1_tib_of_ssd_as_6_tib_of_hdd_and_a_gpu_as_20_cores() -> None:
    one = {
        "core": replace(reservation("core", 1)),
        "memory": reservation("memory", 0, 20),
        "ssd": replace(reservation("ssd", 0), ssd_bytes=1 << 40),
        "hdd": replace(reservation("hdd", 0), hdd_bytes=6 << 40),
        "gpu": replace(reservation("gpu", 0), gpus=Fraction(1, 20)),
    }
    big = host("h1", vcpu=1, memory_gib=20, ssd_bytes=1 << 40, hdd_bytes=6 << 40, gpus=Fraction(1, 20), idle_watts=Fraction(100))
    book = facility(sites=[FLAT], hosts=[big], reservations=tuple(one.values()))
    allocation = run(book, [], [reading("h1", 100 * WATT_HOUR)])
    assert watt_hours(allocation, "idle") == dict.fromkeys(sorted(one), Fraction(20))
    assert amounts(allocation, "unsold") == {}


# Embodied


def test_buildings_are_a_line_of_their_own_and_share_as_it_hardware_does() -> None:
    both = tuple(Hardware(kind, "hall", 24 * MASS, date(2026, 11, 23), 1, "test", kind=kind) for kind in ("it", "building"))
    for rule in RULES:
        allocation = run(hall(hardware=both), [provider("acme", HOUR_NS), provider("bolt", HOUR_NS)], rule=rule)
        assert amounts(allocation, "building", "scope3_embodied_ug") == amounts(allocation, "embodied", "scope3_embodied_ug")
        assert sum(amounts(allocation, "building", "scope3_embodied_ug").values()) == MASS
        assert amounts(allocation, "building") == {}


def test_hardware_written_off_falls_on_the_day_of_its_retirement_and_is_gone_after() -> None:
    asset = Hardware("rack", "hall", 240 * MASS, date(2026, 11, 21), 10, "t", retired=date(2026, 11, 23), on_retirement="write_off")
    book = hall(hardware=(asset,), readings=())
    charged = []
    for day in range(20, 26):
        window = Window(START.replace(day=day), 3600)
        given = usage([], [reading("h1", 5, window_start=window.start)])
        charged.append(allocate_window(book, given, "hall", window).totals["scope3_embodied_ug"])
    # 24 a day for two days, and the 192 that are left within the third.
    assert charged == [0, MASS, MASS, 8 * MASS, 0, 0]


# compare


@settings(max_examples=examples(15))
@given(situations(), st.permutations(RULES))
def test_a_comparison_is_conserved_for_every_rule_and_measure(situation: Any, rules: list[str]) -> None:
    book, rows, readings = situation
    told = {tuple(r[name] for name in KEY): r for r in rows}  # rows of one key are told once
    table = compare(book, usage(told.values(), readings), rules=rules, by=("account", "component")).table.to_pylist()
    for name in POSTING_MEASURES:
        by_rule: dict[str, int] = defaultdict(int)
        for line in table:
            by_rule[line["rule"]] += int(line[name])
        assert len(set(by_rule.values())) <= 1
        assert sum(line[f"difference_{name}"] for line in table) == 0
        assert all(line[f"difference_{name}"] == 0 for line in table if line["rule"] == rules[0])


@settings(max_examples=examples(15))
@given(situations(), st.sampled_from(RULES))
def test_all_windows_at_once_and_one_alone_are_allocated_alike(situation: Any, rule: str) -> None:
    book, rows, readings = situation
    told = {tuple(r[name] for name in KEY): r for r in rows}
    (one,) = allocate(book, usage(told.values(), readings), rule=rule).windows
    alone = run(book, told.values(), readings, rule=rule)
    assert one.postings.equals(alone.postings)
    assert (one.totals, one.notes) == (alone.totals, alone.notes)


def test_a_comparison_has_the_rules_in_the_order_asked_for_and_a_line_for_each_even_of_nothing() -> None:
    found = compare(hall(), usage([provider("cola", HOUR_NS)]), rules=("used", DEFAULT_RULE))
    assert (found.rules, found.by, found.period) == (("used", DEFAULT_RULE), ("account",), (WINDOW.start, WINDOW.end))
    lines = [(line["account"], line["rule"], int(line["energy_mj"]) // WATT_HOUR) for line in found.table.to_pylist()]
    assert lines == [
        ("acme", "used", 0),
        ("acme", DEFAULT_RULE, 66),
        ("bolt", "used", 0),
        ("bolt", DEFAULT_RULE, 33),
        ("cola", "used", 160),
        ("cola", DEFAULT_RULE, 60),
    ]
    acme = found.table.to_pylist()[1]
    assert acme["difference_energy_mj"] == acme["energy_mj"]


def test_a_comparison_has_the_operations_and_the_flags_of_what_is_in_a_row() -> None:
    half = (HostReading(WINDOW, "hall", "h1", 160 * WATT_HOUR, Fraction(1800)),)
    told = row("acme", HOUR_NS // 2, operation="GET /", count=7, quality="estimated")
    found = compare(hall(readings=half), usage([provider("acme", HOUR_NS), told]))
    acme = {(line["rule"], line["quality"], int(line["count"])) for line in found.table.to_pylist() if line["account"] == "acme"}
    assert acme == {(rule, "estimated,partial", 7) for rule in RULES}


def test_a_comparison_by_nothing_is_the_total_of_each_rule() -> None:
    found = compare(hall(), usage([provider("cola", HOUR_NS)]), by=()).table.to_pylist()
    assert [line["rule"] for line in found] == list(RULES)
    assert {int(line["energy_mj"]) for line in found} == {160 * WATT_HOUR}


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"rules": ("used", "fair")}, AllocationError, "no rule 'fair'"),
        ({"rules": ("used", "used")}, QuantityError, "named twice"),
        ({"rules": ()}, QuantityError, "no rule to compare"),
        ({"by": ("tenant",)}, QuantityError, "cannot add up by tenant"),
        ({"by": ("account", "account")}, QuantityError, "cannot add up"),
        ({"by": ("energy_mj",)}, QuantityError, "cannot add up"),
    ],
)
def test_a_comparison_of_what_is_not_there_is_refused(asked: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compare(hall(readings=()), usage(), **asked)


def test_a_comparison_of_no_usage_is_empty_and_has_its_columns() -> None:
    found = compare(hall(readings=()), usage())
    assert (found.table.num_rows, found.period, found.rules) == (0, None, RULES)
    assert found.table.column_names[:2] == ["account", "rule"]
    assert found.table.num_columns == 4 + 2 * len(POSTING_MEASURES)


# Extremes


def test_ten_thousand_tenants_share_a_window_to_the_unit_by_reservation_and_by_peak() -> None:
    count = 10_000
    names = [f"t{i:05d}" for i in range(count)]
    book = facility(
        sites=[site()],
        hosts=[host("h1", vcpu=20_000, idle_watts=Fraction(100_000))],
        reservations=tuple(reservation(name, 1) for name in names),
        hardware=(Hardware("rack", "hall", 10**15 + 1, date(2026, 11, 1), 1000, "test"),),
    )
    rows = [provider(name, 10**9 + i * 10**6) for i, name in enumerate(names)]
    given_readings = [reading("h1", 500_000 * WATT_HOUR + 7)]
    totals = None
    for rule in (DEFAULT_RULE, "temporal_shapley"):
        allocation = run(book, rows, given_readings, rule=rule)
        assert len(set(allocation.postings["account"].to_pylist())) == count
        totals = totals or allocation.totals
        assert allocation.totals == totals
    assert totals is not None
    assert totals["energy_mj"] == round((500_000 * WATT_HOUR + 7) * Fraction(11, 10))


extreme = st.one_of(st.integers(0, 3), st.integers(INT64_MAX // 4 - 3, INT64_MAX // 4), st.integers(0, INT64_MAX // 4))


@settings(max_examples=examples(25))
@given(
    cpu=st.lists(extreme, min_size=1, max_size=4),
    energy=st.one_of(extreme, st.just(0)),
    grams=st.sampled_from([0, 0, 400]),
    rule=st.sampled_from(RULES),
)
def test_huge_and_tiny_amounts_factors_of_zero_and_one_tenant_are_conserved(
    cpu: list[int], energy: int, grams: int, rule: str
) -> None:
    book = facility(
        sites=[FLAT],
        hosts=[host("h1", idle_watts=Fraction(3))],
        factors=factors(location=grams, residual=0, upstream=0, losses=grams // 100),
        reservations=(reservation("t0", 1),),
    )
    allocation = run(book, [provider(f"t{i}", amount) for i, amount in enumerate(cpu)], [reading("h1", energy)], rule=rule)
    assert allocation.totals["energy_mj"] == energy
    assert allocation.totals["scope2_market_ug"] == 0
    assert sum(allocation.postings["energy_mj"].to_pylist()) == energy
    if len(cpu) == 1 and cpu[0]:
        assert set(allocation.postings["account"].to_pylist()) <= {"t0"}


# A day of 23 or 25 hours on the wall


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 12, 31)])
def test_a_day_has_24_windows_whatever_the_clocks_on_the_wall_do(day: date) -> None:
    """Windows are UTC: no hour of a change of clocks, and no leap second, is missing or told twice."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [provider("acme", 3600, window_s=SLICE, window_start=first + timedelta(seconds=SLICE * i)) for i in range(24 * SLICES)]
    mass = Hardware("rack", "hall", 10**9 + 1, day, 1, "test")
    found = allocate(facility(hosts=[host("h1", curve="server")], hardware=(mass,)), usage(rows))
    assert [one.window.start for one in found.windows] == [first + timedelta(hours=hour) for hour in range(24)]
    assert sum(found.postings["scope3_embodied_ug"].to_pylist()) == 10**9 + 1
    assert len({one.totals["energy_mj"] for one in found.windows}) == 1


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.sampled_from([-12, -3, 0, 1, 2, 14]))  # noqa: DTZ001
def test_an_instant_is_in_one_window_whatever_offset_it_is_written_with(naive: datetime, hours: int) -> None:
    instant = naive.replace(tzinfo=UTC)
    window = Window.at(instant, 3600)
    assert window.start <= instant < window.end
    assert Window.at(instant.astimezone(timezone(timedelta(hours=hours))), 3600) == window


def test_a_reservation_within_the_hour_counts_for_its_time() -> None:
    # From :01 to :59 acme holds the whole host: 58 of 60 minutes; bolt holds half of it all the time.
    held = replace(reservation("acme", 8), start=START + timedelta(minutes=1), end=START + timedelta(minutes=59))
    book = facility(
        hosts=[host("h1", vcpu=8, idle_watts=Fraction(88))],
        sites=[site(pue=Fraction(1))],
        reservations=(held, reservation("bolt", 4)),
    )
    allocation = allocate_window(book, usage([], [reading("h1", 88 * WATT_HOUR)]), "hall", WINDOW)
    idle = {p["account"]: p["energy_mj"] for p in allocation.postings.to_pylist() if p["component"] == "idle"}
    assert idle == {"acme": 58 * WATT_HOUR, "bolt": 30 * WATT_HOUR}  # as 8 x 58 to 4 x 60


def test_windows_below_an_hour_use_of_a_certificate_what_they_can() -> None:
    quarter = Window(START, 900)
    book = facility(
        hosts=[host("h1", idle_watts=0)],
        sites=[site(pue=Fraction(1))],
        window_seconds=900,
        certificates=(
            Certificate("a", "DE", START, START + timedelta(hours=1), 4000 * WATT_HOUR, Fraction(10_000_000), "t"),
            Certificate("b", "DE", START, START + timedelta(hours=1), 4000 * WATT_HOUR, Fraction(20_000_000), "t"),
        ),
    )
    rows = [provider("acme", 5, window_s=900)]
    read = [reading("h1", 1500 * WATT_HOUR, window_s=900, covered_us=900_000_000)]
    allocation = allocate_window(book, usage(rows, read), "hall", quarter)
    # 1 kWh of the first certificate at 10 g, half a kWh of the second at 20 g, and no residual mix.
    assert allocation.totals["scope2_market_ug"] == 20_000_000
    assert any("the surplus is not used" in note for note in allocation.notes)


def test_an_account_with_more_operations_than_can_be_spread_over_hosts_keeps_its_share_and_its_largest() -> None:
    names = [f"h{number:03}" for number in range(200)]
    book = facility(hosts=[host(name, idle_watts=0) for name in names], sites=[site(pue=Fraction(1))])
    rows = [provider(account, 1000, host=name) for name in names for account in ("acme", "bolt")]
    few = [row("acme", 10 + number, host="", operation=f"GET /{number:04}", count=3) for number in range(4)]
    many = few + [row("acme", 1, host="", operation=f"GET /x{number:04}", count=3) for number in range(1500)]
    read = [reading(name, 10 * WATT_HOUR) for name in names]
    small, large = (allocate_window(book, usage(rows + told, read), "hall", WINDOW) for told in (few, many))

    def of(allocation: WindowAllocation, account: str) -> list[dict[str, Any]]:
        return [p for p in allocation.postings.to_pylist() if p["account"] == account]

    assert of(large, "bolt") == of(small, "bolt")
    assert sum(p["energy_mj"] for p in of(large, "acme")) == sum(p["energy_mj"] for p in of(small, "acme"))
    operations = {p["operation"] for p in of(large, "acme")}
    assert len(operations) <= MOST_SPREAD // 200 + 1
    assert {"", *(told["operation"] for told in few)} <= operations
    assert sum(p["count"] for p in of(large, "acme")) == 3 * len(many)
    assert any("without their names" in note for note in large.notes)
    assert not small.notes


def test_slots_of_reservations_beyond_64_bits_are_shared_all_the_same() -> None:
    book = facility(
        hosts=[host("h1", idle_watts=0)],
        sites=[site(pue=Fraction(1))],
        reservations=(reservation("acme", 30_000_000), reservation("bolt", 10_000_000)),
    )
    told = [row("acme", 900), row("bolt", 100)]
    allocation = allocate_window(book, usage(told, [reading("h1", 400, 400)]), "hall", WINDOW)
    energy = {p["account"]: p["energy_mj"] for p in allocation.postings.to_pylist() if p["component"] == "dynamic"}
    assert energy == {"acme": 300, "bolt": 100}
