"""What a server took before it shared a log goes into the log, when it begins to follow: else the other servers would lack it.

Its segments are put into the log, record by record, and then moved to ``telemetry/handed-over``; their records come back by
following. One that was cut off on the way begins again, and what is then in the log twice counts once.
"""

from __future__ import annotations

from pathlib import Path

from greencloud.durable import sync_directory
from greencloud.errors import StoreError
from greencloud.telemetry.record import PLACED_FORMAT, pack
from greencloud.telemetry.segment import read_segment, version_of
from greencloud.telemetry.shared_log import SharedLog
from greencloud.telemetry.wal import move_segment, segment_paths

__all__ = ["hand_over"]


def hand_over(log: SharedLog, wal: Path, folder: Path) -> int:
    """Hand over the write-ahead log ``wal`` of which the telemetry is in ``folder``; gives how many records.

    Raises:
        StoreError: hours of it are settled, of which nothing is left to hand over; or it is damaged, or being written.
        LogUnavailableError, StorageFullError: the broker does not answer, or has no room.
    """
    if (folder / "settled.json").exists():
        raise StoreError(
            f"{folder.parent} has settled hours, which other servers would lack",
            path=str(folder),
            advice="copy its wal/ and telemetry/ to each of them while it is stopped, then start all once with --log-from 0",
        )
    count = 0
    for path in segment_paths(wal):
        if version_of(path) == PLACED_FORMAT:
            continue
        for record in read_segment(path).records():
            log.publish(b"".join(pack(record)))
            count += 1
        aside = folder / "handed-over"
        aside.mkdir(parents=True, exist_ok=True)
        if not move_segment(path, aside):
            raise StoreError(f"{path} is being written", path=str(path), advice="stop the server that does, then start this one")
        sync_directory(aside)
        sync_directory(wal)
    return count
