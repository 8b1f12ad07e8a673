"""The onward step: sellers divide their share among customers, over any number of tiers, and lose nothing."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import DIMENSIONS, POSTING_MEASURES, POSTINGS, allocate_window, onward
from greencloud.errors import UsageDataError
from greencloud.facility import Facility
from greencloud.units import INT64_MAX
from profiles import examples
from strategies import START, TENANTS, WINDOW, situations, usage

slow = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])

Rows = list[dict[str, Any]]

CUSTOMERS = ("ann", "bob", "cid")


def posting(energy: int = 100, **more: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {"window_start": START, "window_s": 3600, "site": "hall", "region": "eu", "account": "shop"}
    blank |= {"service": "web", "sku": "", "operation": "buy", "labels": "{}", "component": "dynamic", "quality": "", "count": 0}
    return blank | dict.fromkeys(POSTING_MEASURES, 0) | {"energy_mj": energy} | more


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=POSTINGS)


def energy(divided: pa.Table, *names: str) -> dict[Any, int]:
    found: dict[Any, int] = defaultdict(int)
    for line in divided.to_pylist():
        key = tuple(line[name] for name in ("account", *names))
        found[key if names else key[0]] += line["energy_mj"]
    return dict(found)


def test_each_measure_and_the_count_is_apportioned_to_the_unit() -> None:
    divided = onward(table(posting(100, count=2, scope1_ug=1)), {"bob": 1, "ann": 1, "cid": 1}, account="shop")
    assert [(p["account"], p["energy_mj"], p["count"], p["scope1_ug"]) for p in divided.to_pylist()] == [
        ("shop/ann", 34, 1, 1),
        ("shop/bob", 33, 1, 0),
        ("shop/cid", 33, 0, 0),
    ]
    assert divided.schema == POSTINGS


def test_the_flag_is_added_to_those_that_were_there() -> None:
    divided = onward(table(posting(quality="partial,modelled"), posting(component="idle")), {"ann": 1}, account="shop")
    assert divided["quality"].to_pylist() == ["modelled,onward,partial", "onward"]


def test_weights_by_window_and_operation_with_a_default() -> None:
    later = START + timedelta(hours=1)
    weights = pa.table(
        {
            "window_start": [START, START, None, None],
            "operation": ["buy", None, "buy", None],
            "customer": ["ann", "bob", "cid", "dan"],
            "weight": [1, 1, 1, 1],
        }
    )
    lines = [posting(operation=name, window_start=at) for name in ("buy", "") for at in (START, later)]
    assert energy(onward(table(*lines), weights, account="shop"), "operation", "window_start") == {
        ("shop/ann", "buy", START): 100,
        ("shop/bob", "", START): 100,
        ("shop/cid", "buy", later): 100,
        ("shop/dan", "", later): 100,
    }


def test_what_no_weight_fits_stays_the_sellers_as_it_is() -> None:
    own = posting(operation="cron", quality="estimated")
    unused = posting(operation="trial")
    weights = pa.table({"operation": ["buy", "trial"], "customer": ["ann", "ann"], "weight": [3, 0]})
    divided = onward(table(posting(), own, unused), weights, account="shop").to_pylist()
    assert own in divided
    assert unused in divided
    assert {p["account"] for p in divided} == {"shop", "shop/ann"}
    assert onward(table(own), {}, account="shop").to_pylist() == [own]
    assert onward(table(), {"ann": 1}, account="shop").equals(POSTINGS.empty_table())


def test_huge_weights_are_shared_exactly() -> None:
    weights = {"ann": 2**200, "bob": 2**200, "cid": 2**201}
    assert energy(onward(table(posting(INT64_MAX)), weights, account="shop")) == {
        "shop/ann": 2**61,
        "shop/bob": 2**61,
        "shop/cid": 2**62 - 1,
    }


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"ann": 1, "bob": -1}, "row 1: weight -1"),
        ({"ann": 1, "bob": float("nan")}, "row 1: weight nan"),
        ({"ann": 1, "bob": 0.5}, "row 1: weight 0.5"),
        ({"ann": 1, "bob": Decimal("Infinity")}, "row 1: weight Decimal"),
        ({"ann": 1, "bob": None}, "row 1: weight None"),
        ({"ann": 1, "bob": "3"}, "row 1: weight '3'"),
        ({"ann": 1, "bob": True}, "row 1: weight True"),
        ({"ann": 1, "": 1}, "row 1: customer ''"),
        ({"ann": 1, "(unsold)": 1}, "row 1: customer '\\(unsold\\)'"),
        ({"ann": 1, "b/ob": 1}, "row 1: customer 'b/ob' is not an id"),
        ({"ann": 1, "b" * 124: 1}, "row 1: customer 'bbb"),
        (pa.table({"customer": ["ann", "ann"], "weight": [1, 2]}), "row 1: a second weight of customer 'ann'"),
        (pa.table({"customer": ["ann"], "weight": [1], "team": [""]}), "no such column of weights: team"),
        (pa.table({"customer": ["ann"]}), "no column weight"),
        (pa.table({"customer": [None], "weight": [1]}), "row 0: customer None"),
        (pa.table({"customer": ["ann"], "weight": [1], "window_start": ["noon"]}), "window_start of weights is string"),
        (pa.table({"customer": ["ann"], "weight": [1], "window_start": [START.replace(tzinfo=None)]}), "is timestamp\\[us\\], not"),
        (pa.table({"customer": ["ann"], "weight": [1], "service": [5]}), "service of weights is int64, not string"),
    ],
)
def test_weights_that_cannot_be_are_refused_by_row(weights: Any, message: str) -> None:
    with pytest.raises(UsageDataError, match=message) as caught:
        onward(table(posting()), weights, account="shop")
    assert caught.value.advice


@pytest.mark.parametrize(
    ("postings", "message"),
    [
        (table(posting(), posting(account="else")), "row 1: a posting of account 'else'"),
        (table(posting(), posting(-1)), "row 1: a posting has a negative amount"),
        (table(posting()).drop_columns(["count"]), "no column count"),
    ],
)
def test_postings_that_cannot_be_divided_are_refused(postings: pa.Table, message: str) -> None:
    with pytest.raises(UsageDataError, match=message):
        onward(postings, {"ann": 1}, account="shop")


# Laws


def weights_of(names: tuple[str, ...]) -> st.SearchStrategy[pa.Table]:
    key = st.tuples(
        st.sampled_from([None, START]),
        st.sampled_from([None, "", "web", "db"]),
        st.sampled_from([None, "", "GET /"]),
        st.sampled_from(names),
    )
    sizes = st.one_of(st.integers(0, 3), st.integers(0, INT64_MAX))
    text = {name: pa.string() for name in ("service", "operation", "customer")}
    schema = pa.schema({"window_start": POSTINGS.field("window_start").type, **text, "weight": pa.int64()})
    return st.dictionaries(key, sizes, max_size=8).map(
        lambda found: pa.Table.from_pylist(
            [dict(zip(schema.names, (*key, size), strict=True)) for key, size in found.items()], schema=schema
        )
    )


def sums(postings: pa.Table) -> dict[tuple[Any, ...], list[int]]:
    """Every measure by what a line is, whoever bears it."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for line in postings.to_pylist():
        key = tuple(line[name] for name in DIMENSIONS if name != "account")
        held = found.setdefault(key, [0] * (len(POSTING_MEASURES) + 1))
        for index, name in enumerate(("count", *POSTING_MEASURES)):
            held[index] += line[name]
    return found


def of(postings: pa.Table, account: str) -> pa.Table:
    return postings.filter(pc.equal(postings["account"], account))


@slow
@given(situations(), weights_of(CUSTOMERS), weights_of(("zoe", "yan")))
def test_law_1_holds_over_tiers_from_the_meter_to_customers_of_customers(
    situation: tuple[Facility, Rows, Rows], first: pa.Table, second: pa.Table
) -> None:
    book, rows, readings = situation
    allocation = allocate_window(book, usage(rows, readings), "hall", WINDOW)
    tiers = allocation.postings
    for sellers, weights in ((TENANTS, first), (tuple(f"acme/{customer}" for customer in CUSTOMERS), second)):
        rest = tiers.filter(pc.invert(pc.is_in(tiers["account"], pa.array(sellers))))
        divided = [onward(of(tiers, seller), weights, account=seller) for seller in sellers]
        for seller, own in zip(sellers, divided, strict=True):
            assert sums(own) == sums(of(tiers, seller))
            assert {name.removeprefix(seller)[:1] for name in own["account"].to_pylist()} <= {"", "/"}
        tiers = pa.concat_tables([rest, *divided])
    assert sums(tiers) == sums(allocation.postings)
    for measure in POSTING_MEASURES:
        assert sum(tiers[measure].to_pylist()) == allocation.totals[measure]


@slow
@given(weights_of(CUSTOMERS), st.randoms(use_true_random=False))
def test_law_2_the_order_of_postings_and_weights_changes_nothing(weights: pa.Table, random: Any) -> None:
    lines = [
        posting(n, service=service, operation=name, component=part)
        for n, (service, name, part) in enumerate(
            (service, name, part) for service in ("", "web", "db") for name in ("", "GET /") for part in ("idle", "dynamic")
        )
    ]
    shuffled = weights.take(pa.array(random.sample(range(weights.num_rows), weights.num_rows), pa.int64()))
    first = onward(table(*lines), weights, account="shop")
    assert onward(table(*random.sample(lines, len(lines))), shuffled, account="shop").equals(first)
    keys = [tuple(p[name] for name in DIMENSIONS) for p in first.to_pylist()]
    assert keys == sorted(set(keys))
