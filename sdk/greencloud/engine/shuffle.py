"""A raw lake laid out as a lake of usage: what is to be done, whichever engine does it.

An engine groups pieces by their key and no more (``greencloud.telemetry.shuffle`` says what they are): it has ``Job.dealt`` make
pieces of files, and in each round ``Job.reduced`` make new ones of all pieces of a key. The last round writes the windows. Anything
may be done twice, since what comes of it is the same, and a window that is there already is left as it is.

The driver keeps nothing but what is told in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from greencloud.engine.lake import partitions, write_partition
from greencloud.engine.raw_lake import RawFile, raw_files, raw_records
from greencloud.errors import NotFoundError
from greencloud.facility import Facility
from greencloud.telemetry.deadletter import DeadLetter
from greencloud.telemetry.record import Record
from greencloud.telemetry.shuffle import ROUNDS, Dealing, Piece, dealt, reduced
from greencloud.telemetry.tidings import Tidings
from greencloud.units import INT64_MAX, Window, microseconds_of
from greencloud.usage import empty_usage

__all__ = ["InMemory", "Job", "Shuffled", "Shuffler", "shuffle_lake"]

Progress: TypeAlias = Callable[[str], object]

_BUCKET_BYTES: Final = 256 << 20  # of files, of which a bucket is to hold a day's traces at the most
_MOST_BUCKETS: Final = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """From the raw lake ``source`` to the lake of usage ``target``. To be sent to workers."""

    source: str
    target: str
    dealing: Dealing

    def dealt(self, files: Iterable[RawFile]) -> Iterator[Piece]:
        """The pieces of some files. Raises as ``raw_records``."""
        tidings = Tidings()

        def records() -> Iterator[Record]:
            for file in files:
                yield from raw_records(self.source, file, tidings)

        yield from dealt(records(), self.dealing)
        yield from tidings.pieces()

    def reduced(self, number: int, key: str, contents: Sequence[bytes]) -> Iterator[Piece]:
        """What becomes of a key's pieces in that round. Raises as ``telemetry.shuffle.reduced`` and ``write_partition``."""
        return reduced(
            number, key, contents, self.dealing, lambda site, window, usage: write_partition(self.target, site, window, usage)
        )


class Shuffler(Protocol):
    """An engine that groups. ``name``: what a user calls it."""

    @property
    def name(self) -> str: ...

    def run(self, job: Job, files: Sequence[RawFile], progress: Progress) -> Iterator[bytes]:
        """What the last round tells.

        Raises:
            GreencloudError: a worker's fault, or the engine's.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shuffled:
    """What came of it. ``emptied``: windows that were in the lake, and of which nothing is known any more."""

    files: int
    requests: int
    spans: int
    duplicates: int
    windows: int
    rows: int
    readings: int
    emptied: int
    dead_letters: tuple[DeadLetter, ...]


class InMemory:
    """In this process, all pieces in memory: for tests, and the same steps without any engine."""

    name = "local"

    def run(self, job: Job, files: Sequence[RawFile], progress: Progress) -> Iterator[bytes]:
        pieces = [piece for file in files for piece in job.dealt([file])]
        for number in range(len(ROUNDS)):
            progress(f"round {number + 1} of {len(ROUNDS)}")
            groups: dict[str, list[bytes]] = {}
            for key, content in pieces:
                groups.setdefault(key, []).append(content)
            pieces = [piece for key, contents in groups.items() for piece in job.reduced(number, key, contents)]
        return iter([content for _, content in pieces])


def shuffle_lake(
    source: str,
    target: str,
    facility: Facility,
    engine: Shuffler,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    buckets: int = 0,
    most_bytes: int = 0,
    progress: Progress = str,
) -> Shuffled:
    """Lay a raw lake out by site and window, in the facility's windows.

    Of windows that begin in ``[start, end)`` the target then holds what all files of the source tell, and nothing else. Windows
    are replaced one by one: who reads meanwhile sees each as it was or as it is.

    Args:
        buckets: parts that a day's traces, and all metered things, are dealt into; 0 is by the size of the files.
        most_bytes: of the spans or points that one worker takes at once; 0 is the default of ``Dealing``.

    Raises:
        NotFoundError: the source has no file of telemetry.
        UsageDataError: whose a file is is not told; a part is more than a worker takes; a window of the target has another writer.
        DecodeError, StoreError: a file is damaged; the message names it.
        StoreUnavailableError: an object store does not answer.
    """
    files, others = raw_files(source)
    if not files:  # a name that was mistyped would else empty every window of the target
        raise NotFoundError(
            f"{source}: there is no telemetry there", advice="name the folder or s3://BUCKET/PREFIX in which role=provider/ lies"
        )
    size = sum(file.size * (8 if file.name.endswith(".gz") else 1) for file in files)
    first_us = microseconds_of(start) if start else -INT64_MAX
    until_us = microseconds_of(end) if end else INT64_MAX
    dealing = Dealing(facility, buckets or min(_MOST_BUCKETS, 1 + size // _BUCKET_BYTES), first_us, until_us)
    if most_bytes:
        dealing = Dealing(facility, dealing.buckets, first_us, until_us, most_bytes)
    told = Tidings.of(engine.run(Job(source, target, dealing), files, progress))
    for name in others:
        told.dead("").add("a file that is neither OTLP nor a log", name)
    made = told.windows
    gone = [
        part
        for part in partitions(target)
        if (part.site, Window(part.start, part.window_s).start_us) not in made and first_us <= part.window.start_us < until_us
    ]
    emptied = 0
    for part in gone:
        emptied += write_partition(target, part.site, part.window, empty_usage()).files != part.files
    return Shuffled(
        files=told.counts["files"],
        requests=told.counts["requests"],
        spans=told.counts["spans"],
        duplicates=told.counts["duplicates"],
        windows=len(made),
        rows=sum(rows for rows, _ in made.values()),
        readings=sum(readings for _, readings in made.values()),
        emptied=emptied,
        dead_letters=told.dead_letters,
    )
