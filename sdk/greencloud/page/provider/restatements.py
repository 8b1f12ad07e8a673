"""What was restated of the period: when, why and by whom, whom it moved how far, and what the facility book changed.

A restatement is of one site and window. Here they are put together by run: those with one moment, cause and reason. Amounts are
the signed differences of the lines, exact; the record of a restatement may be lost, which is said, since that is not that nothing
changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import changes
from greencloud.page.provider.conservation import bounded
from greencloud.page.provider.ledger import nothing_text, time
from greencloud.page.provider.windows import windows_asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, percent, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page.sections import Card, Section, Table
from greencloud.report.restated import end_to_end
from greencloud.results import Restatement, RestatementLine

__all__ = ["Moved", "moved_by", "show"]

_MOST_READ: Final = 2_000
_MOST_CHANGES: Final = 100
_MEASURES: Final = {
    "energy": ("energy",),
    "location": ("scope1", "scope2_location_based", "scope3_upstream_location_based", "scope3_embodied"),
    "market": ("scope1", "scope2_market_based", "scope3_upstream_market_based", "scope3_embodied"),
}


class Moved(NamedTuple):
    """Old and new amounts: millijoules, and micrograms by each method."""

    energy: tuple[int, int]
    location: tuple[int, int]
    market: tuple[int, int]


class _Run(NamedTuple):
    restated: datetime
    causes: tuple[str, ...]
    requested_by: str
    reason: str


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_restatements"]
    windows = windows_asked(caller, asked)
    found = list(islice(caller.client.list_restatements(asked.period.start, asked.period.end), _MOST_READ + 1))
    notes = bounded(windows, texts)
    if len(found) > _MOST_READ:
        found = found[:_MOST_READ]
        notes.append(texts["provider_more_restatements"].format(count=f"{_MOST_READ:,}"))
    if not windows.batches:
        return Shown(title, empty=nothing_text(asked, caller.client.get_data_availability(), texts))
    restated = len({(each.site, each.start) for each in found})
    cards = [
        Card(texts["provider_restated_windows"], f"{restated:,} / {len(windows.batches):,}"),
        Card(texts["provider_runs"], f"{len({_run(each) for each in found}):,}"),
    ]
    if not found:
        return Shown(title, lead=texts["provider_restatements_none"], cards=cards, notes=notes)
    lost = [each for each in found if not each.kept]
    notes += [texts["provider_lost"].format(site=each.site, time=time(each.start)) for each in lost[:10]]
    sections = [_runs(found, texts), _accounts(found, texts), *_changes(found, texts)]
    return Shown(title, lead=texts["provider_restatements_lead"], cards=cards, sections=sections, notes=notes)


def moved_by(lines: Sequence[RestatementLine]) -> Moved:
    """What the lines come to before and after."""
    return Moved(
        *(
            (
                sum(line.old for line in lines if line.measure in measures),
                sum(line.new for line in lines if line.measure in measures),
            )
            for measures in _MEASURES.values()
        )
    )


def _run(each: Restatement) -> _Run:
    return _Run(each.restated, each.causes, each.requested_by, each.reason)


def _differences(
    rows: Sequence[tuple[Sequence[str], Moved]], heading: Sequence[str], names: Sequence[str], texts: Mapping[str, str]
) -> Table:
    """Rows of texts, with the difference of each measure and its percentage of what was."""
    scales = [
        scale_for([new - old for _, moved in rows for old, new in [moved[at]]], units)
        for at, units in enumerate((ENERGY_UNITS, EMISSION_UNITS, EMISSION_UNITS))
    ]
    heads = [*heading]
    for measure, scale in zip(_MEASURES, scales, strict=True):
        heads.append(f"{texts[measure]}, {scale.unit}")
    shown = []
    exact = [
        [*names, "energy_old_mj", "energy_new_mj", *(f"{m}_{w}_kg_co2e" for m in ("location", "market") for w in ("old", "new"))]
    ]
    for cells, moved in rows:
        amounts = []
        for (old, new), scale in zip(moved, scales, strict=True):
            share = percent(old, new, 2)
            amounts.append(scale.show(new - old) + (f" ({share} %)" if share is not None and new != old else ""))
        shown.append([*cells, *amounts])
        kilograms = [kg_decimal(amount) for pair in (moved.location, moved.market) for amount in pair]
        exact.append([*map(inert, cells), *map(str, moved.energy), *kilograms])
    return Table(heads, shown, exact, words=range(1, len(heading)))


def _runs(found: Sequence[Restatement], texts: Mapping[str, str]) -> Section:
    runs: dict[_Run, list[Restatement]] = defaultdict(list)
    for each in found:
        runs[_run(each)].append(each)
    rows = [
        (
            [
                *(time(run.restated), ", ".join(run.causes), run.reason or "-", run.requested_by or "-"),
                *(f"{len(held):,}", ", ".join(sorted({each.site for each in held}))),
            ],
            moved_by([line for each in held for line in each.lines]),
        )
        for run, held in sorted(runs.items(), reverse=True)
    ]
    keys = ("restated", "causes", "reason", "requested_by", "windows", "sites")
    heading = [texts[f"provider_{key}"] for key in keys]
    return Section("runs", texts["provider_runs"], texts["provider_runs_help"], [], _differences(rows, heading, keys, texts))


def _accounts(found: Sequence[Restatement], texts: Mapping[str, str]) -> Section:
    lines: dict[str, list[RestatementLine]] = defaultdict(list)
    for line in end_to_end(found):
        lines[line.account].append(line)
    moved = {account: moved_by(held) for account, held in lines.items()}
    ordered = sorted(moved, key=lambda account: (-abs(moved[account].location[1] - moved[account].location[0]), account))
    rows = [([account], moved[account]) for account in ordered]
    scale = scale_for([new - old for each in moved.values() for old, new in [each.location]], EMISSION_UNITS)
    bars = [(account, moved[account].location[1] - moved[account].location[0]) for account in ordered]
    return Section(
        "accounts",
        texts["provider_moved"],
        texts["provider_moved_help"],
        [lambda width: changes(bars, scale, f"{texts['difference']}, {scale.unit} CO2e", width)] if bars else [],
        _differences(rows, [texts["provider_account"]], ["account"], texts),
    )


def _changes(found: Sequence[Restatement], texts: Mapping[str, str]) -> list[Section]:
    """What the facility book says otherwise, each once."""
    told = list(dict.fromkeys((change.path, change.old, change.new) for each in found for change in each.changes))
    if not told:
        return []
    heading = [texts["provider_book_path"], texts["provider_book_old"], texts["provider_book_new"]]
    exact = [["path", "old", "new"], *([inert(text) for text in change] for change in told)]
    left_out = len(told) - _MOST_CHANGES + max((each.changes_left_out for each in found), default=0)
    notes = [texts["provider_book_more"].format(count=f"{left_out:,}")] if left_out > 0 else []
    return [
        Section(
            "book",
            texts["provider_book"],
            texts["provider_book_help"],
            [],
            Table(heading, told[:_MOST_CHANGES], exact, words=(1, 2)),
            notes,
        )
    ]
