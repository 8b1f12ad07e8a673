"""What a moment means in the ledger never changes, whatever clocks say and however long a commit is under way."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from greencloud.errors import NotFoundError
from greencloud.ledger import Ledger
from greencloud.ledger.header import Header
from greencloud.ledger.posting import Posting
from greencloud.ledger.segments import rows_of
from greencloud.ledger.version import Commit, Version
from ledger_builders import CREATED, batch, hour
from profiles import examples

MOMENTS = [CREATED + timedelta(seconds=seconds) for seconds in range(-1, 8)]


def answers(root: Path) -> dict[datetime, int]:
    """Of the moments that are settled."""
    found, ledger = {}, Ledger(root)
    for moment in MOMENTS:
        try:
            found[moment] = ledger.version_at(moment)
        except NotFoundError:
            continue
    return found


def commit(root: Path, number: int, base: Version, now: datetime) -> bool:
    """A batch of a window of its own, worked out from a version that may have passed, with a clock that may be behind."""
    ledger, made = Ledger(root), batch({"a": number + 1}, window=hour(number))
    segment = ledger.write([Header(made.summary, made.totals)], rows_of(made.summary, made.postings))
    return ledger.store.commit(base, Commit([segment], (), Posting.of(root, base, [made]).work), now)


@given(steps=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=6))
@example(steps=[(0, 0), (5, 0), (1, 1)])  # one that was begun before another commit, and stamped before it
@settings(max_examples=examples(6), deadline=None, suppress_health_check=list(HealthCheck))
def test_a_moment_that_was_answered_is_answered_alike_for_ever(steps: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory(prefix="greencloud-") as folder:
        root = Path(folder) / "ledger"
        given_before: dict[datetime, int] = {}
        bases = [Ledger(root).store.read()]
        stamps: list[datetime] = []
        for number, (seconds, ago) in enumerate(steps):
            base = bases[max(0, len(bases) - 1 - ago)]
            done = commit(root, number, base, CREATED + timedelta(seconds=seconds))
            assert done is (base is bases[-1])
            if not done:
                assert commit(root, number, bases[-1], CREATED + timedelta(seconds=seconds))
            bases.append(Ledger(root).store.read())
            stamp = Ledger(root).store.committed(bases[-1].number)
            assert stamp
            stamps.append(stamp)
            now = answers(root)
            assert now == given_before | now
            assert stamps == sorted(stamps)
            assert now == {moment: sum(each <= moment for each in stamps) - 1 for moment in MOMENTS if moment < stamps[-1]}
            given_before = now


def test_what_is_under_way_is_not_settled_and_the_number_of_the_latest_is_told(tmp_path: Path) -> None:
    refused: list[NotFoundError] = []

    def clock() -> datetime:  # read when all is ready but the commit
        for moment in (CREATED, CREATED + timedelta(days=9)):
            with pytest.raises(NotFoundError, match="not settled") as caught:
                Ledger(tmp_path).snapshot(as_of=moment)
            refused.append(caught.value)
        return CREATED

    Ledger(tmp_path, clock=clock).post(batch({"a": 1}))
    Ledger(tmp_path, clock=lambda: CREATED + timedelta(hours=1)).post(batch({"a": 2}))
    assert [error.advice for error in refused] == ["name the version by its number: -1 is the latest"] * 2
    assert Ledger(tmp_path).snapshot(as_of=CREATED).version == 0
