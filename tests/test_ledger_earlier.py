"""Law 3: whatever a version said, it says for ever, whatever was posted, compacted and taken away since."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprint_oracle import expected
from greencloud.errors import StoreError
from greencloud.ledger import Batch, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.vacuum import vacuum
from greencloud.results import FootprintQuery, Granularity
from ledger_builders import EVER, batch, energy_of, hour
from profiles import examples

DAY_AFTER = hour(24 * 5).start
SITES = ("s", "t")
HOURS = (0, 1, 2, 3, 4)  # two of one day, three of the next
BY_ACCOUNT = FootprintQuery(EVER.start, EVER.end, group_by=("account", "site"), granularity=Granularity.WINDOW)


class Housekept:
    """A ledger whose clock goes a month between steps, as far as the vacuum is asked."""

    def __init__(self, root: Path) -> None:
        self.now = datetime.now(UTC)
        self.ledger = Ledger(root, clock=lambda: self.now)
        self.visible: dict[tuple[str, int], Batch] = {}
        self.said: dict[int, list[Batch]] = {-1: []}

    def take(self, what: str, site: str, at: int, amount: int) -> None:
        self.now += timedelta(days=30)
        if what == "post":
            self.visible[site, at] = batch({"a": amount, "b": 5}, site, hour(at))
            self.ledger.post(self.visible[site, at])
        elif what == "compact":
            compact(self.ledger, DAY_AFTER)
        elif what == "roll up":
            Rollups(self.ledger.root).build(self.ledger.snapshot().contents, DAY_AFTER)
        else:
            vacuum(self.ledger, self.now)
        self.said[self.ledger.snapshot().version] = list(self.visible.values())

    def check(self, version: int) -> None:
        snapshot = self.ledger.snapshot(version)
        assert snapshot.footprint(BY_ACCOUNT) == expected(BY_ACCOUNT, self.said[version])
        assert len(snapshot.batches()) == len(self.said[version])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "post", "compact", "vacuum", "roll up"]),
        st.sampled_from(SITES),
        st.sampled_from(HOURS),
        st.integers(0, 9),
    ),
    min_size=6,
    max_size=25,
)


@given(steps=STEPS, order=st.randoms(use_true_random=False))
@settings(max_examples=examples(4), deadline=None)
def test_every_version_says_what_it_said(steps: list[Any], order: random.Random) -> None:
    with TemporaryDirectory() as folder:
        kept = Housekept(Path(folder))
        for step in steps:
            kept.take(*step)
        kept.take("vacuum", "", 0, 0)
        for version in order.sample(sorted(kept.said), len(kept.said)):
            kept.check(version)
        assert kept.ledger.verify() == []
        # What was made again goes again, and comes again.
        kept.take("vacuum", "", 0, 0)
        kept.check(min(kept.said))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A day that was compacted, cut open by a restatement and compacted again; a month later all that may go is gone."""
    ledger = Ledger(tmp_path)
    for at in HOURS:
        ledger.post(batch({"a": 1 + at, "b": 10}, window=hour(at)))
    compact(ledger, DAY_AFTER)
    ledger.post(batch({"a": 100}, window=hour(2)))
    compact(ledger, DAY_AFTER)
    vacuum(ledger, datetime.now(UTC) + timedelta(days=30))
    return ledger


def test_a_segment_of_several_batches_is_made_again_with_the_same_rows(ledger: Ledger) -> None:
    names = {path.name for path in ledger.store.folder.iterdir()}
    versions = range(ledger.snapshot().version + 1)
    figures = [energy_of(ledger, version) for version in versions]
    assert figures[4] == {"a": 15, "b": 50}
    assert figures[-1] == {"a": 112, "b": 40}
    assert {path.name for path in ledger.store.folder.iterdir()} > names
    for number in versions:
        for segment in ledger.snapshot(number).contents.segments():
            assert (ledger.root / segment.path).exists()


def test_readers_at_one_time_make_it_again_once(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: energy_of(Ledger(ledger.root), 4), range(16)))
    assert found == [{"a": 15, "b": 50}] * 16
    assert not list(ledger.store.folder.glob(".*"))


def test_what_a_policy_let_go_is_refused_and_not_short(ledger: Ledger) -> None:
    vacuum(ledger, datetime.now(UTC) + timedelta(days=60), keep_superseded=timedelta(days=50))
    assert energy_of(ledger) == {"a": 112, "b": 40}
    with pytest.raises(StoreError, match="kept no more"):
        ledger.snapshot(4).footprint(EVER)
    with pytest.raises(StoreError, match="kept no more"):
        ledger.snapshot(4).batches()


def test_a_provisional_figure_that_was_replaced_is_refused_and_not_short(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}, provisional=True))
    ledger.post(batch({"a": 2}))
    vacuum(ledger, datetime.now(UTC) + timedelta(days=30))
    assert energy_of(ledger) == {"a": 2}
    with pytest.raises(StoreError, match="provisional"):
        ledger.snapshot(0).footprint(EVER)


def test_the_grace_and_the_policy_count_from_when_a_segment_was_superseded(tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    ledger = Ledger(tmp_path, clock=lambda: now[0])
    for at in HOURS:
        ledger.post(batch({"a": 1}, window=hour(at)))
    old = set(ledger.store.folder.iterdir())
    now[0] += timedelta(days=1000)  # the segments are old when they are left behind
    compact(ledger, DAY_AFTER)
    ledger.post(batch({"a": 7}, window=hour(4)))
    for path in set(ledger.store.folder.iterdir()) - old:
        os.utime(path, (now[0].timestamp(), now[0].timestamp()))
    reader = ledger.snapshot(4)
    assert vacuum(ledger, now[0] + timedelta(days=6), keep_superseded=timedelta(days=500)).files == 0
    assert {row.energy.millijoules for row in reader.footprint(EVER)} == {5}
    # The hours go after the grace; what holds the superseded batch 500 days after it was superseded.
    policy = timedelta(days=500)
    assert vacuum(ledger, now[0] + timedelta(days=8), keep_superseded=policy).files >= 4
    vacuum(ledger, now[0] + timedelta(days=499), keep_superseded=policy)
    assert energy_of(ledger, 4) == {"a": 5}
    vacuum(ledger, now[0] + timedelta(days=501), keep_superseded=policy)
    with pytest.raises(StoreError, match="kept no more"):
        energy_of(ledger, 4)
    assert energy_of(ledger) == {"a": 11}
