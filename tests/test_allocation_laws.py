"""The laws of allocation, over random small facilities: conservation, determinism, authority."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from greencloud.allocation import (
    COMPONENTS,
    DEFAULT_RULE,
    DIMENSIONS,
    FLAGS,
    POSTING_MEASURES,
    POSTINGS,
    RULES,
    WindowAllocation,
    allocate,
    allocate_window,
    check_balanced,
    with_uncertainties,
)
from greencloud.allocation.setting import Setting
from greencloud.allocation.uses import in_order, uses_of
from greencloud.errors import UnbalancedError
from greencloud.facility import POOL_UNATTRIBUTED, POOL_UNSOLD, Facility
from greencloud.units import INT64_MAX, emissions_of
from greencloud.usage import MEASURES
from profiles import examples
from strategies import START, TENANTS, WINDOW, any_int64, facility, host, provider, reading, row, situations, tenant_rows, usage

Rows = list[dict[str, Any]]
Situation = tuple[Facility, Rows, Rows]

slow = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])


any_rule = st.sampled_from(RULES)


def run(book: Facility, rows: Rows, readings: Rows, rule: str = DEFAULT_RULE) -> WindowAllocation:
    return allocate_window(book, usage(rows, readings), "hall", WINDOW, rule=rule)


def sums(postings: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(posting[name] for posting in postings) for name in POSTING_MEASURES}


@slow
@given(situations(), any_rule)
def test_law_1_every_measure_is_conserved_to_the_unit_under_every_rule(situation: Situation, rule: str) -> None:
    allocation = run(*situation, rule)
    assert sums(allocation.postings.to_pylist()) == allocation.totals
    # A rule changes who pays, never how much.
    assert allocation.totals == run(*situation).totals


@slow
@given(situations())
def test_law_1_without_annexes_the_total_is_the_meter_and_the_book(situation: Situation) -> None:
    book, rows, readings = situation
    assume(readings or any(r["source"] == "provider" for r in rows))
    listed = {h.id for h in book.hosts_of("hall")}
    heard = {r["host"] for r in rows if r["source"] == "provider"}
    heard |= {r["host"] for r in readings if r["energy_mj"] is not None or r["busy_cpu_ns"] is not None}
    rows = [r for r in rows if r["source"] == "provider" or r["host"] in listed & heard]
    totals = run(book, rows, readings).totals
    for r in readings:
        if not r["host"]:
            assert totals["energy_mj"] == r["energy_mj"]
    assert totals["scope2_location_ug"] == emissions_of(totals["energy_mj"], book.factors[0].micrograms_per_kwh)
    assert totals["scope1_ug"] == sum(amount for _, amount in book.direct_at("hall", WINDOW))
    assert totals["scope3_embodied_ug"] == sum(book.embodied_micrograms(asset, WINDOW) for asset in book.hardware)


@slow
@given(situations())
def test_law_4_a_tenant_cannot_open_a_window_and_have_others_charged_in_it(situation: Situation) -> None:
    book, rows, _ = situation
    rows = [r for r in rows if r["source"] == "tenant"]
    charged = {posting["account"] for posting in run(book, rows, []).postings.to_pylist() if posting["component"] != "shared"}
    assert charged <= {r["account"] for r in rows}


def test_uses_have_one_order() -> None:
    rows = [row("acme", 1, quality="estimated"), provider("acme", 1), row("acme", 1), row("acme", 1, host="h2")]
    uses = uses_of(usage(rows).rows, Setting.of(facility(hosts=[host("h1"), host("h2")]), "hall", WINDOW), set())
    assert [(use.host, use.provider, use.estimated) for use in uses[:2]] == [("h1", True, False), ("h1", False, False)]
    assert uses == sorted(uses, key=in_order)


@slow
@given(situations(), st.randoms(use_true_random=False), any_rule)
def test_law_2_order_and_splitting_of_rows_change_nothing(situation: Situation, random: Any, rule: str) -> None:
    book, rows, readings = situation
    pieces = []
    for whole in rows:
        parts = {name: random.randint(0, whole[name]) for name in MEASURES}
        pieces += [whole | parts, whole | {name: whole[name] - part for name, part in parts.items()}]
    random.shuffle(pieces)
    first = run(book, rows, readings, rule)
    second = run(book, pieces, random.sample(readings, len(readings)), rule)
    assert with_uncertainties(second).equals(with_uncertainties(first))
    assert second == WindowAllocation(
        **{name: getattr(first, name) for name in WindowAllocation.__slots__} | {"postings": second.postings}
    )


def test_law_2_use_is_weighed_after_it_is_added_up() -> None:
    # 15 byte-seconds weigh less than one core-nanosecond and are floored to none; 30 weigh one.
    book = facility(hosts=[host("h1", idle_watts=0)])
    readings = [reading("h1", 1000, 2, memory_byte_s=0)]
    pieces = [provider("acme", 0, memory_byte_s=15), provider("acme", 0, memory_byte_s=15), provider("bolt", 1)]
    energy = {p["account"]: p["energy_mj"] for p in run(book, pieces, readings).postings.to_pylist() if p["component"] == "dynamic"}
    assert energy["acme"] == energy["bolt"]


@slow
@given(situations(), st.sampled_from(TENANTS), st.data(), any_rule)
def test_law_4_a_tenants_telemetry_moves_no_other_account_by_one_unit(
    situation: Situation, tenant: str, data: st.DataObject, rule: str
) -> None:
    book, rows, readings = situation
    others = [r for r in rows if r["account"] != tenant or r["source"] == "provider"]
    reports = data.draw(tenant_rows([tenant], values=any_int64))

    def of_others(allocation: WindowAllocation) -> Rows:
        postings = with_uncertainties(allocation).to_pylist()  # nor does it change how sure another's figure is
        return [p for p in postings if p["account"] not in {tenant, POOL_UNATTRIBUTED}]

    assert of_others(run(book, others + reports, readings, rule)) == of_others(run(book, rows, readings, rule))


@slow
@given(situations())
def test_postings_are_in_canonical_order_without_repeats_or_empty_rows(situation: Situation) -> None:
    postings = run(*situation).postings
    assert postings.schema == POSTINGS
    rows = postings.to_pylist()
    keys = [tuple(p[name] for name in DIMENSIONS) for p in rows]
    assert keys == sorted(set(keys))
    for p in rows:
        assert p["component"] in COMPONENTS
        assert p["quality"] == ",".join(sorted(set(p["quality"].split(","))))
        assert set(p["quality"].split(",")) <= {"", *FLAGS}
        assert p["count"] or any(p[name] for name in POSTING_MEASURES)
        assert min(p[name] for name in POSTING_MEASURES) >= 0


@slow
@given(situations())
def test_operations_of_charged_hosts_are_counted_once(situation: Situation) -> None:
    book, rows, readings = situation
    counted = sum(p["count"] for p in run(book, rows, readings).postings.to_pylist())
    assert counted <= sum(r["count"] for r in rows if r["source"] == "tenant")


def test_no_rows_and_no_readings_allocate_nothing() -> None:
    allocation = allocate(facility(hosts=[host("h1", curve="server")]), usage())
    assert allocation.windows == ()
    assert allocation.postings.equals(POSTINGS.empty_table())


def test_one_tenant_with_zero_use_leaves_dynamic_energy_unattributed() -> None:
    book = facility(hosts=[host("h1", idle_watts=0)])
    allocation = run(book, [provider("acme", 0)], [reading("h1", 999)])
    (posting,) = [p for p in allocation.postings.to_pylist() if p["component"] == "dynamic"]
    assert (posting["account"], posting["energy_mj"]) == (POOL_UNATTRIBUTED, 999)


def test_odd_numbers_are_given_out_whole() -> None:
    book = facility(hosts=[host("h1", idle_watts=0)])
    allocation = run(book, [provider(name, 1) for name in TENANTS], [reading("h1", 1001), reading("", 1001)])
    assert {p["account"]: p["energy_mj"] for p in allocation.postings.to_pylist()} == {"acme": 334, "bolt": 334, "cola": 333}


def test_a_huge_meter_is_conserved_to_the_millijoule() -> None:
    book = facility(hosts=[host("h1", idle_watts=0)])
    meter = INT64_MAX // 10**6
    rows = [provider("acme", INT64_MAX), provider("bolt", INT64_MAX - 1), row("acme", INT64_MAX, operation="GET /")]
    allocation = run(book, rows, [reading("h1", meter), reading("", meter)])
    assert sum(p["energy_mj"] for p in allocation.postings.to_pylist()) == meter


def test_postings_that_do_not_add_up_are_refused_with_their_residual() -> None:
    allocation = run(facility(hosts=[host("h1", curve="server")]), [provider("acme", 5)], [])
    check_balanced(allocation.postings, allocation.totals)
    with pytest.raises(UnbalancedError) as caught:
        check_balanced(allocation.postings, allocation.totals | {"energy_mj": allocation.totals["energy_mj"] + 3})
    assert caught.value.residual == {"energy_mj": 3}


def test_many_windows_come_in_canonical_order() -> None:
    book = facility(hosts=[host("h1", curve="server")])
    later = START.replace(hour=15)
    rows = [provider("acme", 5, window_start=later), provider("acme", 5)]
    allocation = allocate(book, usage(rows))
    assert [window.window.start for window in allocation.windows] == [START, later]
    assert allocation.postings["window_start"].to_pylist() == sorted(allocation.postings["window_start"].to_pylist())
    assert allocate(book, pa.Table.from_pylist(rows, schema=usage().rows.schema)).postings.equals(allocation.postings)
    assert POOL_UNSOLD not in allocation.postings["operation"].to_pylist()
