"""The files of the Delta table's log, what a loss of power may leave of them torn, and how that is mended.

``_delta_log/`` has an entry (JSON) for every version, now and then a checkpoint (Parquet) of all that the entries before it say,
and a hint which checkpoint is the last. Delta writes them without syncing them; they are synced before a commit is acknowledged
(``sync_log``). Power may be lost before that. What is torn then is one of two things.

- A *checkpoint*. It says nothing that the entries do not say, and they are all kept; so a damaged one is deleted, and the log is
  read without it (``drop_damaged_checkpoints``).
- The *newest entry*. Its commit was never acknowledged; or the disk has harmed an entry that was, and nothing here can tell. So it
  is set aside only when somebody says so (``set_torn_entry_aside``), and is kept for whoever wants to look.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.errors import StoreError
from greencloud.ledger.segments import sync

__all__ = ["damaged_entries", "drop_damaged_checkpoints", "entry_of", "set_torn_entry_aside", "sync_log", "torn_entry"]

_LOG: Final = "_delta_log"
_HINT: Final = "_last_checkpoint"
_TORN: Final = "torn"


def entry_of(root: Path, number: int) -> Path:
    """The entry of a version."""
    return root / _LOG / f"{number:020}.json"


def sync_log(root: Path, number: int) -> None:
    """Make a version and those after it outlast a loss of power, with checkpoints and the hint."""
    while (entry := entry_of(root, number)).exists():
        sync(entry)
        if (checkpoint := entry.with_suffix(".checkpoint.parquet")).exists():
            sync(checkpoint)
        number += 1
    hint = root / _LOG / _HINT
    if hint.exists():
        sync(hint)
    sync(root / _LOG)


def drop_damaged_checkpoints(root: Path) -> list[Path]:
    """Delete the checkpoints that cannot be read, and the hint with them; return what was deleted."""
    damaged = [path for path in (root / _LOG).glob("*.checkpoint*.parquet") if not _is_parquet(path)]
    if damaged:
        # The hint first: it must not lead to what is gone.
        for path in (root / _LOG / _HINT, *damaged):
            path.unlink(missing_ok=True)
        sync(root / _LOG)
    return damaged


def torn_entry(root: Path) -> Path | None:
    """The newest entry, where it is torn."""
    entries = _entries(root)
    return entries[-1] if entries and not _is_entry(entries[-1]) else None


def damaged_entries(root: Path) -> list[Path]:
    """The entries that do not say what was committed. Delta takes an empty one for a version in which nothing happened."""
    return [entry for entry in _entries(root) if not _is_entry(entry)]


def set_torn_entry_aside(root: Path) -> Path | None:
    """Move the newest entry out of the log if it is torn, and return where to; None where it is whole.

    Nobody may write meanwhile.
    """
    entry = torn_entry(root)
    if entry is None:
        return None
    aside = root / _LOG / _TORN
    aside.mkdir(exist_ok=True)
    kept = aside / entry.name
    if kept.exists():
        raise StoreError(f"{kept} is there already", path=str(kept), advice="move it to another place, then repair again")
    entry.rename(kept)
    sync(aside)
    sync(root / _LOG)
    return kept


def _entries(root: Path) -> list[Path]:
    return sorted(path for path in (root / _LOG).glob("*.json") if path.stem.isdigit())


def _is_parquet(path: Path) -> bool:
    try:
        pq.ParquetFile(path, page_checksum_verification=True).read()
    except (OSError, ValueError, pa.ArrowException):
        return False
    return True


def _is_entry(path: Path) -> bool:
    try:
        lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    except ValueError:
        return False
    return any("commitInfo" in line for line in lines)
