"""What is removed of a lake of usage: editions of a window that a newer one has replaced, readings whose rows never came, and files
that nobody finished.

All only of what was written here (``greencloud.engine.lake``), and only after a grace: whoever listed the lake before the
newer edition was there may still be reading the older one, and whoever has put readings may be about to put their rows. So the
grace must be longer than the longest run and the longest shuffle. The newest edition of a window always stays.

A writer that did the same again long after it died finds its readings there, and puts no more than the rows. Should that be just
when the readings are removed, they are put back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greencloud.engine.lake import is_readings, own_place
from greencloud.errors import NotFoundError
from greencloud.ledger.vacuum import GRACE, SHORTEST, Vacuumed
from greencloud.objects.tree import Tree, tree_at

__all__ = ["GRACE", "maintain_lake"]

_READINGS: Final = True
_ROWS: Final = False


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    modified: datetime


def maintain_lake(uri: str, now: datetime, *, grace: timedelta = GRACE) -> Vacuumed:
    """Remove what nobody reads any more; what was removed. No figure changes. A grace of less than an hour counts as an hour.

    Raises:
        NotFoundError: nothing there is a lake of usage.
        StoreError, StoreUnavailableError: it cannot be read, or a file cannot be removed; the rest is done the next time.
    """
    tree, before = tree_at(uri), now - max(grace, SHORTEST)
    places: dict[tuple[str, str], dict[str, dict[bool, _File]]] = defaultdict(lambda: defaultdict(dict))
    for name, size, modified in tree.dated():
        if found := own_place(name):
            places[found[:2]][found[2]][is_readings(name)] = _File(name, size, modified)
    if not places:
        raise NotFoundError(f"{uri}: no usage was laid out there by greencloud lake shuffle", advice="check the name")
    removed = [file for editions in places.values() for file in _unwanted(editions, before) if _remove(tree, file, editions)]
    for file in _unfinished(tree, before):
        tree.remove(file.name)
        removed.append(file)
    return Vacuumed(len(removed), sum(file.size for file in removed))


def _unwanted(editions: dict[str, dict[bool, _File]], before: datetime) -> Iterator[_File]:
    """Of the files of one window, by their name without a folder. Rows go first: they are what makes an edition seen."""
    whole = sorted((name for name, files in editions.items() if _ROWS in files), reverse=True)
    replaced: datetime | None = None  # when the first of the newer ones was there
    for name in whole:
        made = editions[name][_ROWS].modified
        if replaced and replaced < before:
            yield from (editions[name][kind] for kind in sorted(editions[name]))
        replaced = min(replaced, made) if replaced else made
    for name in sorted(set(editions) - set(whole)):
        if (readings := editions[name][_READINGS]).modified < before:
            yield readings


def _unfinished(tree: Tree, before: datetime) -> list[_File]:
    """Files that a writer began who was killed. They are called .NAME.TOKEN (``Objects.create``)."""
    found = []
    for name, size, modified in tree.unfinished():
        folder, _, last = name.rpartition("/")
        if modified < before and own_place(f"{folder}/{last[1:].rpartition('.')[0]}"):
            found.append(_File(name, size, modified))
    return found


def _remove(tree: Tree, file: _File, editions: dict[str, dict[bool, _File]]) -> bool:
    """Remove a file. False: it was wanted after all."""
    alone = _ROWS not in editions[file.name.rpartition("/")[2]]
    try:
        content = tree.content(file.name) if alone else b""
    except NotFoundError:
        return False  # somebody else removed it
    tree.remove(file.name)
    if alone and any(name == file.name.partition("/")[2] for name, _ in tree.files(file.name.partition("/")[2].rpartition("/")[0])):
        tree.create(file.name, content)
        return False
    return True
