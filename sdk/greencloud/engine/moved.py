"""Windows that have gone elsewhere: batches whose usage a new facility book puts at another site.

A host that is booked at another site, a site with a new name, a first book after the starter: the same telemetry is then of other
site-windows, and new batches charge it there. The old ones would stay visible beside them, and every gram of theirs would count
twice. So they are **withdrawn**: a batch without postings, which says why, supersedes each, and the one that it replaces stays
readable in the version before.

Only what is known to have moved is withdrawn: the telemetry, meters and files of today still make the window under the
book that its batch was made with, and do not under the book in force. Where the evidence is gone altogether (a log that was
archived), the batch stands as the only record of what was charged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from greencloud.allocation import POSTING_MEASURES, POSTINGS, WindowAllocation, methodology_version
from greencloud.facility import Facility
from greencloud.results import BatchSummary
from greencloud.units import Window

__all__ = ["moved_batches", "withdrawal"]

SiteWindow = tuple[str, Window]


def moved_batches(
    visible: Iterable[BatchSummary],
    due: Iterable[SiteWindow],
    revision: str,
    due_under: Callable[[str], set[SiteWindow]],
) -> list[BatchSummary]:
    """The batches to withdraw; ``due_under`` gives the site-windows under an earlier revision of the book, none if it is lost.

    A batch that shares time with a due window of its own site stays: the ledger refuses that window, and says why.
    """
    hours: dict[tuple[str, Window], list[Window]] = defaultdict(list)
    for site, window in due:
        hours[site, Window.at(window.start, 3600)].append(window)
    candidates: dict[str, list[BatchSummary]] = defaultdict(list)
    for batch in visible:
        near = hours[batch.site, Window.at(batch.start, 3600)]
        shares_time = any(window.start < batch.end and batch.start < window.end for window in near)
        if not shares_time and batch.facility_revision != revision and not batch.withdrawn:
            candidates[batch.facility_revision].append(batch)
    return [
        batch
        for earlier, batches in sorted(candidates.items())
        for known in [due_under(earlier)]
        for batch in batches
        if (batch.site, _window(batch)) in known
    ]


def withdrawal(batch: BatchSummary, facility: Facility) -> WindowAllocation:
    """What takes the place of a batch that moved: nothing, and the reason."""
    return WindowAllocation(
        site=batch.site,
        window=_window(batch),
        rule=batch.rule,
        methodology_version=methodology_version(batch.rule),
        facility_revision=facility.revision,
        postings=POSTINGS.empty_table(),
        totals=dict.fromkeys(POSTING_MEASURES, 0),
        notes=("withdrawn: under the facility book in force, no usage and no reading is of this site and window any more",),
    )


def _window(batch: BatchSummary) -> Window:
    return Window(batch.start, int((batch.end - batch.start).total_seconds()))
