"""A visible batch whose segment is lost, posted again: the header that it is to have once more.

Who asked for a restatement, when and in whose words is in the lost header and in the record of the restatement, and not in the
batch that is posted. A process that died before its commit leaves a record too, of a post that never counted; so each commit names
in the table's log the records that it made count, and the last of them that leads to the batch is the one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from greencloud.errors import StoreError
from greencloud.ledger.batch import AnyBatch
from greencloud.ledger.placing import Placed
from greencloud.ledger.restatement_chain import Chains
from greencloud.ledger.restatement_files import Link, RestatementFiles
from greencloud.ledger.store import Store

__all__ = ["notes_of", "repaired"]

_NOTE: Final = "greencloud.restatements"


def notes_of(links: list[Link]) -> dict[str, str]:
    """What a commit says of the records that count from then on."""
    return {_NOTE: " ".join(_digest(link.name) for link in links)} if links else {}


def repaired(batch: AnyBatch, store: Store, latest: int, files: RestatementFiles) -> Placed:
    """The batch with the header that it had in the version ``latest``.

    Where it was a restatement and no record that counted can be read, its cause is ``unknown`` and nobody is named.
    """
    names = Chains.of(files).leading_to(batch.summary.id)
    if not names:
        return Placed(batch, batch.summary)
    counted = _counted(store, latest, names)
    try:
        if counted:
            return Placed(batch, files.head(counted).new.summary)
    except StoreError:
        pass  # which ``examine`` tells
    superseded = (counted or names[0]).split("-")[0]
    return Placed(batch, replace(batch.summary, supersedes=superseded, causes=("unknown",)))


def _counted(store: Store, latest: int, names: list[str]) -> str:
    of_digest = {_digest(name): name for name in names}
    for number in range(latest, -1, -1):
        for digest in (store.noted(number, _NOTE) or "").split():
            if digest in of_digest:
                return of_digest[digest]
    return ""


def _digest(name: str) -> str:
    return name.removesuffix(".parquet").rsplit("-", 1)[1]
