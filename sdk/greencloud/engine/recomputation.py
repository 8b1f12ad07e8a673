"""A batch computed again from what is kept: its inputs and the revision of the facility book that it names.

The batch that comes out is held against the one in the ledger: by its id, which is a digest over header, totals and every posting,
and posting by posting (added up over labels) as the ledger gives them to readers. "Same" is the same integers and the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from greencloud.allocation import POSTING_MEASURES, WindowAllocation, allocate_window, methodology_version
from greencloud.engine.batch import batch_of
from greencloud.engine.data import DataDirectory
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.moved import withdrawal
from greencloud.errors import GreencloudError
from greencloud.facility import Facility
from greencloud.ledger import Snapshot
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, Granularity
from greencloud.units import Window

__all__ = ["Books", "Difference", "Recomputation", "allocated_again", "amounts_of", "kept_inputs", "recompute", "window_of"]

_DIMENSIONS: Final = ("account", "service", "sku", "operation", "component", "region")
_FIELDS: Final = (
    "energy",
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
"""The fields of a row in the order of ``POSTING_MEASURES``."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One amount that came out otherwise: ``posted`` is the ledger's, 0 where it has no such posting."""

    dimensions: dict[str, str]
    measure: str
    posted: int
    recomputed: int


@dataclass(frozen=True, slots=True)
class Recomputation:
    """``same``: every integer and the id. Else ``reason`` says what differs, or why it could not be computed again."""

    batch: BatchSummary
    same: bool
    reason: str = ""
    postings: int = 0
    recomputed_id: str = ""
    differences: tuple[Difference, ...] = ()


class Books:
    """Facility books of a data directory by revision, each read once."""

    def __init__(self, data: DataDirectory) -> None:
        self._data = data
        self._known: dict[str, Facility | None] = {}

    def of(self, revision: str) -> Facility | None:
        """None where the book is not kept."""
        if revision not in self._known:
            self._known[revision] = self._data.facility_of(revision)
        return self._known[revision]


def window_of(batch: BatchSummary) -> Window:
    return Window(batch.start, int((batch.end - batch.start).total_seconds()))


def amounts_of(row: FootprintRow) -> dict[str, int]:
    """The amounts of a row by measure, in millijoules and micrograms."""
    values = (getattr(row, field) for field in _FIELDS)
    units = ("millijoules", *["micrograms"] * (len(_FIELDS) - 1))
    return {name: getattr(value, unit) for name, value, unit in zip(POSTING_MEASURES, values, units, strict=True)}


def kept_inputs(data: DataDirectory, books: Books, batch: BatchSummary) -> tuple[Facility, BatchInputs] | str:
    """What a batch was made from; or, in a sentence, why it cannot be computed again."""
    try:
        current = methodology_version(batch.rule)
        if current != batch.methodology_version:
            return f"it was made by {batch.methodology_version}, and this greencloud has {current}: use the version that made it"
        facility = books.of(batch.facility_revision)
        if facility is None:
            return f"facility book {batch.facility_revision[:12]} is not kept, or this greencloud reads it otherwise"
        return facility, data.inputs.read(batch.usage_revision)
    except GreencloudError as error:
        return error.message


def recompute(data: DataDirectory, snapshot: Snapshot, batch: BatchSummary, books: Books | None = None) -> Recomputation:
    """Allocate the window of a visible batch again, and compare.

    Raises:
        StoreError: the ledger cannot be read. What concerns the batch is in the result instead.
    """
    kept = kept_inputs(data, books or Books(data), batch)
    if isinstance(kept, str):
        return Recomputation(batch, False, kept)
    facility, inputs = kept
    try:
        allocated = allocated_again(batch, facility, inputs)
        made = batch_of(allocated, usage_revision=inputs.revision, provisional=batch.provisional, created=batch.created).summary
    except GreencloudError as error:
        return Recomputation(batch, False, f"allocating it again is refused: {error.message}")
    posted = _posted(snapshot, batch)
    fresh = _fresh(allocated)
    nothing = dict.fromkeys(POSTING_MEASURES, 0)
    differences = tuple(
        Difference(dict(zip(_DIMENSIONS, key, strict=True)), measure, one[measure], other[measure])
        for key in sorted(posted.keys() | fresh.keys())
        for one, other in [(posted.get(key, nothing), fresh.get(key, nothing))]
        for measure in POSTING_MEASURES
        if one[measure] != other[measure]
    )
    if differences:
        reason = f"{len(differences)} amounts differ"
    elif made.id == batch.id:
        reason = ""
    elif made.notes != batch.notes:
        reason = "every integer is the same, and the notes of the batch differ"
    else:
        reason = "every integer added up over labels is the same, and the id differs: labels, counts or quality flags do"
    return Recomputation(batch, not reason, reason, allocated.postings.num_rows, made.id, differences)


def allocated_again(batch: BatchSummary, facility: Facility, inputs: BatchInputs) -> WindowAllocation:
    """The window of a batch from its ``kept_inputs``. Raises what ``allocate_window`` does."""
    if batch.withdrawn:
        return withdrawal(batch, facility)
    return allocate_window(facility, inputs.usage, batch.site, window_of(batch), rule=batch.rule, slices=inputs.slices)


def _posted(snapshot: Snapshot, batch: BatchSummary) -> dict[tuple[str, ...], dict[str, int]]:
    query = FootprintQuery(batch.start, batch.end, sites=(batch.site,), group_by=_DIMENSIONS, granularity=Granularity.WINDOW)
    rows = (row for row in snapshot.footprint(query) if row.start == batch.start)
    return {tuple(row.dimensions[name] for name in _DIMENSIONS): amounts_of(row) for row in rows}


def _fresh(allocated: WindowAllocation) -> dict[tuple[str, ...], dict[str, int]]:
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for posting in allocated.postings.to_pylist():
        sums = found.setdefault(tuple(posting[name] for name in _DIMENSIONS), dict.fromkeys(POSTING_MEASURES, 0))
        for measure in POSTING_MEASURES:
            sums[measure] += posting[measure]
    return found
