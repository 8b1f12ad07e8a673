"""The inputs of batches: the usage and slices that a batch was made from, kept so that it can be computed again.

What is known of a window goes on changing after it was allocated: late data comes, hours are settled, files are taken away. So what
a batch was made from is kept beside the ledger, in one immutable file under the ``usage_revision`` that the batch names. That is a
digest of the content, so a file proves itself: what is read is what was allocated, or a ``StoreError``.

::

    inputs/3f/3f9a...c1.arrows    Arrow IPC streams of the rows, the readings and, for rules that look into the window, the slices;
                                  texts dictionary-encoded, buffers compressed by zstd: an archive, read when somebody asks

The facility book is not in it; the data directory keeps each revision of it (``DataDirectory.facility_of``). A file is written
aside, synced and renamed before its batch is posted, so that no visible batch waits for its inputs. Two batches of the same usage
share a file. On an object store it is one object, put there before the batch is posted, and fetched when somebody asks.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.durable import NO_ROOM, sync_directory
from greencloud.errors import NotFoundError, StorageFullError, StoreError
from greencloud.objects.objects import LOCAL, Objects, Stored
from greencloud.usage import READINGS, ROWS, Usage, digest, empty_usage

__all__ = ["BatchInputs", "Inputs", "revision_with"]

_SUFFIX: Final = ".arrows"
_REVISION: Final = re.compile(r"[0-9a-f]{64}")
_ASIDE: Final = ".tmp-"


@dataclass(frozen=True, slots=True)
class BatchInputs:
    """What one batch was made from, beside the facility book. ``slices`` are None where the rule did not look into the window."""

    usage: Usage
    slices: pa.Table | None = None

    @property
    def revision(self) -> str:
        return revision_with(self.usage, self.slices)


class Inputs:
    """The inputs in a directory, which is made when the first are written, or where its ``objects`` lie: then everything raises
    StoreUnavailableError."""

    def __init__(self, directory: Path, objects: Objects = LOCAL) -> None:
        self.directory = directory
        self._objects = objects
        self._seen: set[str] = set()  # in the object store: what a visible batch names is not removed from there

    def write(self, inputs: BatchInputs) -> str:
        """Keep inputs and return their revision; when this returns they are on disk. A file that is there and whole is left.

        Raises:
            StorageFullError, StoreError: they could not be written; what is kept is unharmed.
        """
        revision = inputs.revision
        path = self._path(revision)
        if self._objects.remote:
            self._objects.create(path, _content(inputs))  # or it is there in other bytes, which say the same
            self._seen.add(revision)
            return revision
        try:
            if path.exists() and self._whole(revision):
                os.utime(path)  # somebody needs it again: whoever removes by age must see that
            else:
                _write(inputs, path)
        except OSError as error:
            if error.errno in NO_ROOM:
                advice = "free space on the volume, then allocate again"
                raise StorageFullError(f"no room for the inputs {path.name}", path=str(path), advice=advice) from error
            advice = "check the directory's permissions"
            raise StoreError(f"{path} cannot be written: {error.strerror}", path=str(path), advice=advice) from error
        return revision

    def holds(self, revision: str) -> bool:
        """Whether there is a file of that revision, whole or not."""
        if revision in self._seen:
            return True
        found = self._objects.exists(self._path(revision))
        if found and self._objects.remote:
            self._seen.add(revision)
        return found

    def read(self, revision: str) -> BatchInputs:
        """The inputs of that revision, checked against it.

        Raises:
            NotFoundError: they are not kept; batches that are older than this archive have none.
            StoreError: the file is damaged, or cannot be read.
        """
        path = self._path(revision)
        if not (self._objects.gather([path]) if self._objects.remote else path.exists()):
            raise NotFoundError(
                f"the inputs of usage revision {revision[:12]} are not kept",
                advice="restore the folder inputs from a backup; a batch that was posted before inputs were kept has none",
            )
        return self._objects.read([path], lambda: _read(path, revision))

    def revisions(self) -> list[str]:
        """Every revision that is kept, in order. Raises StoreError where the directory cannot be read."""
        return sorted(each.path.name.removesuffix(_SUFFIX) for each in self._files() if each.path.suffix == _SUFFIX)

    def unreferenced(self, keep: Collection[str]) -> list[str]:
        """Revisions that are kept and not among those of ``keep``, which are the ``usage_revision`` of batches that matter."""
        wanted = set(keep)
        return [revision for revision in self.revisions() if revision not in wanted]

    def remove_unreferenced(self, keep: Collection[str], older_than: datetime) -> int:
        """Remove the files that ``keep`` does not name and that were last written before ``older_than``; how many.

        Leftovers of writers that died go with them and are not counted. Inputs are written before their batch is posted, so either
        the caller holds ``DataDirectory.allocating()`` or ``older_than`` is longer ago than any run takes.
        """
        wanted = set(keep)
        removed = 0
        for each in self._files():
            kept = each.path.suffix == _SUFFIX and each.path.name.removesuffix(_SUFFIX) in wanted
            if not kept and each.modified < older_than:
                self._objects.remove(each.path)
                self._seen.discard(each.path.name.removesuffix(_SUFFIX))
                removed += each.path.suffix == _SUFFIX
        return removed

    def _path(self, revision: str) -> Path:
        if not _REVISION.fullmatch(revision):
            raise NotFoundError(f"{revision!r} is not the digest of inputs", advice="take the usage_revision of a batch")
        return self.directory / revision[:2] / f"{revision}{_SUFFIX}"

    def _whole(self, revision: str) -> bool:
        try:
            self.read(revision)
        except StoreError:
            return False
        return True

    def _files(self) -> Iterator[Stored]:
        """Our files, in order: those with inputs, and what writers left aside."""
        for each in self._objects.stored(self.directory, below=True) if self._objects.remote else self._listed():
            name = each.path.name
            if name.startswith(_ASIDE) or (each.path.suffix == _SUFFIX and _REVISION.fullmatch(name.removesuffix(_SUFFIX))):
                yield each

    def _listed(self) -> list[Stored]:
        try:
            folders = sorted(path for path in self.directory.iterdir() if path.is_dir())
            return [each for folder in folders for each in self._objects.stored(folder)]
        except FileNotFoundError:
            return []
        except OSError as error:
            advice = "run as the user that owns the data directory"
            raise StoreError(
                f"{self.directory} cannot be read: {error.strerror}", path=str(self.directory), advice=advice
            ) from error


def revision_with(usage: Usage, slices: pa.Table | None) -> str:
    """The digest of usage; with slices, of both, because both decide what is charged.

    Slices are the provider's rows alone, which the usage holds too, added up: tenants' rows are only in the usage.
    """
    if slices is None:
        return digest(usage)
    both = f"greencloud usage and slices 1\n{digest(usage)}\n{digest(Usage(slices, empty_usage().readings))}\n"
    return sha256(both.encode()).hexdigest()


def _read(path: Path, revision: str) -> BatchInputs:
    try:
        with pa.memory_map(str(path)) as source:
            tables = [pa.ipc.open_stream(source).read_all() for _ in range(2)]
            if source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
        for table in tables:
            table.validate(full=True)  # offsets and indices of a damaged file would lead a cast astray
        rows, readings, *more = (
            table.select(schema.names).cast(schema) for table, schema in zip(tables, (ROWS, READINGS, ROWS), strict=False)
        )
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    found = BatchInputs(Usage(rows, readings), more[0] if more else None)
    # A stream that is cut between two messages reads as a shorter one, and a stream that is gone as one that never was.
    if (digest := found.revision) != revision:
        raise _damaged(path, f"it holds {digest[:12]}")
    return found


def _write(inputs: BatchInputs, path: Path) -> None:
    fresh = [folder for folder in (path.parent, path.parent.parent) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_ASIDE, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _encode(inputs, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_directory(path.parent)
    for folder in fresh:
        sync_directory(folder.parent)


def _content(inputs: BatchInputs) -> bytes:
    with io.BytesIO() as file:
        _encode(inputs, file)
        return file.getvalue()


def _encode(inputs: BatchInputs, file: IO[bytes]) -> None:
    for table in (inputs.usage.rows, inputs.usage.readings, *([] if inputs.slices is None else [inputs.slices])):
        encoded = _encoded(table)
        with pa.ipc.new_stream(file, encoded.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(encoded)


def _encoded(table: pa.Table) -> pa.Table:
    table = table.combine_chunks()
    columns = [pc.dictionary_encode(column) if column.type == pa.string() else column for column in table.columns]
    return pa.table(columns, names=table.schema.names)


def _damaged(path: Path, why: str) -> StoreError:
    advice = "restore the file from a backup; the batch stands, and cannot be computed again without it"
    return StoreError(f"inputs {path} are damaged: {why}", path=str(path), advice=advice)
