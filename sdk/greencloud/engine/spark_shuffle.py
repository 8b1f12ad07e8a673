"""A shuffle by Apache Spark: pieces are rows of a key and bytes, and Spark groups them.

Files go through ``mapInArrow``, each round through ``groupBy("key").applyInArrow``; Spark spills, retries and balances as ever.
What is sent to workers is the job and a few lines; greencloud itself is imported there. For a group of more than 2 GiB Spark needs
``spark.sql.execution.arrow.useLargeVarTypes=true``; more buckets make smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from greencloud.engine.engine_fault import fault_of
from greencloud.engine.raw_lake import RawFile
from greencloud.engine.shuffle import Job, Progress
from greencloud.telemetry.shuffle import ROUNDS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["SparkShuffle"]

_SCHEMA: Final = "key string, content binary"
_AGAIN: Final = "windows that were made until then stand; do it again to go on"


class SparkShuffle:
    """``session``: classic or Spark Connect. ``tasks``: of the first step, by default one for each file."""

    name = "spark"

    def __init__(self, session: SparkSession, tasks: int = 0) -> None:
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
            raise fault_of("Spark gave up", error, advice=_AGAIN) from error
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
