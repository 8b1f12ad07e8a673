"""A raw lake that Spark lays out holds what one process makes of it, also when an executor dies."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greencloud.engine.lake import partitions, read_partition
from greencloud.engine.shuffle import InMemory, shuffle_lake
from greencloud.engine.spark_session import spark_session
from greencloud.engine.spark_shuffle import SparkShuffle
from greencloud.errors import StoreError
from greencloud.usage import digest
from raw_lake import laid_down
from spark_cluster import CONF, MASTER, executors, spark_home
from telemetry_world import book
from test_telemetry_shuffle import crowd, told

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]
pytest.importorskip("pyspark.sql", reason="pyspark is not installed: pip install 'greencloud[spark]'")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    paths = os.pathsep.join(filter(None, [*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(__file__).parent)]))
    conf = CONF | {"spark.executorEnv.PYTHONPATH": paths, "spark.sql.shuffle.partitions": "4"}
    with spark_home(tmp_path_factory.mktemp("spark")), spark_session(MASTER, conf=conf) as made:
        made.range(2).count()  # both executors are there
        yield made


def check(lake: str, expected: str) -> None:
    one, other = partitions(lake), partitions(expected)
    assert [(part.site, part.start, digest(read_partition(lake, part))) for part in one] == [
        (part.site, part.start, digest(read_partition(expected, part))) for part in other
    ]


def test_spark_makes_the_lake_that_one_process_makes(session: Any, tmp_path: Path) -> None:
    raw = str(tmp_path / "raw")
    laid_down(tmp_path / "raw", crowd(6, 30))
    expected = shuffle_lake(raw, str(tmp_path / "expected"), book(), InMemory())
    found = shuffle_lake(raw, str(tmp_path / "lake"), book(), SparkShuffle(session, tasks=4), buckets=5)
    check(str(tmp_path / "lake"), str(tmp_path / "expected"))
    assert told(found.dead_letters) == told(expected.dead_letters)
    assert (found.files, found.spans, found.rows) == (expected.files, expected.spans, expected.rows)


def test_an_executor_that_dies_changes_nothing(session: Any, tmp_path: Path) -> None:
    raw = str(tmp_path / "raw")
    laid_down(tmp_path / "raw", crowd(7, 20))
    shuffle_lake(raw, str(tmp_path / "expected"), book(), InMemory())
    victim = executors()[0]
    killed: list[int] = []

    def kill() -> None:
        while not list((tmp_path / "lake").rglob("*.parquet")):
            time.sleep(0.02)
        victim.kill()
        killed.append(len(partitions(str(tmp_path / "lake"))))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    shuffle_lake(raw, str(tmp_path / "lake"), book(), SparkShuffle(session, tasks=4), buckets=5)
    killer.join(5)
    assert killed
    assert killed[0] < len(partitions(str(tmp_path / "expected"))), "it died before all was done"
    check(str(tmp_path / "lake"), str(tmp_path / "expected"))


def test_a_damaged_file_is_named_in_a_sentence(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "raw" / "role=provider" / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(StoreError, match=r"^Spark gave up: \S*a\.jsonl:1: not JSON"):
        shuffle_lake(str(tmp_path / "raw"), str(tmp_path / "lake"), book(), SparkShuffle(session))
