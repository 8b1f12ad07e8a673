"""Earlier versions after housekeeping: a segment that was taken away is made again from where its batches lie now.

Compaction moves batches to other segments, and the vacuum then removes the ones that they lay in. A version from before still
names those. Batches never change, and each lies in some segment for as long as it was promised to be kept; so when somebody reads
such a version, its segments are made again, byte for byte the same rows under the same name, and the vacuum takes them away again
after its grace.

Of a segment of one batch the name says which that is. What was in one of several is noted in ``removed/CONTENT.json`` before it
goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.durable import replace_file
from greencloud.errors import StoreError
from greencloud.ledger.faults import storage_errors
from greencloud.ledger.header import Header
from greencloud.ledger.segments import (
    by_account,
    cached_headers,
    content_in,
    count_in,
    gather_headers,
    read_encoded,
    sync,
    token_in,
    write_segment,
)
from greencloud.ledger.store import Store
from greencloud.ledger.version import Segment
from greencloud.units import format_instant

__all__ = ["batches_in", "make_again", "note_removed"]

_NOTES: Final = "removed"


def note_removed(store: Store, path: Path) -> None:
    """Note which batches are in a segment that is about to be removed, durably, where its name does not say it."""
    if count_in(path.name) == 1:
        return
    note = _note_of(store, path.name)
    if store.objects.content(note) is not None:
        return  # the same batches lay together before
    try:
        content = json.dumps([header.summary.id for header in cached_headers(path, store.objects)]).encode()
    except StoreError:
        return  # torn, and no version ever named it
    if store.objects.remote:
        store.objects.create(note, content)
    else:
        replace_file(note, content)
        sync(store.root)


def make_again(store: Store, segments: Sequence[Segment]) -> None:
    """Make those of an earlier version's segments again that are not there any more.

    Raises:
        StoreError: a batch of them is kept nowhere, by a policy for superseded batches or because it was provisional; or a
            segment that holds it cannot be read.
    """
    if not _missing(store, segments):
        return
    with storage_errors(store.root), store.making_again():
        missing = _missing(store, segments)
        places: dict[str, Path] | None = None
        for segment in missing:
            ids = batches_in(store, segment.path)
            if places is None:
                places = dict(_places(store))
            if not ids or not all(each in places for each in ids):
                raise StoreError(
                    f"{segment.path}: what this version has of {segment.site} at {format_instant(segment.first)} is kept no more",
                    path=str(store.root / segment.path),
                    advice="it was provisional, or a policy let it go; greencloud restatements tells what replaced final figures",
                )
            headers, rows = _gathered(store, ids, places)
            write_segment(store.folder, headers, rows, token=token_in(segment.path))
            store.put([segment])


def _missing(store: Store, segments: Iterable[Segment]) -> list[Segment]:
    missing = store.objects.missing([store.root / segment.path for segment in segments])
    return [segment for segment in segments if store.root / segment.path in missing]


def _places(store: Store) -> Iterator[tuple[str, Path]]:
    """Where each batch lies that is kept."""
    paths = [store.folder / name for name in sorted(store.objects.names(store.folder)) if name.endswith(".parquet")]
    gather_headers([path for path in paths if count_in(path.name) > 1], store.objects)
    for path in paths:
        if count_in(path.name) == 1:
            yield content_in(path.name), path
        else:
            yield from ((header.summary.id, path) for header in cached_headers(path, store.objects))


def _gathered(store: Store, ids: Sequence[str], places: Mapping[str, Path]) -> tuple[list[Header], pa.Table]:
    """Headers in order of window, and the rows by account and window."""
    headers: list[Header] = []
    parts = []
    for path in sorted({places[each] for each in ids}):
        own = [each for each in ids if places[each] == path]  # of the others it may hold copies
        headers += [header for header in cached_headers(path, store.objects) if header.summary.id in own]
        rows = read_encoded(path, store.objects)
        parts.append(rows.filter(pc.is_in(rows["batch_id"].cast(pa.string()), pa.array(own, pa.string()))))
    return sorted(headers, key=lambda header: header.summary.start), by_account(parts)


def batches_in(store: Store, path: str) -> list[str]:
    """The ids of the batches that are or were in a segment; none where nobody knows."""
    if count_in(path) == 1:
        return [content_in(path)]
    if (note := store.objects.content(_note_of(store, path))) is not None:
        return [str(each) for each in json.loads(note)]
    with suppress(StoreError):
        return [header.summary.id for header in cached_headers(store.folder / Path(path).name, store.objects)]
    return []


def _note_of(store: Store, path: str) -> Path:
    return store.root / _NOTES / f"{content_in(path)}.json"
