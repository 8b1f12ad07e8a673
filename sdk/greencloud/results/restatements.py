"""What was restated: final figures that were replaced, line by line, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["RESTATED_MEASURES", "BookChange", "Restatement", "RestatementLine"]

RESTATED_MEASURES = (
    "energy",
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
"""What a line of a restatement is about: the amounts of a ``FootprintRow`` that are kept, not worked out of others."""


@dataclass(frozen=True, slots=True)
class BookChange:
    """Something that two facility books say differently: ``path`` is section, name and key; "" is not said at all.

    ``account``: whose it is; "" where it is no account's own.
    """

    path: str
    old: str
    new: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class RestatementLine:
    """One measure of one line, before and after: ``energy`` in millijoules, the others in micrograms."""

    account: str
    service: str
    region: str
    sku: str
    component: str
    measure: str
    old: int
    new: int

    @property
    def difference(self) -> int:
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Restatement:
    """A batch that took the place of a final one: the signed difference, and why, when, by whom and in whose words.

    ``lines`` are those that differ, of the accounts asked for. ``changes`` are those of the facility book that concern the site
    and window, the first of them where there are very many (``changes_left_out`` more). ``kept`` is False where the record of the
    difference is lost: then nothing is known of it, which is not that nothing changed.
    """

    site: str
    start: datetime
    end: datetime
    old_batch: str
    new_batch: str
    restated: datetime
    causes: tuple[str, ...]
    requested_by: str = ""
    reason: str = ""
    lines: tuple[RestatementLine, ...] = ()
    changes: tuple[BookChange, ...] = ()
    changes_left_out: int = 0
    kept: bool = True
