"""How the Delta table is set up: its columns, its partitions, and what Delta is told never to clean up."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from deltalake import Schema
from deltalake.transaction import AddAction, CommitProperties, create_table_with_add_actions

from greencloud.ledger.columns import SEGMENT

__all__ = ["PARTITION", "SCHEMA", "create_table"]

PARTITION: Final = ["site", "day"]
SCHEMA: Final = Schema.from_arrow(pa.schema([*SEGMENT, pa.field("day", pa.date32())]))
_CONFIGURATION: Final = {
    # Law 3: no version is forgotten. By default Delta drops log entries after 30 days.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    # Opening replays the log since the last checkpoint, at some 0.3 ms an entry.
    "delta.checkpointInterval": "20",
}
_REMOTE: Final = {"delta.checkpointInterval": "10"}  # of some 20 ms an entry


def create_table(where: str, added: list[AddAction], properties: CommitProperties, *, remote: bool = False) -> None:
    """Make the table in a local folder, with its first commit; ``remote``: it will lie in an object store."""
    create_table_with_add_actions(
        where,
        SCHEMA,
        added,
        partition_by=PARTITION,
        name="greencloud ledger",
        configuration=_CONFIGURATION | (_REMOTE if remote else {}),
        commit_properties=properties,
    )
