"""Restatements as an API shows them: what a tenant may see of one, and pages that count lines.

A restatement of many accounts has more lines than one message takes, so that a page ends anywhere within it; the next page goes on
with the same restatement, and says that it does. One without lines counts as one.

Restatements are read one by one as a page fills. Which of them have a line of a tenant is not known before, so that a page also
ends where many were read in vain: then it has fewer lines than it might, or none, and is not the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from greencloud.results import Restatement
from greencloud.server.paging import PAGE_BYTES
from greencloud.server.services import Record
from greencloud.v1 import restatement_pb2
from greencloud.wire import restatement_line_to_message, restatement_to_message

__all__ = ["Page", "RestatementQuery", "restatement_page", "restatements_for", "units_of"]

_MOST_READ: Final = 250  # of one to two milliseconds each


@dataclass(frozen=True, slots=True)
class RestatementQuery:
    """``accounts``: None for all. ``tenant``: whether the facility book is to be kept from the caller."""

    start: datetime | None
    end: datetime | None
    accounts: tuple[str, ...] | None
    tenant: bool


def restatements_for(query: RestatementQuery, records: Iterable[Record]) -> Iterator[Restatement | None]:
    """Each restatement with the lines of these accounts, when it is taken; None where it has none of them.

    A tenant is shown, of the book, factors and what is its own: hosts, meters and reservations of others are none of its business.
    """
    own = set(query.accounts or ())
    for record in records:
        each = record.read(query.accounts)
        if query.accounts is not None and not each.lines:
            yield None
        elif query.tenant:
            shown = tuple(c for c in each.changes if c.account in own or (not c.account and c.path.startswith("factors.")))
            yield replace(each, changes=shown, changes_left_out=0)
        else:
            yield each


def units_of(restatements: Sequence[Restatement]) -> int:
    """How long the list is, in what pages count."""
    return sum(max(1, len(each.lines)) for each in restatements)


@dataclass(frozen=True, slots=True)
class Page:
    """``done``: how many restatements are done with. ``begun``: the next, of which ``within`` lines were shown so far."""

    messages: list[restatement_pb2.Restatement]
    done: int
    within: int = 0
    begun: Restatement | None = None


def restatement_page(restatements: Iterable[Restatement | None], within: int, size: int) -> Page:
    """A page of at most ``size`` units and about ``PAGE_BYTES``. ``within``: how much of the first was on the pages before."""
    page: list[restatement_pb2.Restatement] = []
    done, room = 0, PAGE_BYTES
    for each in restatements:
        if each:
            message = _message(each, within, size, room if page else None)
            if message is None:
                return Page(page, done)
            page.append(message)
            size -= len(message.lines) or 1
            room -= message.ByteSize()
            within += len(message.lines)
            if within < len(each.lines):
                return Page(page, done, within, each)
        done, within = done + 1, 0
        if size == 0 or room < 0 or done == _MOST_READ:
            break
    return Page(page, done)


def _message(each: Restatement, within: int, size: int, room: int | None) -> restatement_pb2.Restatement | None:
    """The restatement with the lines from ``within`` on for which there is room; None where there is room for none of them.
    On an empty page (``room`` None) there is always room for one."""
    message = restatement_to_message(replace(each, lines=(), changes=() if within else each.changes))
    message.continued = within > 0
    left = (PAGE_BYTES if room is None else room) - message.ByteSize()
    for line in each.lines[within : within + size]:
        told = restatement_line_to_message(line)
        left -= told.ByteSize() + 8
        if left < 0 and (room is not None or message.lines):
            break
        message.lines.append(told)
    return message if message.lines or not each.lines else None
