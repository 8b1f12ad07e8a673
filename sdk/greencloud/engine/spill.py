"""A shuffle by processes of this machine: pieces lie in files between the rounds, by a hash of their key.

::

    ROUND/SHARE/TASK-NUMBER.arrow     pieces of some keys, made by a task of the round before

A task of a round takes a share: all pieces of its keys. Files are mapped, so what a process holds is one key's pieces at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path
from typing import Final
from zlib import crc32

import pyarrow as pa

from greencloud.engine.raw_lake import RawFile
from greencloud.engine.shuffle import Job, Progress
from greencloud.errors import StoreError
from greencloud.telemetry.shuffle import ROUNDS, Piece

__all__ = ["Processes"]

_PIECES: Final = pa.schema([("key", pa.string()), ("content", pa.large_binary())])
_HELD: Final = 64 << 20  # bytes of pieces that a task holds before it writes them
_FILES_BYTES: Final = 128 << 20  # of a task of the first step
_SHARES: Final = 8  # for each process: so many keys are under way that one large one holds up little

_job: Job


class Processes:
    """``workers``: processes; by default one for each core. ``folder``: where pieces lie meanwhile; by default that of temporary
    files."""

    name = "processes"

    def __init__(self, workers: int = 0, folder: Path | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._folder = folder

    def run(self, job: Job, files: Sequence[RawFile], progress: Progress) -> Iterator[bytes]:
        shares = self.workers * _SHARES
        with (
            tempfile.TemporaryDirectory(prefix="greencloud-shuffle-", dir=self._folder) as name,
            ProcessPoolExecutor(
                self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(job,)
            ) as pool,
        ):
            folder = Path(name)
            try:
                groups = _grouped(files)
                tasks = [pool.submit(_deal, group, folder / "0", at, shares) for at, group in enumerate(groups)]
                _finish(tasks, "files", progress)
                for number in range(len(ROUNDS)):
                    here = enumerate(sorted((folder / str(number)).glob("*")))
                    then = folder / str(number + 1)
                    tasks = [pool.submit(_reduce, number, share, then, at, shares) for at, share in here]
                    _finish(tasks, f"round {number + 1} of {len(ROUNDS)}", progress)
            except BrokenProcessPool as error:
                raise StoreError(
                    "a worker process died",
                    advice="most often memory: run fewer --workers, or take more --buckets; doing it again does what is left",
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)
            for path in sorted((folder / str(len(ROUNDS))).glob("*/*.arrow")):
                yield from (content for _, content in _read(path))


def _start(job: Job) -> None:
    global _job  # noqa: PLW0603 - a facility book may be large, and is sent to each process once
    _job = job


def _deal(files: Sequence[RawFile], folder: Path, task: int, shares: int) -> None:
    _write(_job.dealt(files), folder, task, shares)


def _reduce(number: int, share: Path, folder: Path, task: int, shares: int) -> None:
    contents: dict[str, list[pa.Scalar]] = {}
    for path in sorted(share.glob("*.arrow")):
        for batch in _mapped(path):
            for key, content in zip(batch["key"].to_pylist(), batch["content"], strict=True):
                contents.setdefault(key, []).append(content)

    def pieces() -> Iterator[Piece]:
        for key in sorted(contents):
            yield from _job.reduced(number, key, [content.as_py() for content in contents.pop(key)])

    _write(pieces(), folder, task, shares)
    for path in share.glob("*.arrow"):
        path.unlink()


def _grouped(files: Iterable[RawFile]) -> list[list[RawFile]]:
    """Files of a task each; neighbours, which tell of the same time."""
    groups: list[list[RawFile]] = []
    size = _FILES_BYTES
    for file in files:
        if size >= _FILES_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    return groups


def _finish(tasks: Sequence[Future[None]], what: str, progress: Progress) -> None:
    left = set(tasks)
    while left:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        for task in done:
            task.result()
        progress(f"{what}: {len(tasks) - len(left)} of {len(tasks)} tasks")


def _write(pieces: Iterable[Piece], folder: Path, task: int, shares: int) -> None:
    numbers = count()
    held: dict[int, list[Piece]] = {}
    size = 0

    def flush() -> None:
        for share, some in held.items():
            place = folder / str(share)
            place.mkdir(parents=True, exist_ok=True)
            keys, contents = zip(*some, strict=True)
            batch = pa.record_batch([pa.array(keys, pa.string()), pa.array(contents, pa.large_binary())], schema=_PIECES)
            with pa.OSFile(str(place / f"{task}-{next(numbers)}.arrow"), "wb") as sink, pa.ipc.new_file(sink, _PIECES) as writer:
                writer.write_batch(batch)
        held.clear()

    for key, content in pieces:
        held.setdefault(crc32(key.encode()) % shares, []).append((key, content))
        size += len(content)
        if size >= _HELD:
            flush()
            size = 0
    flush()


def _mapped(path: Path) -> Iterator[pa.RecordBatch]:
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    yield from (reader.get_batch(number) for number in range(reader.num_record_batches))


def _read(path: Path) -> Iterator[Piece]:
    for batch in _mapped(path):
        yield from zip(batch["key"].to_pylist(), batch["content"].to_pylist(), strict=True)
