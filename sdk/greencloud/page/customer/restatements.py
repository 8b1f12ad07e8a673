"""What was restated: final figures that were replaced, how much they moved, when, why and in whose words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.customer.asking import all_at_once, availability_of
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, link_of, to
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, percent, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page.sections import Card, Section, Table
from greencloud.report.restated import end_to_end
from greencloud.results import Restatement
from greencloud.units import format_instant

__all__ = ["LOCATION", "show"]

LOCATION: Final = ("scope1", "scope2_location_based", "scope3_upstream_location_based", "scope3_embodied")
"""The measures of the location-based total."""

_MOST: Final = 500
_PAGE: Final = 2_000


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    accounts = [asked.account] if asked.account else []
    found, availability = all_at_once(
        lambda: list(
            islice(caller.client.list_restatements(asked.period.start, asked.period.end, accounts, page_size=_PAGE), _MOST + 1)
        ),
        lambda: availability_of(caller, asked),
    )
    shown = Shown(
        title=words["restatements_title"],
        lead=words["restatements_lead"],
        crumbs=crumbs(caller, asked, words, words["menu_restatements"]),
        notes=[words["restatements_no_filters"]] if asked.filters else [],
    )
    if not found:
        posted = availability.start is not None and availability.start < asked.period.end
        return replace(shown, empty=words["restatements_none"] if posted else empty_text(availability, asked, words))
    more = len(found) > _MOST
    found = found[:_MOST]
    notes = [*shown.notes, *([words["restatements_more"].format(shown=f"{_MOST:,}")] if more else [])]
    lost = sum(not each.kept for each in found)
    notes += [words["restatements_lost"].format(count=f"{lost:,}")] if lost else []
    return replace(
        shown,
        cards=_cards(found, words),
        sections=[_by_line(found, asked, words), _each(found, asked, words), *_changes(found, words)],
        notes=notes,
    )


def _moved(each: Restatement) -> tuple[int, int]:
    """The location-based total of its lines, before and after."""
    lines = [line for line in each.lines if line.measure in LOCATION]
    return sum(line.old for line in lines), sum(line.new for line in lines)


def _cards(found: Sequence[Restatement], words: Mapping[str, str]) -> list[Card]:
    old, new = (sum(amounts) for amounts in zip(*map(_moved, found), strict=True))
    scale = scale_for([new - old], EMISSION_UNITS)
    sign = "+" if new > old else ""
    return [
        Card(words["restatements_count"], f"{len(found):,}"),
        Card(words["restatements_moved"], f"{sign}{scale.show(new - old)} {scale.unit} CO2e", words["location"]),
        Card(words["restatements_last"], format_instant(max(each.restated for each in found))),
    ]


def _by_line(found: Sequence[Restatement], asked: Asked, words: Mapping[str, str]) -> Section:
    """Old and new of what changed, added up over windows, by service and component."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for line in end_to_end(found):
        if line.measure in LOCATION:
            cell = sums[line.service, line.account, line.component]
            cell[0] += line.old
            cell[1] += line.new
    ordered = sorted(sums.items(), key=lambda pair: (-abs(pair[1][1] - pair[1][0]), pair[0]))
    scale = scale_for([amount for amounts in sums.values() for amount in amounts], EMISSION_UNITS)
    names = ("old", "new", "change")
    heading = [
        *(words[f"customer_{name}"] for name in ("service", "account", "component")),
        *(f"{words[f'compare_{name}']}, {scale.unit}" for name in names),
        "%",
    ]
    rows, exact = [], [("service", "account", "component", *(f"{name}_kg_co2e_location_based" for name in names))]
    for (service, account, component), (old, new) in ordered:
        told = (scale.show(old), scale.show(new), ("+" if new > old else "") + scale.show(new - old))
        rows.append((service or words["unnamed"], account, words.get(component, component), *told, percent(old, new, 2) or ""))
        exact.append((*map(inert, (service, account, component)), *(kg_decimal(amount) for amount in (old, new, new - old))))
    links = [link_of(asked, "service", service, account=account) for (service, account, _), _ in ordered]
    return Section("lines", words["restatements_lines"], words["restatements_lines_help"], [], Table(heading, rows, exact, links))


def _each(found: Sequence[Restatement], asked: Asked, words: Mapping[str, str]) -> Section:
    """Each restatement, the latest first, leading to the explanation of its window as it is now."""
    ordered = sorted(found, key=lambda each: each.restated, reverse=True)
    moved = [new - old for old, new in map(_moved, ordered)]
    scale = scale_for(moved, EMISSION_UNITS)
    heading = [
        words["restatements_window"],
        words["customer_site"],
        words["restatements_when"],
        f"{words['compare_change']}, {scale.unit}",
        words["restatements_cause"],
        words["restatements_by"],
        words["restatements_reason"],
    ]
    rows, links = [], []
    exact: list[Sequence[str]] = [("start", "end", "site", "restated", "change_kg_co2e_location_based", "causes", "by", "reason")]
    for each, change in zip(ordered, moved, strict=True):
        start, end, when = map(format_instant, (each.start, each.end, each.restated))
        shown = words["customer_unknown"] if not each.kept else ("+" if change > 0 else "") + scale.show(change)
        rows.append((start, each.site, when, shown, ", ".join(each.causes), each.requested_by, each.reason))
        known = "" if not each.kept else kg_decimal(change)
        exact.append(
            (start, end, inert(each.site), when, known, " ".join(each.causes), *map(inert, (each.requested_by, each.reason)))
        )
        links.append(to(asked, "/explain", **{"period": None, "from": start, "to": end}))
    return Section("each", words["restatements_each"], words["restatements_each_help"], [], Table(heading, rows, exact, links))


def _changes(found: Sequence[Restatement], words: Mapping[str, str]) -> list[Section]:
    """What the facility book said differently, each once."""
    changes = list(dict.fromkeys((change.path, change.old, change.new) for each in found for change in each.changes))
    if not changes:
        return []
    none = words["compare_none"]
    rows = [(path, old or none, new or none) for path, old, new in changes[:_MOST]]
    exact = [("path", "old", "new"), *(tuple(map(inert, change)) for change in changes)]
    table = Table([words["restatements_path"], words["compare_old"], words["compare_new"]], rows, exact)
    return [Section("book", words["restatements_book"], words["restatements_book_help"], [], table)]
