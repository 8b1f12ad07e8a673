"""A footprint query gives what a plain loop over the postings gives, for every filter, dimension and period."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprint_oracle import expected
from greencloud.allocation import POSTING_MEASURES
from greencloud.errors import QuantityError
from greencloud.ledger import Batch, Ledger, Snapshot, make_batch
from greencloud.ledger.columns import UNCERTAINTIES
from greencloud.ledger.database import fetch
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import INT64_MAX, Emissions, Energy, Window
from ledger_builders import EVER, EVER_BY_ACCOUNT, START, batch, batch_of, energy_of, hour
from profiles import examples

NASTY = ("a", "b", "x'; DROP TABLE y; --", 'q"q', "100%", "é")
KEYS = ("team", "a/b~c", "$.team", 'qu"ote', "*", "0", "team.x", "team[0]")
DIMENSION = st.sampled_from(
    (
        *("account", "service", "region", "site", "sku", "operation", "component", "methodology_version", "scope"),
        *(f"label:{key}" for key in KEYS),
    )
)


def posting(number: int) -> dict[str, Any]:
    """A posting that looks arbitrary and is the same in every run."""

    def pick(step: int, *values: str) -> str:
        return values[number * step // 7 % len(values)]

    return {
        "region": pick(3, "eu", "us"),
        "account": pick(5, *NASTY, "(unsold)"),
        "service": pick(11, "", "web", "db'"),
        "sku": pick(13, "", "m1"),
        "operation": pick(17, "", "GET /", "a\nb"),
        "labels": json.dumps({KEYS[number % len(KEYS)]: pick(19, "core", "", "ü")} if number % 3 else {}, sort_keys=True),
        "component": pick(23, "dynamic", "idle", "embodied"),
        "quality": pick(29, "", "estimated", "estimated,partial", "modelled", "estimated,modelled,self_reported", "onward"),
        "count": number,
        **{name: -1 if number % 31 == place else number * 7919**place % 3_000_000 for place, name in enumerate(UNCERTAINTIES)},
        **{name: (INT64_MAX - number) // (place + 1) for place, name in enumerate(POSTING_MEASURES)},
    }


def batches() -> list[Batch]:
    windows = [
        hour(0),
        hour(1),
        hour(2),
        hour(5),
        hour(40),
        Window(START + timedelta(hours=-1), 300),
        Window(START - timedelta(minutes=55), 300),
    ]
    return [
        batch_of(map(posting, range(at * 37, at * 37 + 25)), site, window, methodology_version=f"greencloud/{at % 2 + 1}")
        for at, (site, window) in enumerate((site, window) for site in ("s", "t[1]'") for window in windows)
    ]


BATCHES = batches()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    ledger = Ledger(tmp_path_factory.mktemp("a [b]*?'c") / "ledger")
    for each in BATCHES:
        ledger.post(each)
    return ledger.snapshot()


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple))


QUERIES = st.builds(
    FootprintQuery,
    start=st.sampled_from([EVER.start, START, START + timedelta(hours=1)]),
    end=st.sampled_from([EVER.end, START + timedelta(hours=2), START + timedelta(minutes=30)]),
    accounts=st.none() | some(*NASTY, "nobody"),
    services=some("", "web", "db'"),
    regions=some("eu", "nowhere"),
    sites=some("s", "t[1]'", "nowhere"),
    skus=some("m1"),
    operations=some("a\nb", "GET /"),
    components=some("dynamic", "idle"),
    group_by=st.lists(DIMENSION, max_size=3, unique=True).map(tuple),
    granularity=st.sampled_from(Granularity),
    methodology_versions=some("greencloud/1", "greencloud/2"),
    fiscal_year_start_month=st.integers(1, 12),
)


@given(query=QUERIES)
@settings(max_examples=examples(50), deadline=None)
def test_a_query_gives_what_a_plain_loop_gives(snapshot: Snapshot, query: FootprintQuery) -> None:
    assert snapshot.footprint(query) == expected(query, BATCHES)


@given(query=QUERIES)
@settings(max_examples=examples(6), deadline=None)
def test_every_granularity_adds_up_to_the_whole_and_longer_periods_to_those_in_them(
    snapshot: Snapshot, query: FootprintQuery
) -> None:
    by = {
        granularity: snapshot.footprint(replace(query, granularity=granularity, group_by=("account",)))
        for granularity in Granularity
    }
    sums: dict[tuple[Granularity, str], tuple[int, int]] = {}
    for granularity, rows in by.items():
        for row in rows:
            key = granularity, row.dimensions["account"]
            energy, location = sums.get(key, (0, 0))
            sums[key] = energy + row.energy.millijoules, location + row.total_location_based.micrograms
    assert all(sums[Granularity.ALL, account] == amounts for (_, account), amounts in sums.items())
    for longer in by[Granularity.QUARTER], by[Granularity.YEAR]:
        for row in longer:
            months = [
                each for each in by[Granularity.MONTH] if row.start <= each.start < row.end and each.dimensions == row.dimensions
            ]
            assert sum((each.energy for each in months), Energy()) == row.energy
            assert sum((each.scope1 for each in months), Emissions()) == row.scope1


@pytest.mark.parametrize(
    ("instant", "granularity", "first_month", "period"),
    [
        ("2026-03-31T23:59:59", Granularity.YEAR, 4, ("2025-04-01", "2026-04-01")),
        ("2026-04-01T00:00:00", Granularity.YEAR, 4, ("2026-04-01", "2027-04-01")),
        ("2026-05-31T12:00:00", Granularity.QUARTER, 2, ("2026-05-01", "2026-08-01")),
        ("2026-01-31T12:00:00", Granularity.QUARTER, 3, ("2025-12-01", "2026-03-01")),
        ("2024-02-29T12:00:00", Granularity.QUARTER, 1, ("2024-01-01", "2024-04-01")),
        ("2026-12-31T12:00:00", Granularity.YEAR, 12, ("2026-12-01", "2027-12-01")),
    ],
)
def test_a_year_begins_with_its_month(
    tmp_path: Path, instant: str, granularity: Granularity, first_month: int, period: tuple[str, str]
) -> None:
    ledger = Ledger(tmp_path)
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC, minute=0, second=0)
    ledger.post(batch({"a": 1}, window=Window(at)))
    (row,) = ledger.snapshot().footprint(replace(EVER, granularity=granularity, fiscal_year_start_month=first_month))
    assert (f"{row.start:%F}", f"{row.end:%F}") == period


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_year_begins_with_no_other_month(snapshot: Snapshot, month: int) -> None:
    with pytest.raises(QuantityError, match="1 to 12"):
        snapshot.footprint(replace(EVER, fiscal_year_start_month=month))


@pytest.mark.parametrize("key", KEYS)
def test_every_label_key_can_be_asked_for(snapshot: Snapshot, key: str) -> None:
    query = replace(EVER, group_by=(f"label:{key}",))
    rows = snapshot.footprint(query)
    assert rows == expected(query, BATCHES)
    assert len(rows) > 1


def test_rows_of_scopes_add_up_to_the_row_without(snapshot: Snapshot) -> None:
    (whole,) = snapshot.footprint(EVER)
    scopes = snapshot.footprint(replace(EVER, group_by=("scope",)))
    assert [row.dimensions["scope"] for row in scopes] == ["scope1", "scope2", "scope3"]
    assert sum((row.energy for row in scopes), Energy()) == whole.energy
    assert sum((row.total_market_based for row in scopes), Emissions()) == whole.total_market_based
    assert sum((row.total_location_based for row in scopes), Emissions()) == whole.total_location_based
    kinds = ("measured_energy", "modelled_energy", "estimated_energy", "self_reported_energy")
    for row in (whole, *scopes):
        assert sum((getattr(row, kind) for kind in kinds), Energy()) == row.energy


def test_the_sums_of_this_test_are_beyond_64_bits(snapshot: Snapshot) -> None:
    assert snapshot.footprint(EVER)[0].energy.millijoules > 2**64


def test_a_reader_of_no_account_sees_no_row(snapshot: Snapshot) -> None:
    assert snapshot.footprint(replace(EVER, accounts=())) == []


def test_an_account_named_like_sql_is_only_a_name(snapshot: Snapshot) -> None:
    (row,) = snapshot.footprint(replace(EVER_BY_ACCOUNT, accounts=("x'; DROP TABLE y; --",)))
    assert row.dimensions == {"account": "x'; DROP TABLE y; --"}
    assert snapshot.footprint(replace(EVER, accounts=("' OR 1=1 --",))) == []


@pytest.mark.parametrize("name", ["host", "label:", "Account", 'account" --', "", "batch_id"])
def test_an_unknown_dimension_is_refused_with_those_that_exist(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        QuantityError, match="account, service, region, site, sku, operation, component, methodology_version, scope or label:<key>"
    ):
        Ledger(tmp_path / "none").snapshot().footprint(replace(EVER, group_by=("account", name)))


def test_bounds_without_an_offset_are_refused(snapshot: Snapshot) -> None:
    with pytest.raises(QuantityError, match="offset"):
        snapshot.footprint(FootprintQuery(datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC)))  # noqa: DTZ001 - meant


def test_bounds_in_another_zone_mean_the_same_instants(snapshot: Snapshot) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    query = FootprintQuery(START, START + timedelta(hours=3), group_by=("account",), granularity=Granularity.DAY)
    moved = replace(query, start=query.start.astimezone(zone), end=query.end.astimezone(zone))
    assert snapshot.footprint(moved) == snapshot.footprint(query)
    assert snapshot.footprint(replace(moved, granularity=Granularity.ALL))[0].start.utcoffset() == timedelta(0)


def test_one_provisional_window_makes_the_row_provisional(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}, window=hour(0), provisional=True))
    ledger.post(batch({"a": 1}, window=hour(1)))
    assert [row.provisional for row in ledger.snapshot().footprint(replace(EVER, granularity=Granularity.WINDOW))] == [True, False]
    assert [row.provisional for row in ledger.snapshot().footprint(EVER)] == [True]


def test_a_snapshot_lists_accounts_without_pools_and_sites(snapshot: Snapshot) -> None:
    assert snapshot.accounts() == sorted(NASTY)
    assert snapshot.sites() == ["s", "t[1]'"]


def test_a_snapshot_finds_batches_by_window_and_site(snapshot: Snapshot) -> None:
    listed = snapshot.batches()
    assert [(each.start, each.site) for each in listed] == sorted((each.summary.start, each.summary.site) for each in BATCHES)
    assert snapshot.batches(hour(1).start, hour(5).start) == [
        each for each in listed if hour(1).start <= each.start < hour(5).start
    ]
    assert snapshot.find("s", hour(5)) == next(each.summary for each in BATCHES if each.window == hour(5))
    assert snapshot.find("s", hour(6)) is None
    assert snapshot.find("s", Window(hour(5).start, 300)) is None


def test_an_empty_batch_covers_its_window(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({}))
    assert len(ledger.snapshot().batches()) == 1
    assert ledger.snapshot().footprint(EVER) == []
    assert energy_of(ledger) == {}


def test_make_batch_is_what_the_ledger_returns(tmp_path: Path) -> None:
    made = batch({"a": 1})
    assert Ledger(tmp_path).post(made) == made.summary
    assert make_batch.__module__.startswith("greencloud.ledger")


def test_a_query_that_takes_long_writes_nothing_to_standard_output(tmp_path: Path) -> None:
    (told,) = fetch("SELECT current_setting('enable_progress_bar')", [], root=tmp_path)  # by default it is drawn after two seconds

    assert told == (False,)
