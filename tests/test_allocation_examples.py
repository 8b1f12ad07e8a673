"""Allocations worked by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from greencloud.allocation import RULES, WindowAllocation, allocate, allocate_window
from greencloud.errors import AllocationError, FacilityError, UsageDataError
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD, Certificate, Facility, Hardware, HostReading
from greencloud.units import MILLIJOULES_PER_KWH, Window
from greencloud.usage import Usage
from strategies import (
    GIB,
    HOUR_US,
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
    usage,
)

KWH = MILLIJOULES_PER_KWH
GRAM = 1_000_000


def run(book: Facility, rows: Any = (), readings: Any = (), *, at: str = "hall") -> WindowAllocation:
    return allocate_window(book, usage(rows, readings), at, WINDOW)


def amounts(allocation: WindowAllocation, component: str, measure: str = "energy_mj", by: str = "account") -> dict[str, int]:
    """A measure of one component, added up by a dimension, without zeros."""
    found: dict[str, int] = defaultdict(int)
    for posting in allocation.postings.to_pylist():
        if posting["component"] == component:
            found[posting[by]] += posting[measure]
    return {key: amount for key, amount in found.items() if amount}


def test_recorded_idle_above_measured_power_is_clamped_to_it() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(150))])
    allocation = run(book, [provider("acme", 10**12)], [reading("h1", 140 * WATT_HOUR)])
    assert amounts(allocation, "dynamic") == {}
    assert amounts(allocation, "unsold") == {POOL_UNSOLD: 140 * WATT_HOUR}


# Host energy


def test_a_host_without_a_meter_is_modelled_from_its_busy_cpu() -> None:
    book = facility(hosts=[host("h1", vcpu=4, curve="server")], sites=[site(pue=Fraction(1))])
    hour_ns = 3_600_000_000_000
    allocation = run(book, [provider("acme", hour_ns)], [reading("h1", None, 2 * hour_ns)])
    assert allocation.totals["energy_mj"] == 170 * WATT_HOUR
    assert amounts(allocation, "dynamic") == {"acme": 35 * WATT_HOUR, POOL_UNATTRIBUTED: 35 * WATT_HOUR}
    assert set(allocation.postings["quality"].to_pylist()) == {"modelled"}


def test_an_agents_busy_cpu_and_a_meter_file_complete_each_other() -> None:
    book = facility(
        hosts=[host("h1", vcpu=4, idle_watts=Fraction(0))],
        readings=(HostReading(WINDOW, "hall", "h1", 1000, Fraction(3600)),),
        reservations=(reservation("bolt", 1),),
    )
    allocation = run(book, [provider("acme", 10), row("bolt", 30)], [reading("h1", None, 40)])
    assert amounts(allocation, "dynamic") == {"acme": 250, "bolt": 750}


def test_a_meter_over_part_of_the_window_is_flagged_and_idle_counts_those_seconds() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(1))], reservations=(reservation("acme", 8),))
    allocation = run(book, [provider("acme", 5)], [reading("h1", 2_000_000, covered_us=HOUR_US // 2)])
    assert amounts(allocation, "idle") == {"acme": 1_800_000}
    assert set(allocation.postings["quality"].to_pylist()) == {"partial"}


def test_a_host_that_sent_nothing_is_modelled_at_idle_and_noted() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0)), host("h2", curve="server")])
    allocation = run(book, [provider("acme", 5)], [reading("h1", 1000)])
    assert amounts(allocation, "unsold") == {POOL_UNSOLD: 100 * WATT_HOUR}
    assert any("h2" in note and "modelled at idle" in note for note in allocation.notes)


# Dynamic energy


def test_memory_takes_part_only_where_the_hosts_memory_is_read() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0))])
    rows = [provider("acme", 10**9), provider("bolt", 0, memory_byte_s=20 * GIB)]
    assert amounts(run(book, rows, [reading("h1", 1000)]), "dynamic") == {"acme": 1000}
    with_memory = run(book, rows, [reading("h1", 1000, 10**9, memory_byte_s=20 * GIB)])
    assert amounts(with_memory, "dynamic") == {"acme": 500, "bolt": 500}


def test_slots_are_given_by_reservation_and_filled_by_what_each_reports() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0))], reservations=(reservation("acme", 1), reservation("bolt", 3)))
    rows = [provider("cola", 200), row("acme", 1000, operation="GET /", count=3), row("bolt", 150), row("dash", 9)]
    allocation = run(book, rows, [reading("h1", 1000, 1000)])
    # 800 of 1000 are not measured: acme may fill 200 and reports more, bolt fills 150 of 600, dash has no reservation.
    assert amounts(allocation, "dynamic") == {"cola": 200, "acme": 200, "bolt": 150, POOL_UNATTRIBUTED: 450}
    assert any("dash" in note and "(unattributed)" in note for note in allocation.notes)
    (acme,) = [p for p in allocation.postings.to_pylist() if p["account"] == "acme" and p["component"] == "dynamic"]
    assert (acme["operation"], acme["count"], acme["quality"]) == ("GET /", 3, "self_reported")


def test_use_that_nobody_measured_or_reserved_is_unattributed() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0))])
    allocation = run(book, [provider("acme", 300)], [reading("h1", 1000, 1000)])
    assert amounts(allocation, "dynamic") == {"acme": 300, POOL_UNATTRIBUTED: 700}


def test_a_dedicated_host_is_its_owners_whole() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(1), dedicated_to="acme")], reservations=(reservation("bolt", 1),))
    allocation = run(
        book, [row("acme", 3, operation="a"), row("acme", 1, operation="b"), row("bolt", 9)], [reading("h1", 3_600_400)]
    )
    assert amounts(allocation, "idle") == {"acme": 3_600_000}
    assert amounts(allocation, "dynamic", by="operation") == {"a": 300, "b": 100}
    assert any("bolt" in note and "dedicated to acme" in note for note in allocation.notes)


def test_a_dedicated_host_without_use_falls_to_its_owners_reserved_service() -> None:
    book = facility(
        hosts=[host("h1", idle_watts=Fraction(0), dedicated_to="acme")], reservations=(reservation("acme", 1, service="batch"),)
    )
    assert amounts(run(book, [], [reading("h1", 77)]), "dynamic", by="service") == {"batch": 77}


def test_tenant_rows_divide_what_the_provider_measured_and_the_rest_has_no_operation() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0))])
    rows = [
        provider("acme", 100, service="web", sku="m5"),
        provider("acme", 50, service="db"),
        row("acme", 30, service="web", operation="GET /", quality="estimated", count=2),
        row("acme", 50, service="cron", operation="tick"),
    ]
    allocation = run(book, rows, [reading("h1", 2000)])
    leaves = {
        (p["service"], p["sku"], p["operation"]): (p["energy_mj"], p["count"], p["quality"])
        for p in allocation.postings.to_pylist()
        if p["component"] == "dynamic"
    }
    assert leaves == {
        ("web", "", "GET /"): (300, 2, "estimated"),
        ("web", "m5", ""): (700, 0, ""),
        ("db", "", ""): (500, 0, ""),
        ("cron", "", "tick"): (500, 0, ""),
    }


def test_reports_of_more_than_was_measured_divide_what_was_measured() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0))])
    rows = [
        provider("acme", 100, service="gateway"),
        provider("acme", 100, service="db"),
        row("acme", 600, service="gateway", operation="GET /", quality="estimated"),
        row("acme", 200, service="gateway", operation="POST /", quality="estimated"),
        row("acme", 40, service="db", operation="query"),
    ]
    allocation = run(book, rows, [reading("h1", 2000)])
    assert amounts(allocation, "dynamic", by="service") == {"gateway": 1000, "db": 1000}
    assert amounts(allocation, "dynamic", by="operation") == {"GET /": 750, "POST /": 250, "query": 400, "": 600}


# Hosts that the book does not list


def test_use_on_unlisted_hosts_is_priced_by_the_sites_curve() -> None:
    book = facility(sites=[site(pue=Fraction(3, 2), unlisted_hosts="per-vcpu")])
    vcpu_hour = 3_600_000_000_000
    allocation = run(book, [row("acme", 3 * vcpu_hour, host="laptop"), provider("bolt", 3 * vcpu_hour, host="edge")])
    assert amounts(allocation, "dynamic") == {"acme": 11 * WATT_HOUR, "bolt": 11 * WATT_HOUR}
    assert amounts(allocation, "overhead") == {"acme": 11 * WATT_HOUR // 2, "bolt": 11 * WATT_HOUR // 2}
    quality = dict(zip(allocation.postings["account"].to_pylist(), allocation.postings["quality"].to_pylist(), strict=True))
    assert quality == {"acme": "modelled,self_reported,unlisted_host", "bolt": "modelled,unlisted_host"}


def test_use_on_unlisted_hosts_without_a_curve_is_refused() -> None:
    with pytest.raises(AllocationError, match="does not list") as caught:
        run(facility(), [row("acme", 5, host="laptop")])
    assert "unlisted_hosts" in caught.value.advice
    with pytest.raises(AllocationError, match="does not list"):
        run(facility(hosts=[host("h1", curve="server")]), [provider("acme", 5, host="laptop")])


def test_a_tenant_cannot_have_a_window_refused_at_a_site_that_lists_no_hosts() -> None:
    book = facility(hosts=[], sites=[site()])
    facility_meter = reading("", energy_mj=3 * WATT_HOUR)

    alone = run(book, readings=[facility_meter])
    beside = run(book, [row("acme", 5, host="nowhere")], [facility_meter])

    assert beside.postings.equals(alone.postings)
    assert any("acme" in note for note in beside.notes)
    with pytest.raises(AllocationError, match="nothing says what its energy is"):
        run(book, [row("acme", 5, host="nowhere")])


def test_a_tenant_cannot_have_a_window_refused_by_naming_an_unlisted_host() -> None:
    allocation = run(facility(hosts=[host("h1", curve="server")]), [provider("bolt", 5), row("acme", 5, host="laptop")])
    assert any("acme" in note and "left out" in note for note in allocation.notes)


@pytest.mark.parametrize("elsewhere", ["", "container-7f"])
@pytest.mark.parametrize("curve", ["", "per-vcpu"], ids=["no curve for unlisted hosts", "a curve for unlisted hosts"])
def test_reports_that_do_not_know_their_host_divide_what_was_measured_of_their_service(elsewhere: str, curve: str) -> None:
    """They are not left out, and not priced a second time as use on another host."""
    book = facility(
        hosts=[host("h1", idle_watts=Fraction(0)), host("h2", idle_watts=Fraction(0))], sites=[site(unlisted_hosts=curve)]
    )
    measured = [provider("acme", 30, host="h1", service="web"), provider("acme", 10, host="h2", service="web")]
    reports = [row("acme", 16, host=elsewhere, service="web", operation="buy", count=3)]
    allocation = run(book, [*measured, *reports], [reading("h1", 300), reading("h2", 100)])
    assert amounts(allocation, "dynamic", by="operation") == {"buy": 160, "": 240}
    assert amounts(allocation, "dynamic", "count") == {"acme": 3}
    assert allocation.notes == ()


def test_a_report_from_a_listed_host_that_sent_nothing_is_priced_above_idle_for_its_account_alone() -> None:
    hosts = [host("h1", vcpu=4, curve="server"), host("h2", idle_watts=Fraction(0))]
    book = facility(hosts=hosts, sites=[site(pue=Fraction(1))])
    allocation = run(book, [row("acme", 2 * 3_600_000_000_000)], [reading("h2", 0)])
    assert amounts(allocation, "dynamic") == {"acme": 50 * WATT_HOUR}
    assert amounts(allocation, "unsold") == {POOL_UNSOLD: 100 * WATT_HOUR}


def test_a_window_of_which_the_provider_sent_nothing_charges_only_what_was_reported() -> None:
    asset = Hardware("shared", "hall", 10**9, date(2026, 11, 23), 2, "test", "h1")
    book = facility(hosts=[host("h1", vcpu=4, curve="server")], sites=[site(pue=Fraction(1))], hardware=(asset,))
    allocation = run(book, [row("acme", 2 * 3_600_000_000_000)])
    assert allocation.totals["energy_mj"] == 50 * WATT_HOUR
    assert allocation.totals["scope3_embodied_ug"] == 0
    assert any("the provider sent nothing" in note for note in allocation.notes)


def test_an_alias_means_its_host() -> None:
    book = facility(hosts=[host("h1", idle_watts=Fraction(0), aliases=("node-1",))])
    assert amounts(run(book, [provider("acme", 5, host="node-1")], [reading("node-1", 10)]), "dynamic") == {"acme": 10}


# Idle, unsold, embodied


@pytest.mark.parametrize(
    ("unsold_to", "unsold"),
    [("tenants", {"acme": 450, "bolt": 150}), ("provider", {POOL_UNSOLD: 600})],
    ids=["tenants", "provider"],
)
def test_idle_goes_by_reservation_and_unsold_is_a_line_of_its_own(unsold_to: str, unsold: dict[str, int]) -> None:
    book = facility(
        hosts=[host("h1", vcpu=10, idle_watts=Fraction(1))],
        sites=[site(unsold_to=unsold_to)],
        reservations=(reservation("acme", 3), reservation("bolt", 1)),
    )
    allocation = run(book, [provider("acme", 1)], [reading("h1", 1000)])
    assert amounts(allocation, "idle") == {"acme": 300, "bolt": 100}
    assert amounts(allocation, "unsold") == unsold


def test_reserving_more_than_there_is_leaves_nothing_unsold() -> None:
    book = facility(
        hosts=[host("h1", vcpu=2, idle_watts=Fraction(1))], reservations=(reservation("acme", 3), reservation("bolt", 1))
    )
    allocation = run(book, [], [reading("h1", 1000)])
    assert amounts(allocation, "idle") == {"acme": 750, "bolt": 250}
    assert amounts(allocation, "unsold") == {}


def test_embodied_mass_over_a_whole_life_adds_up_to_the_mass() -> None:
    mass = 1_234_567
    book = facility(
        hosts=[host("h1", idle_watts=Fraction(0)), host("h2", idle_watts=Fraction(0), dedicated_to="bolt")],
        hardware=(
            Hardware("shared", "hall", mass, date(2026, 11, 23), 2, "test", "h1"),
            Hardware("owned", "hall", 7 * mass, date(2026, 11, 23), 2, "test", "h2"),
        ),
        reservations=(reservation("acme", 8),),
    )
    first = START.replace(hour=0)
    found: dict[str, int] = defaultdict(int)
    for hour in range(-1, 49):
        window = Window(first + timedelta(hours=hour), 3600)
        readings = [reading(name, 0, window_start=window.start) for name in ("h1", "h2")]
        for account, amount in amounts(
            allocate_window(book, usage([], readings), "hall", window), "embodied", "scope3_embodied_ug"
        ).items():
            found[account] += amount
    assert found == {"acme": mass, "bolt": 7 * mass}


# Emissions


def energy_book(**more: Any) -> Facility:
    return facility(hosts=[host("h1", idle_watts=Fraction(0))], sites=[site(pue=None)], **more)


def certificate(name: str, kwh: int, grams: int, *, hours: int = 1, zone: str = "DE") -> Certificate:
    return Certificate(name, zone, START, START + timedelta(hours=hours), kwh * KWH, Fraction(grams * GRAM), "test")


def test_each_method_has_its_own_line_and_certificates_count_in_one() -> None:
    book = energy_book(certificates=(certificate("wind", 2, 0), certificate("biogas", 2, 100, hours=2)))
    allocation = run(book, [provider("acme", 1), provider("bolt", 3)], [reading("h1", 8 * KWH), reading("", 10 * KWH)])
    assert allocation.totals == {
        "energy_mj": 10 * KWH,
        "scope1_ug": 0,
        "scope2_location_ug": 10 * 400 * GRAM,
        "scope2_market_ug": (1 * 100 + 7 * 500) * GRAM,  # 2 kWh of wind at 0, half of the biogas in this hour, the rest residual
        "scope3_upstream_location_ug": 10 * 50 * GRAM,
        "scope3_upstream_market_ug": 10 * 50 * GRAM,
        "scope3_embodied_ug": 0,
    }
    assert amounts(allocation, "dynamic", "scope2_location_ug") == {"acme": 800 * GRAM, "bolt": 2400 * GRAM}
    assert amounts(allocation, "overhead", "scope2_location_ug") == {"acme": 200 * GRAM, "bolt": 600 * GRAM}


def test_certificates_beyond_the_load_are_refused() -> None:
    with pytest.raises(AllocationError, match="more than the load"):
        run(energy_book(certificates=(certificate("wind", 11, 0),)), [], [reading("h1", 8 * KWH), reading("", 10 * KWH)])


def test_certificates_of_a_zone_with_two_sites_are_refused() -> None:
    book = facility(sites=[site(), site("other")], certificates=(certificate("wind", 1, 0),), hosts=[host("h1", curve="server")])
    with pytest.raises(AllocationError, match="hall, other share"):
        run(book, [provider("acme", 1)])


def test_a_missing_factor_is_refused_and_named() -> None:
    book = facility(hosts=[host("h1", curve="server")], factors=factors()[:1])
    with pytest.raises(AllocationError, match="no residual factor for grid zone 'DE'") as caught:
        run(book, [provider("acme", 1)])
    assert caught.value.site == "hall"
    assert isinstance(caught.value.__cause__, FacilityError)


def test_scope_1_that_is_neither_booked_nor_declared_none_is_refused() -> None:
    book = facility(hosts=[host("h1", curve="server")], sites=[replace(site(), scope1_declared_none=False)])
    with pytest.raises(AllocationError, match="Scope 1"):
        run(book, [provider("acme", 1)])


def test_overhead_of_an_idle_hall_is_unattributed() -> None:
    allocation = run(energy_book(), [], [reading("h1", 0), reading("", 500)])
    assert amounts(allocation, "overhead") == {POOL_UNATTRIBUTED: 500}


# Shared services


def shared_book(**more: Any) -> Facility:
    return facility(hosts=[host("h1", idle_watts=Fraction(0))], sites=[site(pue=Fraction(1))], internal=("auth", "store"), **more)


def test_a_cycle_of_two_internal_services_is_solved_exactly() -> None:
    # auth keeps 1/4, passes 1/4 to store and 1/2 to acme; store passes 1/2 to auth and 1/2 to bolt. Of d = 5600 and 4200, x = 8800
    # passes through auth (5600 + 1/2 of 6400) and 6400 through store (4200 + 1/4 of 8800).
    rows = [
        provider("auth", 800),
        provider("store", 600),
        provider("acme", 1000),
        row("auth", 4, caller_account="acme", operation="check"),
        row("auth", 2, caller_account="store"),
        row("auth", 1),
        row("auth", 1, caller_account="auth"),
        row("store", 5, caller_account="auth"),
        row("store", 5, caller_account="bolt"),
    ]
    rows = [r | {"service": r["account"]} for r in rows]
    allocation = run(shared_book(), rows, [reading("h1", 2400 * 7)])
    shared = {(p["account"], p["service"]): p["energy_mj"] for p in allocation.postings.to_pylist() if p["component"] == "shared"}
    assert shared == {("acme", "auth"): 4400, ("bolt", "store"): 3200, ("auth", "store"): 800}
    assert amounts(allocation, "dynamic") == {"auth": 1400, "acme": 7000}


def test_every_component_and_line_of_a_service_moves_together() -> None:
    book = shared_book(reservations=(reservation("store", 8),))
    book = replace(book, hosts={key: replace(h, idle_watts=Fraction(1)) for key, h in book.hosts.items()})
    rows = [provider("store", 10), row("store", 3, caller_account="acme"), row("store", 1)]
    allocation = run(book, rows, [reading("h1", 2 * 3_600_000)])
    assert amounts(allocation, "shared") == {"acme": 3 * 1_800_000}
    assert amounts(allocation, "idle") == {"store": 900_000}
    assert amounts(allocation, "dynamic") == {"store": 900_000}
    for line in ("scope2_location_ug", "scope2_market_ug", "scope3_upstream_location_ug"):
        assert amounts(allocation, "shared", line)["acme"] * 4 == allocation.totals[line] * 3


def test_services_that_work_only_for_one_another_are_refused() -> None:
    rows = [row("auth", 1, caller_account="store"), row("store", 1, caller_account="auth"), provider("auth", 1)]
    with pytest.raises(AllocationError, match="auth, store worked only for one another"):
        run(shared_book(), rows, [reading("h1", 10)])


def test_a_tenants_caller_moves_nothing() -> None:
    allocation = run(shared_book(), [provider("acme", 1), row("acme", 1, caller_account="bolt")], [reading("h1", 10)])
    assert amounts(allocation, "shared") == {}


# What is refused


@pytest.mark.parametrize(
    ("book", "readings", "message"),
    [
        (facility(hosts=[host("h1")]), [], "neither a meter reading nor a power curve"),
        (facility(hosts=[host("h1", curve="server")], sites=[site(pue=None)]), [], "neither a facility meter nor a PUE"),
        (facility(hosts=[host("h1")]), [reading("h1", 10), reading("", 9)], r"\(9 mJ\) is less than its hosts' .*\(10 mJ\)"),
        (facility(), [reading("h9", 10)], "does not list this host"),
    ],
)
def test_what_is_not_known_is_refused_with_a_remedy(book: Facility, readings: Any, message: str) -> None:
    with pytest.raises(AllocationError, match=message) as caught:
        run(book, [provider("acme", 1)] if book.hosts else [], readings)
    assert caught.value.advice
    assert (caught.value.site, caught.value.window) == ("hall", str(WINDOW))


def test_finer_windows_are_added_up_and_longer_ones_refused() -> None:
    book = facility(hosts=[host("h1", curve="server")])
    quarters = [provider("acme", 1, window_s=900, window_start=START + timedelta(minutes=15 * quarter)) for quarter in range(4)]
    assert allocate(book, usage(quarters)).postings.equals(allocate(book, usage([provider("acme", 4)])).postings)
    with pytest.raises(UsageDataError, match="3600 s"):
        allocate(replace(book, window_seconds=900), usage([provider("acme", 1)]))
    assert allocate_window(book, usage(quarters), "hall", WINDOW).postings.equals(allocate(book, usage(quarters)).postings)
    with pytest.raises(AllocationError, match="3600 s") as caught:
        allocate_window(replace(book, window_seconds=900), usage([provider("acme", 1)]), "hall", Window(START, 900))
    assert "rebin" in caught.value.advice


def test_an_unknown_site_or_rule_is_refused() -> None:
    with pytest.raises(AllocationError, match="no such site"):
        allocate(facility(), usage([provider("acme", 1, site="elsewhere")]))
    with pytest.raises(AllocationError, match="no rule 'fair'") as caught:
        allocate(facility(), usage(), rule="fair")
    assert RULES[0] in caught.value.advice


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"cpu_ns": -1}, "row 1: cpu_ns -1 is negative"),
        ({"source": "guess"}, "row 1: source 'guess'"),
        ({"account": ""}, "row 1: account ''"),
        ({"account": POOL_UNSOLD}, "row 1: account '\\(unsold\\)'"),
        ({"caller_account": POOL_UNSOLD}, "row 1: caller_account"),
    ],
)
def test_bad_rows_are_refused_by_number(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageDataError, match=message) as caught:
        run(facility(), [provider("acme", 1), provider("acme", 1, operation="x") | bad])
    assert caught.value.row == 1


def test_a_null_and_a_missing_column_are_refused() -> None:
    rows = usage([provider("acme", 1)]).rows
    holes = rows.set_column(0, "window_start", [[None]]).cast(rows.schema.set(0, rows.schema.field(0).with_nullable(True)))
    with pytest.raises(UsageDataError, match="row 0: window_start None is null"):
        allocate(facility(), Usage(holes, usage().readings))
    with pytest.raises(UsageDataError, match="no column gpu_ns"):
        allocate(facility(), Usage(rows.drop_columns(["gpu_ns"]), usage().readings))


def test_a_table_is_taken_as_rows_and_needs_only_what_has_no_default() -> None:
    book = facility(hosts=[host("h1", curve="server")])
    rows = usage([provider("acme", 1)]).rows
    assert allocate(book, rows.drop_columns(["gpu_ns", "labels", "sku"])).postings.equals(allocate(book, rows).postings)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([reading("h1", -1)], "row 0: energy_mj -1 is negative"),
        ([reading("h1", 1, covered_us=HOUR_US + 1)], "longer than the window"),
        ([reading("h1", 1, covered_us=0)], "covers nothing"),
        ([reading("h1", 1), reading("h1", 2)], "two readings of host 'h1'"),
    ],
)
def test_bad_readings_are_refused(bad: Any, message: str) -> None:
    with pytest.raises(UsageDataError, match=message):
        run(facility(hosts=[host("h1")]), [], bad)


def test_the_batch_says_which_method_and_book_made_it() -> None:
    allocation = run(facility(hosts=[host("h1", curve="server")]), [provider("acme", 1)])
    assert (allocation.rule, allocation.methodology_version) == ("reserved_and_used", "reserved_and_used/2")
    assert (allocation.facility_revision, allocation.site, allocation.window) == ("r1", "hall", WINDOW)
