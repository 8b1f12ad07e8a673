"""Availability and values of dimensions are what a plain loop over the visible postings finds, with and without roll-ups."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.ledger import Batch, Ledger, data_availability, dimension_values, make_batch
from greencloud.ledger.rollups import Rollups
from greencloud.results import DataAvailability, FootprintQuery
from greencloud.units import Window
from ledger_builders import CREATED, EVER, START, allocated, batch, hour
from profiles import examples

SITES = ("north", "south")
ACCOUNTS = ("acme", "bolt", "(unsold)")
LABELS = ("{}", '{"team":"a"}', '{"env":"x","team":"b"}', '{"~/":""}')
AFTER = datetime(2100, 1, 1, tzinfo=UTC)

postings = st.fixed_dictionaries(
    {
        "account": st.sampled_from(ACCOUNTS),
        "service": st.sampled_from(["", "web"]),
        "operation": st.sampled_from(["", "GET /"]),
        "labels": st.sampled_from(LABELS),
        "component": st.sampled_from(["dynamic", "idle"]),
        "energy_mj": st.integers(-5, 10**15),
        "scope1_ug": st.integers(-5, 10**15),
        "scope2_location_ug": st.integers(0, 9),
        "scope2_market_ug": st.integers(0, 9),
    }
)


@dataclass(frozen=True)
class Posted:
    """One batch, as it was asked for."""

    site: str
    region: str
    window: Window
    rows: tuple[dict[str, Any], ...]
    provisional: bool
    created: datetime

    def batch(self) -> Batch:
        rows = [row | {"region": self.region} for row in self.rows]
        return make_batch(
            allocated(rows, self.site, self.window), usage_revision="u", provisional=self.provisional, created=self.created
        )


# Hours around the end of a month, some days and some months off, and windows of five minutes among them.
windows = st.builds(
    lambda place, seconds, within: Window(START + timedelta(hours=place, seconds=within * seconds), seconds),
    st.sampled_from([-800, -25, 0, 1, 2, 3, 26, 700]),
    st.sampled_from([3600, 300]),
    st.just(0),
)
worlds = st.lists(
    st.builds(
        Posted,
        site=st.sampled_from(SITES),
        region=st.sampled_from(["eu", "us"]),
        window=windows,
        rows=st.lists(postings, min_size=1, max_size=4).map(tuple),
        provisional=st.booleans(),
        created=st.integers(0, 10**6).map(lambda s: CREATED + timedelta(seconds=s)),
    ),
    max_size=8,
    unique_by=lambda each: (each.site, each.window.start),
)
whose = st.sampled_from([None, (), ("acme",), ("bolt",), ("acme", "(unsold)"), ("nobody",)])


def own(posted: list[Posted], accounts: tuple[str, ...] | None) -> list[Posted]:
    """The batches as these accounts see them."""
    seen = [replace(each, rows=tuple(r for r in each.rows if accounts is None or r["account"] in accounts)) for each in posted]
    return [each for each in seen if each.rows]


def check_availability(found: DataAvailability, seen: list[Posted]) -> None:
    assert [site.site for site in found.sites] == sorted({each.site for each in seen})
    for site in found.sites:
        here = [each for each in seen if each.site == site.site]
        held = [each.window.start for each in here if each.provisional]
        assert site.start == min(each.window.start for each in here)
        assert site.end == max(each.window.end for each in here)
        assert site.final_until == min(held, default=site.end)
        assert site.updated == max(each.created for each in here)
        newest = max(each.window.start for each in here)
        assert site.region in {each.region for each in here if each.window.start == newest}
        assert not [each for each in here if each.window.start < site.final_until and each.provisional]  # the law
    if seen:
        held = [each.window.start for each in seen if each.provisional]
        assert found.start == min(each.window.start for each in seen)
        assert found.end == max(each.window.end for each in seen)
        assert found.final_until == min(held, default=found.end)
        assert found.updated == max(each.created for each in seen)
        assert found.methodology_versions == ("greencloud/1",)
    else:
        assert found == DataAvailability(ledger_version=found.ledger_version)


def tally(posted: list[Posted], dimension: str, query: FootprintQuery) -> list[tuple[str, int, int, int]]:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in posted:
        for row in each.rows:
            if not query.start <= each.window.start < query.end or (query.services and row["service"] not in query.services):
                continue
            labels = json.loads(row["labels"])
            place = {"site": each.site, "region": each.region, "sku": "", "methodology_version": "greencloud/1"}
            if dimension == "label":
                values = list(labels) or [""]
            elif dimension.startswith("label:"):
                values = [labels.get(dimension.removeprefix("label:"), "")]
            else:
                values = [(place | row)[dimension]]
            amounts = (row["energy_mj"], row["scope1_ug"] + row["scope2_location_ug"], row["scope1_ug"] + row["scope2_market_ug"])
            for value in values:
                found[value] = [a + b for a, b in zip(found[value], amounts, strict=True)]
    return sorted(((value, sums[0], sums[1], sums[2]) for value, sums in found.items()), key=lambda each: (-each[2], each[0]))


dimensions = st.sampled_from(
    ["account", "service", "region", "site", "sku", "operation", "component", "label", "label:team", "label:~/", "label:none"]
)
queries = st.builds(
    lambda bounds, services: replace(EVER, start=bounds[0], end=bounds[1], services=services),
    st.sampled_from([(EVER.start, EVER.end), (START, START + timedelta(hours=30)), (START + timedelta(hours=2), EVER.end)]),
    st.sampled_from([(), ("web",)]),
)


@settings(max_examples=examples(10))
@given(worlds, whose, dimensions, queries, st.booleans())
def test_they_are_what_the_postings_of_the_caller_say(
    posted: list[Posted], accounts: tuple[str, ...] | None, dimension: str, query: FootprintQuery, rolled_up: bool
) -> None:
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        for each in posted:
            ledger.post(each.batch())
        if rolled_up:
            Rollups(ledger.root).build(ledger.snapshot().contents, AFTER)
        snapshot = ledger.snapshot()
        seen = own(posted, accounts)

        check_availability(data_availability(snapshot, accounts), seen)
        narrowed = replace(query, accounts=accounts)
        values = dimension_values(snapshot, dimension, narrowed)

        told = [(v.value, v.energy.millijoules, v.total_location_based.micrograms, v.total_market_based.micrograms) for v in values]
        assert told == tally(seen, dimension, query)
        if dimension != "label":
            total = snapshot.footprint(narrowed)
            assert sum(v.energy.millijoules for v in values) == sum(row.energy.millijoules for row in total)


def test_a_batch_that_is_superseded_counts_no_more(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"acme": 5}, provisional=True))
    before = ledger.snapshot()
    ledger.post(batch({"bolt": 5}))

    assert [value.value for value in dimension_values(ledger.snapshot(), "account", EVER)] == ["bolt"]
    assert data_availability(ledger.snapshot()).final_until == hour(0).end
    assert data_availability(before).final_until == hour(0).start
    assert data_availability(ledger.snapshot(), ["acme"]).start is None


def test_a_ledger_in_which_nothing_was_posted_has_nothing(tmp_path: Path) -> None:
    assert data_availability(Ledger(tmp_path).snapshot()) == DataAvailability()
    assert dimension_values(Ledger(tmp_path).snapshot(), "site", EVER) == []


def test_what_is_no_dimension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuantityError, match="cannot group by"):
        dimension_values(Ledger(tmp_path).snapshot(), "colour", EVER)
