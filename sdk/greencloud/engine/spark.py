"""Apache Spark as the engine of a run: a scheduler with retries, which carries documents and never sees a row of ours.

Partitions go out in jobs of bounded size, a few at a time, so that the driver posts the first days while workers are at later ones.
A job is a range of numbers through ``mapInArrow``: each task works on some partitions, and answers with a column of ``Made``
documents. Spark may run a task twice, after a failure or by speculation: that makes files that nobody sees.

The function that is sent goes by value and is a few lines; greencloud itself, with its compiled kernels, is imported on the worker,
where it is installed or comes by archive (``worker_archive``). Works with a classic session and with Spark Connect.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from greencloud.engine.engine_fault import fault_of
from greencloud.engine.partition import Made, Partition

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["SparkRunner"]

_JOBS: Final = 3  # under way at once: the tail of one is filled by the next
_WAVES: Final = 2  # tasks of a job for each core, so that one slow window does not leave the others' cores idle
_CORES: Final = 64  # taken for a cluster's where nobody says and Spark Connect does not tell


class SparkRunner:
    """``windows_per_task``: partitions of a task; what is done again after a failure, and so the more the smaller the windows are.
    ``cores``: how many tasks run at once, by which jobs are sized; by default what the session knows.
    """

    name = "spark"

    def __init__(self, session: SparkSession, *, windows_per_task: int = 4, cores: int = 0) -> None:
        self._session = session
        self._per_task = windows_per_task
        self._cores = cores or _cores_of(session)

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        left = iter(parts)
        size = self._cores * _WAVES * self._per_task
        tag = f"greencloud-{uuid.uuid4()}"
        running: set[Future[list[bytes]]] = set()
        pool = ThreadPoolExecutor(_JOBS, thread_name_prefix="spark-job")
        try:
            while True:
                while len(running) < _JOBS and (job := list(islice(left, size))):
                    running.add(pool.submit(self._answers, place, [part.encoded() for part in job], tag))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from self._told(done)
        finally:
            if running:
                with suppress(Exception):  # whether it can be told or not, the run ends here
                    self._session.interruptTag(tag)
            pool.shutdown(cancel_futures=True)

    def _told(self, done: Iterable[Future[list[bytes]]]) -> Iterator[Made]:
        """What was made first, then what went wrong."""
        failed = None
        for future in done:
            if error := future.exception():
                failed = error
                continue
            yield from map(Made.decoded, future.result())
        if failed:
            raise fault_of("Spark gave up", failed) from failed

    def _answers(self, place: str, documents: list[bytes], tag: str) -> list[bytes]:
        """Run one job, in a thread of its own."""
        self._session.addTag(tag)  # of this thread's jobs
        tasks = -(-len(documents) // self._per_task)
        numbers = self._session.range(0, len(documents), 1, tasks)
        found = numbers.mapInArrow(_task(place, documents), "made binary").collect()
        return [bytes(row[0]) for row in found]


def _cores_of(session: SparkSession) -> int:
    try:
        return int(session.sparkContext.defaultParallelism)
    except Exception:  # Spark Connect has no context, and says so by one of several errors
        return _CORES


def _task(place: str, documents: list[bytes]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What Spark sends. A nested function is pickled by value, so a worker that lacks greencloud can say so in a sentence."""

    def work(batches: Iterator[Any]) -> Iterator[Any]:
        import json
        import platform
        import sys
        from pathlib import Path

        import pyarrow
        from pyspark.core.files import SparkFiles

        here = f"Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform} {platform.machine()}"
        archive = Path(SparkFiles.getRootDirectory(), "greencloud-workers")
        if (archive / "manifest.json").exists():
            made_for = json.loads((archive / "manifest.json").read_text())["made_for"]
            if made_for != here:
                raise RuntimeError(
                    f"the archive of greencloud is for {made_for}, and this worker is {here}: "
                    "make it with greencloud cluster archive on a machine like the workers"
                )
            if str(archive) not in sys.path:
                sys.path.insert(0, str(archive))
        try:
            from greencloud.engine.work import answer
        except ImportError as error:
            raise RuntimeError(
                f"a worker ({here}) cannot import greencloud ({error}): install it there, or send it with --archive "
                "(greencloud cluster archive makes one)"
            ) from error
        for batch in batches:
            for number in batch.column(0).to_pylist():
                made = pyarrow.array([answer(place, documents[number])], pyarrow.binary())
                yield pyarrow.RecordBatch.from_arrays([made], ["made"])

    return work
