"""A run on Spark's own cluster over a store in object storage, of which everything is killed: the same ledger, to the bit.

``make test-spark-standalone``. Needs some 4 GiB, as its twin over a folder (``test_spark_cluster``).
"""

from __future__ import annotations

import random
import sys
from datetime import datetime
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory
from greencloud.ledger.vacuum import GRACE, vacuum
from ledger_bits import bits
from spark_cluster import Command, standalone
from test_engine_distribution import NOW
from test_spark_cluster import RUN, home, two_days, uses_of

__all__ = ["home", "two_days"]

pytestmark = [pytest.mark.spark, pytest.mark.stress, pytest.mark.timeout(1200)]


def segments(data: DataDirectory) -> set[str]:
    """Every segment that lies in the store, whether a version names it or not."""
    store = data.ledger.store
    return {each.path.relative_to(store.root).as_posix() for each in store.objects.stored(store.folder)}


def visible(data: DataDirectory) -> set[str]:
    return {segment.path for segment in data.ledger.snapshot().contents.segments()}


@pytest.mark.parametrize("seed", [1, 2])
def test_an_executor_a_worker_and_the_driver_are_killed_over_a_store(
    home: Path, two_days: dict[str, str], uri: str, tmp_path: Path, seed: int
) -> None:
    data = uses_of(DataDirectory.attach(uri, tmp_path / "driver"), tmp_path, 18)
    with standalone(home, tmp_path, GREENCLOUD_WORK=str(tmp_path / "caches")) as cluster:
        run: Command = [sys.executable, RUN, data.path, cluster.url]
        cluster.kill_by_turns(run, random.Random(seed))
        reader = DataDirectory.attach(uri, tmp_path / "reader")
        assert reader.ledger.verify() == []
        assert set(bits(reader).items()) < set(two_days.items())
        with cluster.started(run) as again:
            assert again.end() == 0, again.text[-3000:]
    assert bits(reader) == two_days
    assert reader.ledger.verify() == []
    assert len(reader.ledger.snapshot().batches()) == 36
    assert visible(reader) <= segments(reader)
    with data.allocating(), data.writing() as held:
        vacuum(data.ledger, datetime.now(NOW.tzinfo) + 2 * GRACE, lease=held.number)
    assert segments(reader) == visible(reader)
    assert bits(reader) == two_days
