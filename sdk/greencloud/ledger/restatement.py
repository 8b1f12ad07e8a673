"""A restatement: the signed difference of two batches of one site and window, and why the one took the place of the other.

A batch that takes the place of a *final* one is a restatement; so is one that takes the place of any batch of a closed period. What
replaces a provisional batch is none, since that was promised to change; but where the provisional batch was itself a restatement,
customers were shown the final figures before it, and what replaces it is one again.

The difference is by account (or pool), service, region, SKU, component and measure: what both batches charge for it, added up
over operations and labels, where the sums differ. Differences add up to the difference of the batches' totals, exactly.

Causes are derived from the headers of the two batches and the facility books that they were made with, never typed in:

=================== ===========================================================================================
late_data           the usage differs, or the book holds a meter reading that it did not hold
corrected_factor    a figure of the book: factor, certificate, mass, meter reading, curve, weight
corrected_mapping   what belongs to what: sites, hosts, accounts, reservations, declared use
model_version       the methodology or the rule
unknown             a book is not kept, or nothing of all that differs
=================== ===========================================================================================

Pure. A change of the book counts where it concerns the site and the window; where none does, all of them count.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.facility.differences import Difference, DifferenceKind
from greencloud.ledger.columns import MEASURES
from greencloud.ledger.header import Header
from greencloud.results import RESTATED_MEASURES, BatchSummary, BookChange, RestatementLine
from greencloud.units import Window

__all__ = ["CAUSES", "LINES", "Because", "Changes", "causes_of", "change_of", "concerning", "line_table", "lines_of", "restates"]

CAUSES: Final = ("late_data", "corrected_factor", "corrected_mapping", "model_version", "unknown")

Changes = Callable[[str, str, str, Window], Sequence[Difference] | None]
"""What two revisions of the facility book say differently of a site and window, or at all where that is nothing; None where one of
them is not kept."""

_KEYS: Final = ("account", "service", "region", "sku", "component")
_WIDE: Final = pa.decimal128(38, 0)
_NAMES: Final = dict(zip(MEASURES, RESTATED_MEASURES, strict=True))
_TOTALS: Final = {
    "energy": ("energy_mj",),
    "location-based emissions": ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug"),
    "market-based emissions": ("scope1_ug", "scope2_market_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"),
}
_BY_KIND: Final = {
    DifferenceKind.READING: "late_data",
    DifferenceKind.FIGURE: "corrected_factor",
    DifferenceKind.MAPPING: "corrected_mapping",
}

LINES: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in (*_KEYS, "measure")),
        pa.field("old", _WIDE, nullable=False),
        pa.field("new", _WIDE, nullable=False),
    ]
)
"""A line of a restatement."""


def _not_kept(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Because:
    """What whoever posts knows of a restatement: who asked for it, in which words, and what books say.

    ``most_change``: the most by which a total of a site and window may grow, relative to the old one, or shrink, relative to the
    new one, unless late data is the only cause; None for no bound. From nothing, or to nothing, is more than any bound.
    """

    requested_by: str = ""
    reason: str = ""
    changes: Changes = _not_kept
    most_change: Fraction | None = None


def restates(old: BatchSummary, *, closed: bool = False) -> bool:
    """Whether what takes the place of this batch is a restatement. ``closed``: its period is."""
    return closed or not old.provisional or bool(old.causes)


def causes_of(old: BatchSummary, new: BatchSummary, changes: Sequence[Difference] | None) -> tuple[str, ...]:
    """Why, in the order of ``CAUSES``; never empty. ``changes`` of the book, None where one is not kept."""
    found = set()
    if old.withdrawn != new.withdrawn:
        # What was used is charged at another site: nothing of it came late, and its meters and factors there are no corrections.
        found.add("corrected_mapping")
    else:
        if old.usage_revision != new.usage_revision:
            found.add("late_data")
        if old.facility_revision != new.facility_revision:
            found |= {_BY_KIND[change.kind] for change in changes} if changes is not None else {"unknown"}
    if (old.methodology_version, old.rule) != (new.methodology_version, new.rule):
        found.add("model_version")
    return tuple(cause for cause in CAUSES if cause in found) or ("unknown",)


def concerning(changes: Sequence[Difference], site: str, window: Window) -> list[Difference]:
    """The changes that concern a site and window."""
    return [change for change in changes if change.concerns(site, window)]


def change_of(difference: Difference) -> BookChange:
    return BookChange(difference.path, difference.old, difference.new, difference.account)


def line_table(old: pa.Table, new: pa.Table) -> pa.Table:
    """The lines that differ, in the columns of ``LINES`` and in their order. Both tables have the ledger's columns."""
    sums = pa.concat_tables([_on_side(old, "old"), _on_side(new, "new")])
    names = [f"{side}_{measure}" for measure in MEASURES for side in ("old", "new")]
    table = sums.group_by(list(_KEYS)).aggregate([(name, "sum") for name in names])
    parts = []
    for measure in MEASURES:
        own = [table[f"{side}_{measure}_sum"] for side in ("old", "new")]
        part = pa.table([*(table[name] for name in _KEYS), *own], names=[*_KEYS, "old", "new"])
        part = part.filter(pc.not_equal(part["old"], part["new"]))
        parts.append(part.add_column(len(_KEYS), "measure", pa.repeat(measure, part.num_rows)))
    return pa.concat_tables(parts).sort_by([(name, "ascending") for name in (*_KEYS, "measure")]).cast(LINES)


def _on_side(rows: pa.Table, side: str) -> pa.Table:
    """The measures on one side, and zero on the other."""
    columns = {name: rows[name] for name in _KEYS}
    zeros = pa.repeat(pa.scalar(0, _WIDE), rows.num_rows)
    for measure in MEASURES:
        for each in ("old", "new"):
            columns[f"{each}_{measure}"] = pc.cast(rows[measure], _WIDE) if each == side else pa.chunked_array([zeros])
    return pa.table(columns)


def lines_of(table: pa.Table, accounts: Collection[str] | None = None) -> tuple[RestatementLine, ...]:
    """The lines as values, of these accounts."""
    if accounts is not None:
        table = table.filter(pc.is_in(table["account"], pa.array(sorted(accounts), pa.string())))
    return tuple(
        RestatementLine(
            **{name: row[name] for name in _KEYS}, measure=_NAMES[row["measure"]], old=int(row["old"]), new=int(row["new"])
        )
        for row in table.to_pylist()
    )


def excess(old: Header, new: Header, most: Fraction) -> str:
    """What of a site and window changes by more than ``most``; "" where nothing does."""
    for name, measures in _TOTALS.items():
        before, after = (sum(header.totals[measure] for measure in measures) for header in (old, new))
        if after > before * (1 + most) or before > after * (1 + most):
            return f"its {name} from {before:,} to {after:,} {'mJ' if name == 'energy' else 'µg CO2e'}"
    return ""
