"""Restatements as an API shows them: what a tenant may see of one, and pages that count lines.

A restatement of many accounts has more lines than one message takes, so that a page ends anywhere within it; the next page goes on
with the same restatement, and says that it does. One without lines counts as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from greencloud.results import Restatement
from greencloud.server.paging import PAGE_BYTES
from greencloud.server.services import Snapshot
from greencloud.v1 import restatement_pb2
from greencloud.wire import restatement_line_to_message, restatement_to_message

__all__ = ["RestatementQuery", "restatement_page", "restatements_for", "units_of"]


@dataclass(frozen=True, slots=True)
class RestatementQuery:
    """``accounts``: None for all. ``tenant``: whether the facility book is to be kept from the caller."""

    start: datetime | None
    end: datetime | None
    accounts: tuple[str, ...] | None
    tenant: bool


def restatements_for(query: RestatementQuery, snapshot: Snapshot) -> list[Restatement]:
    """The restatements with the lines of these accounts. A tenant is shown, of the book, factors and what is its own: hosts,
    meters and reservations of others are none of its business."""
    found = snapshot.restatements(query.start, query.end, query.accounts)
    if not query.tenant:
        return found
    own = set(query.accounts or ())
    return [
        replace(
            each,
            changes=tuple(c for c in each.changes if c.account in own or (not c.account and c.path.startswith("factors."))),
            changes_left_out=0,
        )
        for each in found
    ]


def units_of(restatements: Sequence[Restatement]) -> int:
    """How long the list is, in what pages count."""
    return sum(max(1, len(each.lines)) for each in restatements)


def restatement_page(restatements: Sequence[Restatement], offset: int, size: int) -> tuple[list[restatement_pb2.Restatement], int]:
    """Messages from ``offset`` on, of at most ``size`` units and about ``PAGE_BYTES``, and the offset of the next page."""
    page: list[restatement_pb2.Restatement] = []
    reached, ends, room = offset, 0, PAGE_BYTES
    for each in restatements:
        begins, ends = ends, ends + max(1, len(each.lines))
        at = reached - begins
        if reached >= ends:
            continue
        message = restatement_to_message(replace(each, lines=(), changes=() if at else each.changes))
        message.continued = at > 0
        room -= message.ByteSize()
        for line in each.lines[at : at + size - (reached - offset)]:
            told = restatement_line_to_message(line)
            room -= told.ByteSize() + 8
            if room < 0 and (page or message.lines):
                break
            message.lines.append(told)
        if each.lines and not message.lines:
            break
        page.append(message)
        reached += len(message.lines) or 1
        if reached < ends or reached - offset == size or room < 0:
            break
    return page, reached
