"""What the statements of closed periods say in total, account by account: the first step of the bridge to the inventory.

Periods may lie within each other (a day, its month, its year). Each instant counts once, by the longest closed period that it lies
in and that lies wholly within the time asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from greencloud.engine.closes import Closes
from greencloud.proof.measures import unpack
from greencloud.results.bridges import ClosedStatements
from greencloud.units import parse_instant

__all__ = ["statement_totals"]

_MEASURES: Final = (
    "energy",
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
"""``greencloud.proof.measures.MEASURES`` as fields of FootprintRow."""


def statement_totals(closes: Closes, start: datetime, end: datetime) -> list[ClosedStatements]:
    """The closed periods within ``[start, end)``, in order of time, none over another; pools are among the accounts.

    Raises:
        ProofError: the log cannot be read.
        StoreError: the tree of a close is missing or damaged.
    """
    spans = []
    for name, entry in closes.in_force().items():
        first, last = parse_instant(entry["body"]["start"]), parse_instant(entry["body"]["end"])
        if start <= first and last <= end:
            spans.append((first, last, name, entry))
    chosen: list[ClosedStatements] = []
    for first, last, name, entry in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(last <= other.start or other.end <= first for other in chosen):
            totals = {
                opened.account: dict(zip(_MEASURES, unpack(opened.totals), strict=True))
                for opened in closes.tree(entry).all_opened()
            }
            chosen.append(ClosedStatements(name, first, last, totals))
    return sorted(chosen, key=lambda statements: statements.start)
