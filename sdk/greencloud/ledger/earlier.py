"""Earlier versions after housekeeping: a segment that was taken away is made again from where its batches lie now.

Compaction moves batches to other segments, and the vacuum then removes the ones that they lay in. A version from before still
names those. Batches never change, and each lies in some segment for as long as it was promised to be kept; so when somebody reads
such a version, its segments are made again, byte for byte the same rows under the same name, and the vacuum takes them away again
after its grace.

Of a segment of one batch the name says which that is. What was in one of several is noted in ``removed.jsonl`` before it goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import StoreError
from greencloud.ledger.header import Header
from greencloud.ledger.segments import (
    by_account,
    cached_headers,
    content_in,
    count_in,
    read_encoded,
    sync,
    token_in,
    write_segment,
)
from greencloud.ledger.store import Segment, Store, storage_errors
from greencloud.units import format_instant

__all__ = ["make_again", "note_removed"]

_NOTES: Final = "removed.jsonl"


def note_removed(root: Path, path: Path) -> None:
    """Note which batches are in a segment that is about to be removed, durably, where its name does not say it."""
    if count_in(path.name) == 1:
        return
    note = {"content": content_in(path.name), "batches": [header.summary.id for header in cached_headers(path)]}
    with (root / _NOTES).open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(note) + "\n")  # a line that was torn before this one ends here
        file.flush()
        os.fsync(file.fileno())
    sync(root)


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
        notes = _notes(store.root)
        places: dict[str, Path] | None = None
        for segment in missing:
            content = content_in(segment.path)
            ids = [content] if count_in(segment.path) == 1 else notes.get(content, [])
            if places is None:
                places = dict(_places(store))
            if not ids or not all(each in places for each in ids):
                raise StoreError(
                    f"{segment.path}: what this version has of {segment.site} at {format_instant(segment.first)} is kept no more",
                    path=str(store.root / segment.path),
                    advice="it was provisional, or a policy let it go; greencloud restatements tells what replaced final figures",
                )
            headers, rows = _gathered(ids, places)
            write_segment(store.folder, headers, rows, token=token_in(segment.path))


def _missing(store: Store, segments: Iterable[Segment]) -> list[Segment]:
    return [segment for segment in segments if not (store.root / segment.path).exists()]


def _places(store: Store) -> Iterator[tuple[str, Path]]:
    """Where each batch lies that is kept."""
    for path in sorted(store.folder.glob("*.parquet")):
        if count_in(path.name) == 1:
            yield content_in(path.name), path
        else:
            yield from ((header.summary.id, path) for header in cached_headers(path))


def _gathered(ids: Sequence[str], places: Mapping[str, Path]) -> tuple[list[Header], pa.Table]:
    """Headers in order of window, and the rows by account and window."""
    wanted = pa.array(ids, pa.string())
    headers: list[Header] = []
    parts = []
    for path in sorted({places[each] for each in ids}):
        headers += [header for header in cached_headers(path) if header.summary.id in ids]
        rows = read_encoded(path)
        parts.append(rows.filter(pc.is_in(rows["batch_id"].cast(pa.string()), wanted)))
    return sorted(headers, key=lambda header: header.summary.start), by_account(parts)


def _notes(root: Path) -> dict[str, list[str]]:
    try:
        lines = (root / _NOTES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for line in lines:
        try:
            note = json.loads(line)
        except ValueError:
            continue  # torn: the segment that it was to speak of is still there
        found[note["content"]] = note["batches"]
    return found
