"""A cell of the ledger explained: an account's figure over a time, down to its windows and in each to the last operand.

The figure is read from the ledger; the windows that make it up are found there too, the largest first. Each of these is explained
by allocating it again from the inputs that its batch was made from (``recomputation``), and the explanation is shown only if it
adds up to what the ledger holds of that window. Windows beyond the largest are counted and added up: nothing is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from greencloud.allocation import COMPONENTS, POSTING_MEASURES
from greencloud.allocation.explanation import Audience, Explanation, Where, explain_window
from greencloud.engine.data import DataDirectory
from greencloud.engine.recomputation import Books, Recomputation, amounts_of, kept_inputs, recompute, window_of
from greencloud.errors import GreencloudError, NotFoundError, QuantityError
from greencloud.ledger import Snapshot
from greencloud.ledger.stop import Stop
from greencloud.results import BatchSummary, FootprintQuery, Granularity
from greencloud.units import Window, format_instant

__all__ = ["MOST_WINDOWS", "Again", "Amounts", "Cell", "ExplainedCell", "ExplainedWindow", "explain_cell"]

MOST_WINDOWS: Final = 3
"""How many windows are explained in full unless more are asked for."""

Again = Literal["none", "shown", "all"]
"""Which batches are computed a second time: of no window, of those explained, of every one that the cell has a part of."""

_TOTAL: Final = ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug")

Amounts = Mapping[str, int]
"""By measure, in millijoules and micrograms."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What an account (or pool) bears of the windows that start in ``[start, end)``, as far as ``where`` and ``sites`` hold."""

    account: str
    start: datetime
    end: datetime
    where: Where = field(default_factory=Where)
    sites: tuple[str, ...] = ()
    audience: Audience = "provider"


@dataclass(frozen=True, slots=True)
class ExplainedWindow:
    """What the cell has of one site-window, and how that came about; without ``explanation``, ``reason`` says why there is none."""

    batch: BatchSummary
    amounts: Amounts
    explanation: Explanation | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedCell:
    """``amounts`` of the whole cell, ``components`` the same by component; ``rest`` are windows that are not among ``windows``.

    ``recomputations`` are of the batches that were asked for; None where none was.
    """

    cell: Cell
    ledger_version: int
    amounts: Amounts
    components: Mapping[str, Amounts]
    windows: tuple[ExplainedWindow, ...]
    rest_count: int
    rest: Amounts
    recomputations: tuple[Recomputation, ...] | None = None


def explain_cell(
    data: DataDirectory,
    cell: Cell,
    *,
    most: int = MOST_WINDOWS,
    skip: int = 0,
    again: Again = "none",
    snapshot: Snapshot | None = None,
    most_rows: int | None = None,
    stop: Stop | None = None,
) -> ExplainedCell:
    """Explain a cell of the ledger, with the arithmetic of its ``most`` largest windows after the first ``skip``.

    Windows are ranked by the measure that the cell names; of several, by the location-based total. ``again`` computes batches a
    second time, whole, and compares. ``most_rows``: of how many windows, by site and component, the cell may be.

    Raises:
        QuantityError: an empty time, or no measure.
        NotFoundError: nothing was posted for such a cell.
        TooLargeError: there are more than ``most_rows``.
        StoppedError: ``stop`` was set.
        StoreError: the ledger cannot be read.
    """
    where = cell.where
    if cell.start >= cell.end or not where.measures or most < 0:
        raise QuantityError("the time is empty, or no line is named", advice="write --from before --to, and one line at least")
    snapshot = snapshot or data.ledger.snapshot()
    stop = stop or Stop()
    by_window, by_component = _found(snapshot, cell, most_rows, stop)
    if not by_window:
        raise NotFoundError(
            f"account {cell.account!r} has nothing in the ledger from {format_instant(cell.start)} to {format_instant(cell.end)} "
            "that fits",
            advice="see what it has with greencloud report, or allocate first",
        )
    places = sorted(by_window, key=lambda place: (-_rank(by_window[place], where), place[1].start, place[0]))
    shown = places[skip : skip + most]
    books = Books(data)
    windows = tuple(
        ExplainedWindow(batch, by_window[place], *_explained(data, books, batch, cell, by_window[place]))
        for place in _until(stop, shown)
        for batch in [_batch(snapshot, *place)]
    )
    rest = [by_window[place] for place in places[:skip] + places[skip + most :]]
    computed = {"none": (), "shown": shown, "all": places}[again]
    return ExplainedCell(
        cell,
        snapshot.version,
        _together(by_window.values(), where),
        by_component,
        windows,
        len(rest),
        _together(rest, where),
        None
        if again == "none"
        else tuple(recompute(data, snapshot, _batch(snapshot, *place), books) for place in _until(stop, computed)),
    )


def _until(stop: Stop, places: Iterable[tuple[str, Window]]) -> Iterator[tuple[str, Window]]:
    for place in places:
        stop.check()
        yield place


def _batch(snapshot: Snapshot, site: str, window: Window) -> BatchSummary:
    batch = snapshot.find(site, window)
    assert batch is not None, "a window with postings has a batch"
    return batch


def _found(
    snapshot: Snapshot, cell: Cell, most: int | None, stop: Stop
) -> tuple[dict[tuple[str, Window], Amounts], dict[str, Amounts]]:
    """The amounts of the cell by site-window, and by component."""
    query = FootprintQuery(
        cell.start,
        cell.end,
        accounts=(cell.account,),
        services=cell.where.services,
        sites=cell.sites,
        skus=cell.where.skus,
        operations=cell.where.operations,
        components=cell.where.components,
        group_by=("site", "component"),
        granularity=Granularity.WINDOW,
    )
    windows: dict[tuple[str, Window], list[Amounts]] = defaultdict(list)
    components: dict[str, list[Amounts]] = defaultdict(list)
    for row in snapshot.footprint(query, most=most, stop=stop):
        amounts = amounts_of(row)
        window = Window(row.start, int((row.end - row.start).total_seconds()))
        windows[row.dimensions["site"], window].append(amounts)
        components[row.dimensions["component"]].append(amounts)
    every = Where()
    return (
        {place: _together(parts, every) for place, parts in windows.items()},
        {name: _together(components[name], every) for name in COMPONENTS if name in components},
    )


def _explained(
    data: DataDirectory, books: Books, batch: BatchSummary, cell: Cell, posted: Amounts
) -> tuple[Explanation | None, str]:
    kept = kept_inputs(data, books, batch)
    if isinstance(kept, str):
        return None, kept
    facility, inputs = kept
    try:
        found = explain_window(
            facility,
            inputs.usage,
            batch.site,
            window_of(batch),
            account=cell.account,
            rule=batch.rule,
            slices=inputs.slices,
            where=cell.where,
            audience=cell.audience,
        )
    except GreencloudError as error:
        return None, f"allocating it again is refused: {error.message}"
    for measure in cell.where.measures:
        if found.total(measure) != posted[measure]:
            return None, f"allocated again, {measure} is {found.total(measure)}, and the ledger holds {posted[measure]}"
    return found, ""


def _rank(amounts: Amounts, where: Where) -> int:
    return amounts[where.measures[0]] if len(where.measures) == 1 else sum(amounts[name] for name in _TOTAL)


def _together(parts: Iterable[Amounts], where: Where) -> dict[str, int]:
    found = list(parts)
    return {measure: sum(part[measure] for part in found) for measure in POSTING_MEASURES if measure in where.measures}
