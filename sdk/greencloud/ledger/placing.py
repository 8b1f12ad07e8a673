"""What becomes of a batch when it is posted: what it takes the place of, and the restatement where that was final."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from greencloud.errors import AllocationError, GreencloudError, StoreError
from greencloud.ledger.batch import AnyBatch
from greencloud.ledger.header import Header
from greencloud.ledger.posting import Posting
from greencloud.ledger.restatement import Because, causes_of, change_of, concerning, excess, line_table, restates
from greencloud.ledger.restatement_chain import Chains
from greencloud.ledger.restatement_files import Link, RestatementFiles
from greencloud.results import BatchSummary

__all__ = ["Placed", "placed"]

# Of some 100 bytes each; a book may differ in every reading of a year.
_MOST_CHANGES: Final = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """``refusal``: why it may not be posted as it is, or unless whoever asks for it confirms it (``Because.most_change``)."""

    batch: AnyBatch
    summary: BatchSummary
    link: Link | None = None
    refusal: GreencloudError | None = None


def placed(
    posting: Posting, batch: AnyBatch, because: Because, files: RestatementFiles, closed: Callable[[BatchSummary], bool]
) -> Placed:
    """The batch as it would be posted now.

    Where the old batch cannot be read, what changed is not known: the header says so (``unknown``), and there is no link.
    """
    superseded = posting.superseded(batch)
    if not superseded:
        return Placed(batch, batch.summary)
    summary = replace(batch.summary, supersedes=superseded)
    asked = replace(summary, requested_by=because.requested_by, reason=because.reason)
    try:
        old = posting.replaced(batch)
    except StoreError:
        return Placed(batch, replace(asked, causes=("unknown",)))
    if not restates(old.summary, closed=closed(old.summary)):
        return Placed(batch, summary)
    changes = None
    if old.summary.facility_revision != summary.facility_revision:
        changes = because.changes(old.summary.facility_revision, summary.facility_revision, summary.site, batch.window)
    summary = replace(asked, causes=causes_of(old.summary, summary, changes))
    new = Header(summary, batch.totals)
    shown = tuple(change_of(change) for change in concerning(changes or (), summary.site, batch.window))
    try:
        rows = posting.replaced_rows(batch)
    except StoreError:
        return Placed(batch, summary)
    link = Link(
        old,
        new,
        _number(old.summary, files),
        line_table(rows, batch.postings),
        shown[:_MOST_CHANGES],
        max(0, len(shown) - _MOST_CHANGES),
    )
    return Placed(batch, summary, link, _refusal(old, new, because))


def _number(old: BatchSummary, files: RestatementFiles) -> int:
    """One more than the old batch's own place in the chain."""
    if not old.causes:
        return 1
    try:
        return next(Chains.of(files, old).heads(old)).number + 1
    except StoreError:
        return 2  # its own file is lost, which ``examine`` tells; 1 would say that there was none before


def _refusal(old: Header, new: Header, because: Because) -> AllocationError | None:
    if because.most_change is None or new.summary.causes == ("late_data",) or new.summary.withdrawn or old.summary.withdrawn:
        return None
    changed = excess(old, new, because.most_change)
    if not changed:
        return None
    site = new.summary.site
    return AllocationError(
        f"the restatement ({', '.join(new.summary.causes)}) would change {changed}: more than {float(because.most_change):.0%}",
        site=site,
        window=str(new.summary.start),
        advice="look at it with --dry-run; if it is right, allocate with --most-change none and a --reason",
    )
