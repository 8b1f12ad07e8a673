"""Whether every window balances: what its meters say is what accounts and pools were charged, exactly (law 1).

By site and in all, then window by window for one site: ``?site=`` names it, else it is the first. The map shows each window in one
of four states: it balances, it balances and is provisional, it does not balance, or there is no batch of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import MOST_ROWS, Stretch, stacked, stretches
from greencloud.page.provider.ledger import POOL_COLOURS, nothing_text, time
from greencloud.page.provider.windows import MOST_WINDOWS, Gap, SiteBalance, Windows, balance_of, gaps, site_balances, windows_asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import ENERGY_UNITS, kwh_decimal, scale_for
from greencloud.report.delimited import inert
from greencloud.report.drawing import COLOURS
from greencloud.report.page.sections import Card, Section, Table
from greencloud.results import BatchSummary
from greencloud.units import Energy, format_instant

__all__ = ["show"]

_MOST_LISTED: Final = 1_000
_FINE: Final = timedelta(days=4)  # up to here the map is of windows, beyond of days
_DAY: Final = timedelta(days=1)
_STATES: Final = {
    "provider_balances": COLOURS["blue"],
    "provider_provisional": COLOURS["sky"],
    "provider_gap": COLOURS["orange"],
    "provider_unbalanced": COLOURS["red"],
}
"""From the best to the worst: a day is as its worst window."""


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_conservation"]
    windows = windows_asked(caller, asked)
    known = caller.client.get_data_availability()
    if not windows.batches:
        return Shown(title, empty=nothing_text(asked, known, texts))
    whole, sites = balance_of(windows), site_balances(windows)
    missing = gaps(windows, known.sites, asked.period.start, asked.period.end)
    asked_for = asked.parameters.get("site", "")
    site = asked_for if asked_for in windows.by_site else sites[0].site
    notes = bounded(windows, texts)
    if asked_for not in {"", site}:
        notes.append(texts["provider_no_windows_of"].format(site=asked_for))
    balanced = whole.count - whole.unbalanced
    said = "provider_all_balance" if not whole.unbalanced else "provider_some_do_not"
    sections = [
        _by_site(sites, whole, asked, texts),
        _map(windows, missing, asked, texts),
        _windows(site, windows.by_site[site], texts),
    ]
    cards = [
        Card(texts["provider_windows"], f"{balanced:,} / {whole.count:,}", texts[said]),
        Card(texts["provider_metered"], str(Energy(whole.metered))),
        Card(texts["provider_charged"], str(Energy(whole.accounts + sum(whole.pools.values())))),
        Card(texts["difference"], f"{whole.difference:,} mJ"),
    ]
    return Shown(title, lead=texts["provider_conservation_lead"], cards=cards, sections=sections, notes=notes)


def bounded(windows: Windows, texts: Mapping[str, str]) -> list[str]:
    """What is said where there are more windows than were read."""
    if windows.until is None:
        return []
    return [texts["provider_more_windows"].format(count=f"{MOST_WINDOWS:,}", until=time(windows.until))]


def _by_site(sites: Sequence[SiteBalance], whole: SiteBalance, asked: Asked, texts: Mapping[str, str]) -> Section:
    pools = list(whole.pools)
    scale = scale_for([whole.metered], ENERGY_UNITS)
    heading = (
        *(texts["provider_site"], texts["provider_windows"], f"{texts['provider_metered']}, {scale.unit}"),
        *(f"{texts['provider_accounts']}, {scale.unit}", *(f"{pool}, {scale.unit}" for pool in pools)),
        *(f"{texts['difference']}, mJ", texts["provider_provisional"]),
    )
    names = (
        "site",
        "windows",
        "metered_mj",
        "accounts_mj",
        *(f"{pool}_mj" for pool in pools),
        "difference_mj",
        "provisional_windows",
    )
    rows, exact = [], [names]
    for each in (*sites, whole):
        amounts = (each.metered, each.accounts, *(each.pools.get(pool, 0) for pool in pools))
        name = each.site or texts["provider_all_sites"]
        rows.append((name, f"{each.count:,}", *map(scale.show, amounts), f"{each.difference:,}", f"{each.provisional:,}"))
        if each.site:
            exact.append((inert(name), str(each.count), *map(str, amounts), str(each.difference), str(each.provisional)))
    colours = {texts["provider_accounts"]: COLOURS["blue"], **{pool: POOL_COLOURS.get(pool, COLOURS["grey"]) for pool in pools}}
    bars = [(each.site, {texts["provider_accounts"]: each.accounts, **each.pools}) for each in sites]
    links = [*(asked.link(site=each.site) for each in sites), ""]
    return Section(
        "by-site",
        texts["provider_by_site"],
        texts["provider_by_site_help"],
        [lambda width: stacked(bars, colours, scale, f"{texts['energy']}, {scale.unit}", width)],
        Table(heading, rows, exact, links),
    )


def _map(windows: Windows, missing: Sequence[Gap], asked: Asked, texts: Mapping[str, str]) -> Section:
    fine = asked.period.end - asked.period.start <= _FINE
    cells = [Stretch(batch.site, batch.start, batch.end, _state(batch)) for batch in windows.batches]
    cells += [Stretch(gap.site, gap.start, gap.end, "provider_gap") for gap in missing]
    cells.sort(key=lambda cell: (cell.name, cell.start))
    shown = [Stretch(cell.name, cell.start, cell.end, texts[cell.state]) for cell in (_merged(cells) if fine else _days(cells))]
    colours = {texts[state]: colour for state, colour in _STATES.items()}
    heading = (texts["provider_site"], texts["provider_from"], texts["provider_to"], texts["provider_hours_missing"])
    rows = [(gap.site, time(gap.start), time(gap.end), f"{(gap.end - gap.start) / timedelta(hours=1):,.2f}") for gap in missing]
    exact = [("site", "start", "end", "seconds")]
    exact += [
        (inert(gap.site), format_instant(gap.start), format_instant(gap.end), str((gap.end - gap.start) // timedelta(seconds=1)))
        for gap in missing
    ]
    notes = [texts["provider_map_rows"].format(count=MOST_ROWS)] if len(windows.by_site) > MOST_ROWS else []
    return Section(
        "map",
        texts["provider_map"],
        texts["provider_map_help" if fine else "provider_map_days"],
        [lambda width: stretches(shown, colours, width)],
        Table(heading, rows or [(texts["provider_no_gap"], "", "", "")], exact),
        notes,
    )


def _state(batch: BatchSummary) -> str:
    if batch.difference != Energy():
        return "provider_unbalanced"
    return "provider_provisional" if batch.provisional else "provider_balances"


def _merged(cells: Sequence[Stretch]) -> list[Stretch]:
    """Neighbours in one state as one stretch, so that a long time is as quick to draw as a short one."""
    found: list[Stretch] = []
    for cell in cells:
        if found and (found[-1].name, found[-1].state, found[-1].end) == (cell.name, cell.state, cell.start):
            found[-1] = Stretch(cell.name, found[-1].start, cell.end, cell.state)
        else:
            found.append(cell)
    return found


def _days(cells: Sequence[Stretch]) -> list[Stretch]:
    """A cell a day, in the worst state that occurs on it."""
    order = list(_STATES)
    worst: dict[tuple[str, datetime], int] = defaultdict(int)
    for cell in cells:
        day = cell.start.replace(hour=0, minute=0)
        while day < cell.end:
            worst[cell.name, day] = max(worst[cell.name, day], order.index(cell.state))
            day += _DAY
    return _merged([Stretch(name, day, day + _DAY, order[at]) for (name, day), at in sorted(worst.items())])


def _windows(site: str, batches: Sequence[BatchSummary], texts: Mapping[str, str]) -> Section:
    """The latest first."""
    listed = list(reversed(batches))[:_MOST_LISTED]
    pools = sorted({pool for batch in listed for pool in batch.pool_energy})
    scale = scale_for([batch.metered_energy.millijoules for batch in listed], ENERGY_UNITS)
    heading = (
        *(texts["time"], f"{texts['provider_metered']}, {scale.unit}", f"{texts['provider_accounts']}, {scale.unit}"),
        *(
            *(f"{pool}, {scale.unit}" for pool in pools),
            f"{texts['difference']}, mJ",
            texts["provider_state"],
            texts["provider_rule"],
        ),
    )
    rows, exact = (
        [],
        [("start", "end", "site", "metered_kwh", "metered_mj", "accounts_mj", *(f"{p}_mj" for p in pools), "difference_mj")],
    )
    for batch in listed:
        held = [batch.pool_energy.get(pool, Energy()).millijoules for pool in pools]
        amounts = (batch.metered_energy.millijoules, batch.account_energy.millijoules, *held)
        difference = batch.difference.millijoules
        rows.append((time(batch.start), *map(scale.show, amounts), f"{difference:,}", texts[_state(batch)], batch.rule))
        instants = (format_instant(batch.start), format_instant(batch.end))
        exact.append((*instants, inert(site), kwh_decimal(amounts[0]), *map(str, amounts), str(difference)))
    notes = []
    if len(batches) > _MOST_LISTED:
        notes.append(texts["provider_latest_listed"].format(count=f"{_MOST_LISTED:,}", of=f"{len(batches):,}"))
    title = texts["provider_windows_of"].format(site=site)
    words = (len(heading) - 2, len(heading) - 1)
    return Section("windows", title, texts["provider_windows_help"], [], Table(heading, rows, exact, words=words), notes)
