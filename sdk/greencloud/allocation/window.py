"""Allocation of one site in one window.

    host energy -> claims by rule and the provider's evidence -> leaves by each account's own rows -> what internal services pass on

Every step apportions an integer total; nothing multiplies shares. The totals are taken from the meters and the book, not from the
postings, so the check at the end compares two things.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from greencloud.allocation.balance import check_balanced
from greencloud.allocation.rule import Rule
from greencloud.allocation.spread import Spread
from greencloud.allocation.work import Work
from greencloud.facility import Facility, HostReading
from greencloud.units import Window

__all__ = ["WindowAllocation", "allocated", "finished"]


@dataclass(frozen=True, slots=True)
class WindowAllocation:
    """One balanced batch: postings, what they add up to, and what the provider should know about them."""

    site: str
    window: Window
    rule: str
    methodology_version: str
    facility_revision: str
    postings: pa.Table
    totals: dict[str, int]
    notes: tuple[str, ...]
    spread: Spread = field(default_factory=Spread, repr=False, compare=False)  # how sure the postings are; see ``intervals``


def allocated(
    facility: Facility,
    site: str,
    window: Window,
    *,
    rows: pa.Table,
    readings: pa.Table,
    booked: list[HostReading],
    rule: Rule,
    slices: pa.Table,
) -> WindowAllocation:
    """Allocate checked rows and readings of this site-window alone; ``booked`` are the book's own readings of it.

    ``slices`` are the same rows in windows as fine as they came; only the rules that look into the window read them.
    """
    return finished(Work.of(facility, site, window, rows=rows, readings=readings, booked=booked, rule=rule, slices=slices))


def finished(work: Work) -> WindowAllocation:
    """What a work comes to, if it balances."""
    setting, entries = work.setting, work.entries
    postings = entries.table(setting)
    check_balanced(postings, work.totals)
    notes = tuple(sorted(setting.notes))
    revision = setting.facility.revision
    return WindowAllocation(
        setting.site.id, setting.window, work.rule.name, str(work.rule), revision, postings, work.totals, notes, entries.spread
    )
