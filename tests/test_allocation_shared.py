"""Who bears what internal services cost: from traces or the book, all of it or its dynamic part, whole units or none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import POSTING_MEASURES, WindowAllocation, allocate_window
from greencloud.allocation.entries import Entries
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.setting import Amounts, Setting
from greencloud.allocation.settle import endless, reciprocal
from greencloud.allocation.shared import reallocated
from greencloud.allocation.uses import Use
from greencloud.facility import FOREVER, Account, AccountKind, DeclaredUse, Facility, Hardware
from greencloud.units import MILLIJOULES_PER_KWH
from profiles import examples
from strategies import (
    ALWAYS,
    SERVICES,
    START,
    TENANTS,
    WATT_HOUR,
    WINDOW,
    facility,
    host,
    provider,
    reading,
    reservation,
    row,
    site,
    situations,
    usage,
)

slow = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])

Rows = list[dict[str, Any]]


def book(*, internal: tuple[str, ...] = SERVICES, passes: str = "all", uses: tuple[DeclaredUse, ...] = (), **more: Any) -> Facility:
    made = facility(hosts=[host("h1", idle_watts=Fraction(0))], sites=[site(pue=Fraction(1))], internal=internal, **more)
    accounts = {name: replace(account, passes=passes) for name, account in made.accounts.items()}
    return replace(made, accounts=accounts, declared_uses=uses)


def declared(account: str, caller: str, share: Fraction, *, start: Any = ALWAYS) -> DeclaredUse:
    return DeclaredUse(account, caller, share, start, FOREVER, "test")


def run(made: Facility, rows: Rows, readings: Rows) -> WindowAllocation:
    return allocate_window(made, usage(rows, readings), "hall", WINDOW)


def lines(allocation: WindowAllocation, component: str = "shared", measure: str = "energy_mj") -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for posting in allocation.postings.to_pylist():
        if posting["component"] == component and posting[measure]:
            found[posting["account"], posting["service"]] += posting[measure]
    return dict(found)


def test_what_a_caller_bears_includes_what_its_service_asked_of_others() -> None:
    rows = [provider("auth", 1, service="login"), provider("store", 1, service="blobs")]
    rows += [row("store", 1, service="blobs", caller_account="auth"), row("auth", 1, service="login", caller_account="acme")]
    allocation = run(book(), rows, [reading("h1", 2000)])
    # Its own cost under the name of the service, what passed through the account under the account's.
    assert lines(allocation) == {("acme", "login"): 1000, ("acme", "auth"): 1000}
    assert lines(allocation, "dynamic") == {}


def test_flags_follow_cost_through_the_services_that_it_passes() -> None:
    made = book()
    rows = [provider("store", 1, host="edge"), row("store", 1, caller_account="auth"), row("auth", 1, caller_account="acme")]
    rows += [provider("auth", 1, service="login")]
    made = replace(made, sites={"hall": replace(made.sites["hall"], unlisted_hosts="per-vcpu")})
    rows[0]["cpu_ns"] = 3_600_000_000_000
    quality = {
        p["service"]: p["quality"]
        for p in run(made, rows, [reading("h1", 1000)]).postings.to_pylist()
        if p["component"] == "shared"
    }
    assert quality == {"login": "", "auth": "modelled,unlisted_host"}


# Declared use


def test_declared_use_holds_where_a_service_reports_nothing() -> None:
    uses = (declared("store", "acme", Fraction(3, 5)), declared("store", "bolt", Fraction(1, 5)))
    allocation = run(book(uses=uses), [provider("store", 1)], [reading("h1", 1000)])
    assert lines(allocation) == {("acme", "store"): 600, ("bolt", "store"): 200}
    assert any("store" in note and "the book declares" in note for note in allocation.notes)


def test_reports_win_over_declared_use() -> None:
    uses = (declared("store", "acme", Fraction(1)),)
    traced = [provider("store", 1), row("store", 1, caller_account="bolt"), row("store", 1)]
    assert lines(run(book(uses=uses), traced, [reading("h1", 1000)])) == {("bolt", "store"): 500}
    nameless = run(book(uses=uses), [provider("store", 1), row("store", 1)], [reading("h1", 1000)])
    assert lines(nameless) == {}
    assert any("names no caller" in note for note in nameless.notes)


def test_declared_use_of_another_time_does_not_hold() -> None:
    uses = (declared("store", "acme", Fraction(1), start=START.replace(hour=15)),)
    assert lines(run(book(uses=uses), [provider("store", 1)], [reading("h1", 1000)])) == {}


def test_a_declared_caller_without_cost_of_its_own_passes_on_what_it_receives() -> None:
    uses = (declared("store", "auth", Fraction(1)), declared("auth", "acme", Fraction(1, 4)))
    allocation = run(book(uses=uses), [provider("store", 1)], [reading("h1", 1000)])
    assert lines(allocation) == {("acme", "auth"): 250, ("auth", "store"): 750}


# Dynamic alone


def test_a_service_may_pass_on_its_dynamic_energy_with_its_overhead_and_emissions_alone() -> None:
    made = book(
        passes="dynamic",
        reservations=(reservation("store", 8),),
        hardware=(Hardware("box", "hall", 10**9, date(2026, 11, 23), 2, "test", "h1"),),
    )
    hosts = {key: replace(h, idle_watts=Fraction(30)) for key, h in made.hosts.items()}
    made = replace(made, hosts=hosts, sites={"hall": site(pue=Fraction(13, 10))})
    rows = [provider("store", 1), row("store", 1, caller_account="acme")]
    allocation = run(made, rows, [reading("h1", 50 * WATT_HOUR)])
    assert lines(allocation) == {("acme", "store"): 26 * WATT_HOUR}
    assert lines(allocation, measure="scope2_location_ug")["acme", "store"] == 26 * WATT_HOUR * 400_000_000 // MILLIJOULES_PER_KWH
    assert lines(allocation, "dynamic") == {}
    assert lines(allocation, "idle") == {("store", ""): 30 * WATT_HOUR}
    assert lines(allocation, "overhead") == {("store", ""): 9 * WATT_HOUR}
    assert set(lines(allocation, "embodied", "scope3_embodied_ug")) == {("store", "")}


@slow
@given(situations(), st.sampled_from(["all", "dynamic"]))
def test_idle_and_embodied_stay_and_every_measure_is_conserved(situation: tuple[Facility, Rows, Rows], passes: str) -> None:
    made, rows, readings = situation
    made = replace(made, accounts={name: Account(name, AccountKind.INTERNAL, passes=passes) for name in made.accounts})
    allocation = run(made, rows, readings)
    postings = allocation.postings.to_pylist()
    assert {name: sum(p[name] for p in postings) for name in POSTING_MEASURES} == allocation.totals
    if passes == "dynamic":
        plain = run(replace(made, accounts={}), rows, readings)
        for component in ("idle", "unsold", "embodied"):
            for measure in POSTING_MEASURES:
                assert lines(allocation, component, measure) == lines(plain, component, measure)


# Whole units


work = st.lists(st.tuples(st.sampled_from(["", *TENANTS, *SERVICES]), st.integers(1, 10**9)), max_size=5)


def telling(told: dict[str, list[tuple[str, int]]]) -> Rows:
    # Each keeps a grain, so that no cycle of theirs is without an end.
    return [row(name, weight, caller_account=caller) for name, work in told.items() for caller, weight in [*work, ("", 1)]]


@slow
@given(st.fixed_dictionaries(dict.fromkeys(SERVICES, work)), st.integers(1, 10**6), st.integers(1, 10**6))
def test_lines_are_floors_of_the_exact_solution(told: dict[str, list[tuple[str, int]]], auth: int, store: int) -> None:
    direct = {"auth": auth, "store": store}
    rows = [provider(name, amount) for name, amount in direct.items()] + telling(told)
    found = lines(run(book(), rows, [reading("h1", auth + store)]))

    passed: dict[str, dict[str, Fraction]] = {}
    for name, calls in told.items():
        weights: dict[str, int] = defaultdict(int)
        for caller, weight in calls:
            weights[caller] += weight
        whole = sum(weights.values()) + 1
        passed[name] = {caller: Fraction(weight, whole) for caller, weight in weights.items() if caller not in {"", name}}
    assert endless(passed) == []
    through = reciprocal(direct, passed)
    expected = {}
    for name, callers in passed.items():
        for caller, part in callers.items():
            rests = 1 - sum(passed[caller].values()) if passed.get(caller) else Fraction(1)
            expected[caller, name] = floor(part * rests * through[name])
    assert found == {key: amount for key, amount in expected.items() if amount}


@slow
@given(
    st.fixed_dictionaries(dict.fromkeys(SERVICES, work)),
    st.sampled_from(TENANTS),
    st.sampled_from(SERVICES),
    st.integers(1, 10**7),
    st.integers(2, 10**9),
)
def test_law_4_a_new_caller_moves_no_unit_of_another_tenants(
    told: dict[str, list[tuple[str, int]]], attacker: str, service: str, energy: int, claimed: int
) -> None:
    rows = [provider("auth", 3), provider("store", 4), *telling(told)]
    before = [*rows, row(service, claimed)]
    after = [*rows, row(service, claimed, caller_account=attacker)]
    first, second = (lines(run(book(), some, [reading("h1", energy)])) for some in (before, after))
    for tenant in set(TENANTS) - {attacker}:
        assert {key: amount for key, amount in first.items() if key[0] == tenant} == {
            key: amount for key, amount in second.items() if key[0] == tenant
        }


def test_thousands_of_services_make_a_line_for_each_pair_and_lose_nothing() -> None:
    """3,000 services with five callers each, in layers that also call back, and 500 tenants."""
    random = Random(11)
    names = [f"s{number:04}" for number in range(3000)]
    setting = Setting.of(book(internal=tuple(names)), "hall", WINDOW)
    entries, own = Entries(), {}
    for k, name in enumerate(names):
        entries.add(EntryKey(name, name, "", "", "{}", "dynamic"), [random.randrange(10**9), *[0] * (len(POSTING_MEASURES) - 1)])
        callers = [f"t{random.randrange(500)}", names[min(2999, k + random.randrange(1, 20))]]
        callers += [names[max(0, k - random.randrange(1, 60))] for _ in range(3)]
        own[name] = [
            Use("h1", name, name, "", "", "{}", caller, False, False, Amounts(1), random.randrange(1, 10**12))
            for caller in callers
            if caller != name
        ]
    moved = reallocated(entries, setting, own)
    whole, after = (sum(amounts[0] for amounts in some.amounts.values()) for some in (entries, moved))
    assert after == whole
    assert min(amounts[0] for amounts in moved.amounts.values()) >= 0
    # Nobody keeps anything, so tenants bear all but what rounding leaves: less than a unit for each line that they have.
    borne = [amounts[0] for key, amounts in moved.amounts.items() if key.account.startswith("t")]
    assert len(borne) <= 3000
    assert whole - len(borne) < sum(borne) <= whole
