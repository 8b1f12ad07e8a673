"""A shuffle by Apache Spark: pieces are rows of a key and bytes, and Spark groups them.

Files go through ``mapInArrow``, each round through ``groupBy("key").applyInArrow``; Spark spills, retries and balances as ever.
What is sent to workers is the job and a few lines; greencloud itself is imported there. For a group of more than 2 GiB Spark needs
``spark.sql.execution.arrow.useLargeVarTypes=true``; more buckets make smaller ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from greencloud.engine.raw_lake import RawFile
from greencloud.engine.shuffle import Job, Progress
from greencloud.errors import StoreError
from greencloud.telemetry.shuffle import ROUNDS

__all__ = ["SparkShuffle"]

_SCHEMA: Final = "key string, content binary"
_OURS: Final = re.compile(r"greencloud\.errors\.\w+\.\w+: (.+)")


class SparkShuffle:
    """``session``: a ``SparkSession``, classic or Spark Connect. ``tasks``: of the first step, by default one for each file."""

    name = "spark"

    def __init__(self, session: Any, tasks: int = 0) -> None:
        self._session = session
        self._tasks = tasks

    def run(self, job: Job, files: Sequence[RawFile], progress: Progress) -> Iterator[bytes]:
        if not files:
            return
        progress(f"{len(files)} files and {len(ROUNDS)} rounds, in Spark")
        numbered = self._session.range(0, len(files), 1, min(len(files), self._tasks or len(files)))
        pieces = numbered.mapInArrow(_dealing(job, list(files)), _SCHEMA)
        for number in range(len(ROUNDS)):
            pieces = pieces.groupBy("key").applyInArrow(_reducing(job, number), _SCHEMA)
        try:
            rows = pieces.collect()
        except Exception as error:
            raise _fault(error) from error
        yield from (bytes(row["content"]) for row in rows)


def _dealing(job: Job, files: list[RawFile]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What Spark sends. A nested function is pickled by value."""

    def deal(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            for number in batch["id"].to_pylist():
                for key, content in job.dealt([files[number]]):
                    yield pa.RecordBatch.from_pydict({"key": [key], "content": pa.array([content], pa.binary())})

    return deal


def _reducing(job: Job, number: int) -> Callable[[Any], Any]:
    def reduce(table: Any) -> Any:
        import pyarrow as pa

        pieces = list(job.reduced(number, table["key"][0].as_py(), table["content"].to_pylist()))
        return pa.table(
            {
                "key": pa.array([key for key, _ in pieces], pa.string()),
                "content": pa.array([content for _, content in pieces], pa.binary()),
            }
        )

    return reduce


def _fault(error: Exception) -> StoreError:
    """Of a long trace, what our own code said, else its first line."""
    text = str(error)
    found = _OURS.search(text)
    said = found[1] if found else next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return StoreError(f"Spark: {said[:500]}", advice="doing it again does what is left; Spark's own log tells all")
