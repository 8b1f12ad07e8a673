"""What a process keeps of roll-ups: those that it has open, the names in their folders, and the calendars of versions.

Everything kept is immutable, and good for as long as one holds it: a file that was deleted stays mapped, and what it says stays
true of the batches in its name. A process that was forked keeps a cache of its own, since a lock may be held at the fork.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

import pyarrow as pa

from greencloud.ledger.periods import Calendar, calendar_of
from greencloud.ledger.rollup import Rollup, read_rollup
from greencloud.ledger.version import Version
from greencloud.objects.objects import LOCAL, Objects

__all__ = ["calendar_at", "is_open", "names_in", "opened"]

_MAPPED: Final = 8 << 30  # bytes of files: address space, of which only what is read is ever in memory
_OPEN: Final = 16_384  # files: Linux allows a process some 65 000 maps
_CALENDARS: Final = 8


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    rollups: OrderedDict[tuple[Path, str], Rollup] = field(default_factory=OrderedDict)
    mapped: int = 0
    names: dict[Path, tuple[int, frozenset[str]]] = field(default_factory=dict)
    calendars: OrderedDict[int, tuple[Path, pa.Table, Calendar]] = field(default_factory=OrderedDict)


def opened(folder: Path, name: str, objects: Objects = LOCAL) -> Rollup:
    """A roll-up, opened and compared with its digest at most once. Raises as ``read_rollup`` and ``Objects.read``."""
    kept, key = _kept(os.getpid()), (folder, name)
    with kept.lock:
        if found := kept.rollups.get(key):
            kept.rollups.move_to_end(key)
            return found
    path = folder / name
    rollup = objects.read([path], lambda: read_rollup(path, check=True))
    with kept.lock:
        if key not in kept.rollups:
            kept.mapped += rollup.size
        kept.rollups[key] = rollup
        while len(kept.rollups) > 1 and (kept.mapped > _MAPPED or len(kept.rollups) > _OPEN):
            _, oldest = kept.rollups.popitem(last=False)
            kept.mapped -= oldest.size
    return rollup


def is_open(folder: Path, name: str) -> bool:
    """Whether a roll-up is open, so that no file is wanted for it."""
    return (folder, name) in _kept(os.getpid()).rollups


def names_in(folder: Path) -> frozenset[str]:
    """The names in a folder of roll-ups, read again when the folder has changed; none where there is no folder.

    A change within the clock's tick of the last one may be overlooked: a roll-up that is not seen yet is not needed.
    """
    kept = _kept(os.getpid())
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return frozenset()
    known = kept.names.get(folder)
    if known is None or known[0] != changed:
        known = kept.names[folder] = changed, frozenset(path.name for path in folder.iterdir())
    return known[1]


def calendar_at(root: Path, contents: Version) -> Calendar:
    """The calendar of a version of the ledger in ``root``, which shares what it can with the one before."""
    kept = _kept(os.getpid())
    listing = contents.listing
    with kept.lock:
        # By the identity of the listing, which is held, so that no other can have it meanwhile.
        if found := kept.calendars.get(id(listing)):
            kept.calendars.move_to_end(id(listing))
            return found[2]
        before = next((each for where, _, each in reversed(kept.calendars.values()) if where == root), None)
    calendar = calendar_of(listing, before)
    with kept.lock:
        kept.calendars[id(listing)] = root, listing, calendar
        while len(kept.calendars) > _CALENDARS:
            kept.calendars.popitem(last=False)
    return calendar


@cache
def _kept(process: int) -> _Kept:  # noqa: ARG001 - one a process
    return _Kept()
