"""Two footprints side by side: old, new, the change and that in percent, the largest change first, for people and for programs.

A combination of dimensions that is on one side only counts as nothing on the other, since the ledger has every posting of a time
that it covers; so the changes of the rows add up to the change of the whole, exactly. Where a whole side has no posting, nothing is
known of it: the changes are ``n/a`` and null.

Document: ``schema between old new measure unit group_by rows total``; a row is ``dimensions old new difference percent``, integers
in ``unit``; null is not known, and ``percent`` is null also where ``old`` is 0 or not posted. ``old`` and ``new`` of the document
are what is compared, as it was named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, Scale, scale_for
from greencloud.report.changes import Pair, amount_of, key_of, paired, total_pair
from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.footprint_data import unit_of
from greencloud.report.markdown import table_markdown
from greencloud.report.sheet import Column, Sheet, printable
from greencloud.report.tables import table_text
from greencloud.results import FootprintRow

__all__ = ["Difference", "difference_data", "difference_document", "difference_markdown", "difference_of", "difference_table"]

_SCHEMA: Final = "greencloud.diff/1"


@dataclass(frozen=True, slots=True)
class Difference:
    """``between`` is a dimension, or "period"; ``old`` and ``new`` are what is compared, as it was named. ``total`` is None where
    nothing is posted on either side."""

    between: str
    old: str
    new: str
    measure: str
    group_by: tuple[str, ...]
    pairs: tuple[Pair, ...]
    total: Pair | None

    @property
    def known(self) -> bool:
        """Whether there are postings on both sides."""
        return self.total is not None and self.total.new is not None and self.total.old is not None

    def change(self, pair: Pair) -> int | None:
        return pair.moved(self.measure) if self.known else None

    def amounts(self, pair: Pair) -> tuple[int | None, int | None]:
        """Old and new; None where nothing is posted."""
        return tuple(None if row is None else amount_of(row, self.measure) for row in (pair.old, pair.new))  # type: ignore[return-value]


def difference_of(
    old: Sequence[FootprintRow],
    new: Sequence[FootprintRow],
    *,
    between: str,
    names: tuple[str, str],
    measure: str,
    group_by: Sequence[str],
) -> Difference:
    """Rows of one period each, paired by ``group_by``; the largest change first, then in the order of the dimensions.

    ``names``: what is compared, old and new.
    """

    def key(row: FootprintRow) -> tuple[str, ...]:
        return key_of(row, group_by)

    pairs = paired(new, old, key, key)
    pairs.sort(key=lambda pair: (-abs(pair.moved(measure)), key(pair.row)))
    return Difference(between, *names, measure, tuple(group_by), tuple(pairs), total_pair(pairs) if pairs else None)


def difference_table(found: Difference) -> str:
    """For a terminal."""
    if found.total is None:
        return f"{_title(found)}\nNothing is posted on either side.\n"
    return "\n".join([_title(found), "Exact figures: -o json", "", *table_text(_sheet(found))]) + "\n"


def difference_markdown(found: Difference) -> str:
    """For a pull request or a wiki."""
    if found.total is None:
        return f"{_title(found)}.\n\nNothing is posted on either side.\n"
    return "\n".join([f"{_title(found)}.", "", *table_markdown(_sheet(found))]) + "\n"


def difference_document(found: Difference) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "between": found.between,
        "old": found.old,
        "new": found.new,
        "measure": found.measure,
        "unit": unit_of(found.measure),
        "group_by": list(found.group_by),
        "rows": [{"dimensions": dict(pair.row.dimensions), **_told(found, pair)} for pair in found.pairs],
        "total": None if found.total is None else _told(found, found.total),
    }


def difference_data(found: Difference) -> Dataset:
    """Columns: the dimensions, then ``old_<unit> new_<unit> change_<unit> change_percent``."""
    unit = unit_of(found.measure)
    fields = (
        *(Field(name) for name in found.group_by),
        *(Field(f"{name}_{unit}", Kind.AMOUNT, name) for name in ("old", "new", "change")),
        Field("change_percent", Kind.RATIO),
    )
    rows = (
        (*key_of(pair.row, found.group_by), *found.amounts(pair), found.change(pair), pair.ratio(found.measure))
        for pair in found.pairs
    )
    return Dataset(fields, tuple(rows))


def _told(found: Difference, pair: Pair) -> dict[str, Any]:
    old, new = found.amounts(pair)
    return {"old": old, "new": new, "difference": found.change(pair), "percent": pair.percent(found.measure)}


def _sheet(found: Difference) -> Sheet:
    assert found.total is not None, "there is something to show"
    amounts = [amount for amount in found.amounts(found.total) if amount is not None]
    scale = scale_for(amounts, ENERGY_UNITS if found.measure == "energy" else EMISSION_UNITS)
    columns = (
        *(Column((name,), key=name) for name in found.group_by),
        *(Column((name, scale.unit), numeric=True, key=name) for name in ("old", "new", "change")),
        Column(("change", "%"), numeric=True, key="change_percent"),
    )
    body = tuple(
        (*(printable(value) or "(none)" for value in key_of(pair.row, found.group_by)), *_cells(found, pair, scale))
        for pair in found.pairs
    )
    lead = ("total", *[""] * (len(found.group_by) - 1)) if found.group_by else ()
    return Sheet(columns, body, (*lead, *_cells(found, found.total, scale)) if len(found.pairs) > 1 else None)


def _cells(found: Difference, pair: Pair, scale: Scale) -> tuple[str, ...]:
    change, percent = found.change(pair), pair.percent(found.measure, 1)
    return (
        *("n/a" if amount is None else scale.show(amount) for amount in found.amounts(pair)),
        "n/a" if change is None else ("+" if change > 0 else "") + scale.show(change),
        percent or "n/a",
    )


def _title(found: Difference) -> str:
    what = "Energy" if found.measure == "energy" else f"CO2e, {found.measure.removeprefix('total_').replace('_', '-')},"
    between = "" if found.between == "period" else f"{found.between} "
    return printable(f"{what} from {between}{found.old} to {found.new}")
