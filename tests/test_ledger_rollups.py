"""Roll-ups answer as the postings do, for every question and whatever became of some of them; and they do answer."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprint_oracle import expected
from greencloud.allocation import POSTING_MEASURES
from greencloud.errors import StoreError
from greencloud.ledger import Batch, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import INT64_MAX, Window
from ledger_builders import EVER, batch, batch_of, hour
from profiles import examples

ACCOUNTS = ("a", "b", "x'; DROP TABLE y; --", "é", "(unsold)")
KEYS = ("team", "a/b~c", 'qu"ote')
LATER = datetime(2027, 1, 1, tzinfo=UTC)
# The end of a month and the first of the next, days with one window and with many, five-minute windows, a year's end.
WINDOWS = (
    *(hour(at) for at in (-30, -25, 0, 1, 2, 3, 27, 40)),
    *(Window(hour(60).start + timedelta(minutes=5 * at), 300) for at in range(4)),
    *(Window(datetime(2026, 12, 31, 23, tzinfo=UTC), 3600), Window(datetime(2027, 1, 1, tzinfo=UTC), 3600)),
)


def posting(number: int) -> dict[str, Any]:
    """A posting that looks arbitrary and is the same in every run."""

    def pick(step: int, *values: str) -> str:
        return values[number * step // 7 % len(values)]

    ppm = (0, 13, 250_000, -1)[number // 3 % 4]
    return {
        "region": pick(3, "eu", "us"),
        "account": pick(5, *ACCOUNTS),
        "service": pick(11, "", "web", "db'"),
        "sku": pick(13, "", "m1"),
        "operation": pick(17, "", "GET /", "a\nb"),
        "labels": json.dumps({KEYS[number % 3]: pick(19, "core", "", "ü")} if number % 3 else {}, sort_keys=True),
        "component": pick(23, "dynamic", "idle", "embodied"),
        "quality": pick(29, "", "estimated", "estimated,partial", "modelled", "self_reported"),
        "count": number,
        "energy_uncertainty_ppm": ppm,
        "location_uncertainty_ppm": max(ppm, 0),
        "market_uncertainty_ppm": 7,
        **{name: number**3 * (place + 3) % 10**9 for place, name in enumerate(POSTING_MEASURES)},
    }


def batches() -> dict[tuple[str, Window], Batch]:
    return {
        (site, window): batch_of(
            map(posting, range(at * 31, at * 31 + 20)), site, window, methodology_version=f"greencloud/{at % 2 + 1}"
        )
        for at, (site, window) in enumerate((site, window) for site in ("s", "t[1]'") for window in WINDOWS)
    }


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple))


MOMENTS = [
    EVER.start,
    EVER.end,
    *(datetime(2026, month, day, tzinfo=UTC) for month, day in ((1, 1), (1, 30), (1, 31), (2, 1), (2, 2), (2, 3), (3, 1))),
    hour(1).start,
    hour(60).start + timedelta(minutes=7),
    datetime(2027, 1, 1, tzinfo=UTC),
]
QUERIES = st.builds(
    FootprintQuery,
    start=st.sampled_from(MOMENTS),
    end=st.sampled_from(MOMENTS),
    accounts=st.none() | some(*ACCOUNTS, "nobody"),
    services=some("", "web", "nothing"),
    regions=some("eu", "nowhere"),
    sites=some("s", "t[1]'", "nowhere"),
    skus=some("m1"),
    operations=some("a\nb", "GET /"),
    components=some("dynamic", "idle"),
    group_by=st.lists(
        st.sampled_from(
            ("account", "service", "region", "site", "sku", "operation", "component", "scope", *(f"label:{key}" for key in KEYS))
        ),
        max_size=3,
        unique=True,
    ).map(tuple),
    granularity=st.sampled_from(Granularity),
)


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ledger, list[Batch]]]:
    """One ledger in the states that a ledger comes to, each with the batches that are visible."""
    base = tmp_path_factory.mktemp("rollups [x]*")
    visible = batches()
    first = Ledger(base / "posted")
    first.post_all(list(visible.values()))
    rollups = Rollups(first.root)
    made = rollups.build(first.snapshot().contents, LATER)
    assert made == 2 * (6 + 3)  # the day of 2027 has not ended
    assert rollups.build(first.snapshot().contents, LATER) == 0
    states = {"all": (first, list(visible.values()))}

    def copy(name: str, change: Callable[[Ledger], None]) -> Ledger:
        ledger = Ledger(shutil.copytree(first.root, base / name))
        change(ledger)
        return ledger

    states["none"] = copy("none", lambda ledger: shutil.rmtree(ledger.root / "rollups")), list(visible.values())
    states["days"] = copy("days", lambda ledger: shutil.rmtree(ledger.root / "rollups" / "month")), list(visible.values())

    def damage(ledger: Ledger) -> None:
        for at, path in enumerate(sorted((ledger.root / "rollups").glob("*/*.arrow"))):
            content = bytearray(path.read_bytes())
            content[len(content) * (at % 7 + 1) // 9] ^= 0x40
            path.write_bytes(content[: -(at % 3) * 100 or None])

    states["damaged"] = copy("damaged", damage), list(visible.values())
    changed = dict(visible)
    for site, window in (("s", hour(1)), ("t[1]'", hour(60, 300)), ("s", hour(3))):
        changed[site, window] = batch_of(map(posting, range(900, 909)), site, window)
    stale = copy("stale", lambda _: None)
    stale.post_all(list(changed.values()))
    states["stale"] = stale, list(changed.values())
    compacted = Ledger(shutil.copytree(stale.root, base / "compacted"))
    assert compact(compacted, LATER)
    states["compacted"] = compacted, list(changed.values())
    again = Ledger(shutil.copytree(compacted.root, base / "again"))
    Rollups(again.root).build(again.snapshot().contents, LATER)
    states["made again"] = again, list(changed.values())
    return states


@given(query=QUERIES)
@settings(max_examples=examples(20), deadline=None)
def test_the_answer_is_that_of_a_plain_loop_whatever_became_of_roll_ups(
    ledgers: dict[str, tuple[Ledger, list[Batch]]], query: FootprintQuery
) -> None:
    for name, (ledger, visible) in ledgers.items():
        assert ledger.snapshot().footprint(query) == expected(query, visible), name


def test_roll_ups_answer_where_no_segment_can_be_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    visible = [each for (site, window), each in batches().items() if window.start < datetime(2026, 12, 1, tzinfo=UTC)]
    ledger.post_all(visible)
    Rollups(tmp_path).build(ledger.snapshot().contents, LATER)
    for path in ledger.store.folder.iterdir():
        os.truncate(path, 0)
    query = replace(EVER, group_by=("account", "label:team", "operation"))
    for granularity in (Granularity.ALL, Granularity.MONTH, Granularity.DAY):
        asked = replace(query, granularity=granularity)
        assert ledger.snapshot().footprint(asked) == expected(asked, visible), granularity
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.snapshot().footprint(replace(query, granularity=Granularity.HOUR))


def test_an_earlier_version_finds_its_own_roll_ups(ledgers: dict[str, tuple[Ledger, list[Batch]]]) -> None:
    ledger, visible = ledgers["stale"]
    query = replace(EVER, group_by=("account",), granularity=Granularity.MONTH)
    assert ledger.snapshot(0).footprint(query) == expected(query, list(batches().values()))
    assert ledger.snapshot().footprint(query) == expected(query, visible)


def test_a_sum_beyond_64_bits_is_not_rolled_up_and_still_exact(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post_all([batch({"a": INT64_MAX}, window=hour(at)) for at in range(2, 5)])
    Rollups(tmp_path).build(ledger.snapshot().contents, LATER)
    (row,) = ledger.snapshot().footprint(EVER)
    assert row.energy.millijoules == 3 * INT64_MAX


def test_days_and_months_that_go_on_are_not_rolled_up(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}, window=hour(2)))
    rollups, contents = Rollups(tmp_path), ledger.snapshot().contents
    assert rollups.build(contents, hour(2).end) == 0
    assert rollups.build(contents, hour(26).start) == 1
    assert rollups.build(contents, datetime(2026, 3, 1, tzinfo=UTC)) == 1
    assert rollups.unreferenced([contents]) == []
    ledger.post(batch({"a": 2}, window=hour(2)))
    assert len(rollups.unreferenced([ledger.snapshot().contents])) == 2
    assert rollups.unreferenced([contents, ledger.snapshot().contents]) == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [flip, cut])
def test_a_damaged_roll_up_is_named_and_not_believed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    ledger = Ledger(tmp_path)
    ledger.post_all([batch({"a": 1, "b": 2}, window=hour(at)) for at in range(2, 26)])
    Rollups(tmp_path).build(ledger.snapshot().contents, LATER)
    assert ledger.verify() == []
    paths = sorted((tmp_path / "rollups").glob("*/*.arrow"))
    for path in paths:
        harm(path)
    findings = ledger.verify()
    assert [finding.split(":")[0] for finding in findings] == [str(path.relative_to(tmp_path)) for path in paths]
    (row,) = ledger.snapshot().footprint(EVER)
    assert row.energy.millijoules == 24 * 3


def test_a_false_roll_up_is_named(tmp_path: Path) -> None:
    """Whole and with a right digest, but of other postings."""
    for name, more in (("true", 0), ("false", 1)):
        ledger = Ledger(tmp_path / name)
        ledger.post(batch({"a": 1 + more}, window=hour(2)))
        Rollups(ledger.root).build(ledger.snapshot().contents, LATER)
    (mine,) = (tmp_path / "true" / "rollups" / "day").iterdir()
    (other,) = (tmp_path / "false" / "rollups" / "day").iterdir()
    shutil.copyfile(other, mine)
    assert any("its sums are not those of its segments" in finding for finding in Ledger(tmp_path / "true").verify())


def test_a_roll_up_that_fails_half_way_counts_for_nothing(tmp_path: Path) -> None:
    """A label that is no text is left to SQL; what was answered before it was met must not count beside the postings."""
    ledger = Ledger(tmp_path)
    ledger.post(batch_of([{"labels": '{"team":"1"}', "energy_mj": 4}, {"labels": '{"team":1}', "energy_mj": 3}]))
    query = replace(EVER, group_by=("label:team",))
    before = ledger.snapshot().footprint(query)
    assert Rollups(tmp_path).build(ledger.snapshot().contents, LATER) == 2
    assert ledger.snapshot().footprint(query) == before
    assert before[0].energy.millijoules == 7
