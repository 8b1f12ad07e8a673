"""The measures of a footprint row by name, and several rows as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from greencloud.report.certainty import EVIDENCE
from greencloud.results import FootprintRow
from greencloud.units import Emissions, Energy

__all__ = ["EMISSION_FIELDS", "TOTAL_FIELDS", "WIDTH_FIELDS", "total_of"]

EMISSION_FIELDS: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
TOTAL_FIELDS: Final = ("total_location_based", "total_market_based")
WIDTH_FIELDS: Final = ("location_half_width", "market_half_width")
"""Of ``TOTAL_FIELDS``."""

Amount = TypeVar("Amount", Energy, Emissions)


def total_of(rows: Iterable[FootprintRow]) -> FootprintRow:
    """All rows as one: sums of the exact figures, the whole period, every flag, the newest posting.

    Half-widths add up, as if all rows erred together; where one is not known, that of the total is not.

    Raises:
        ValueError: there are no rows, so there is no period.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a total needs at least one row")
    lines: dict[str, Any] = {name: sum((getattr(row, name) for row in rows), Emissions()) for name in EMISSION_FIELDS}
    names = [f"{kind}_energy" for kind in EVIDENCE]
    evidence: dict[str, Any] = {name: sum((getattr(row, name) for row in rows), Energy()) for name in names}
    return FootprintRow(
        start=min(row.start for row in rows),
        end=max(row.end for row in rows),
        dimensions={},
        energy=sum((row.energy for row in rows), Energy()),
        **lines,
        operation_count=sum(row.operation_count for row in rows),
        quality_flags=tuple(sorted({flag for row in rows for flag in row.quality_flags})),
        provisional=any(row.provisional for row in rows),
        methodology_versions=tuple(sorted({version for row in rows for version in row.methodology_versions})),
        **evidence,
        energy_half_width=_added([row.energy_half_width for row in rows], Energy()),
        location_half_width=_added([row.location_half_width for row in rows], Emissions()),
        market_half_width=_added([row.market_half_width for row in rows], Emissions()),
        updated=max((row.updated for row in rows if row.updated is not None), default=None),
    )


def _added(widths: Sequence[Amount | None], nothing: Amount) -> Amount | None:
    known = [width for width in widths if width is not None]
    return sum(known, nothing) if len(known) == len(widths) else None
