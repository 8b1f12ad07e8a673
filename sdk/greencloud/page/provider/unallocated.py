"""What no customer is charged: use that nobody was seen to cause, and capacity that nobody reserved, by site and over time.

Both are accounts in parentheses, so that the books balance with them. Where a facility book charges unsold capacity to a site's
tenants, the component ``unsold`` stands on their lines; what of it they bear is shown beside what the provider keeps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import Point, over_time, stacked
from greencloud.page.provider.ledger import POOL_COLOURS, UNSOLD, nothing_text, query_of, rows_of, share_text, step_of
from greencloud.page.provider.windows import windows_asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, kwh_decimal, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page.sections import Card, Section, Table
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow, Granularity
from greencloud.units import format_instant

__all__ = ["show"]

_POOLS: Final = POOL_COLOURS


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_unallocated"]
    windows_asked(caller, asked, most=1)  # of the provider's side alone
    whole = rows_of(caller, query_of(asked.period, "site"))
    if not whole:
        return Shown(title, empty=nothing_text(asked, caller.client.get_data_availability(), texts))
    step = step_of(asked.period)
    pools = rows_of(caller, query_of(asked.period, "account", "site", accounts=tuple(_POOLS)))
    series = rows_of(caller, query_of(asked.period, "account", granularity=step, accounts=tuple(_POOLS)))
    every = rows_of(caller, query_of(asked.period, granularity=step))
    unsold = rows_of(caller, query_of(asked.period, "account", components=("unsold",)))
    energy = sum(row.energy.millijoules for row in whole)
    held = {pool: [row for row in pools if row.dimensions["account"] == pool] for pool in _POOLS}
    cards = [_card(texts[f"provider_{pool.strip('()')}"], held[pool], energy, texts) for pool in _POOLS]
    borne = sum(row.energy.millijoules for row in unsold if row.dimensions["account"] != UNSOLD)
    if borne:
        cards.append(Card(texts["provider_unsold_borne"], share_text(borne, energy), texts["provider_of_energy"]))
    sections = [_by_site(whole, held, texts), _over_time(series, every, step, texts)]
    return Shown(title, lead=texts["provider_unallocated_lead"], cards=cards, sections=sections)


def _card(label: str, rows: Sequence[FootprintRow], energy: int, texts: Mapping[str, str]) -> Card:
    if not rows:
        return Card(label, "0", texts["provider_nobody"])
    total = total_of(rows)
    amounts = f"{total.energy}, {total.total_location_based} CO2e"
    return Card(label, share_text(total.energy.millijoules, energy), texts["provider_of_energy"], amounts)


def _by_site(whole: Sequence[FootprintRow], held: Mapping[str, Sequence[FootprintRow]], texts: Mapping[str, str]) -> Section:
    """Every site, those with the largest share of it first."""
    pools = {(pool, row.dimensions["site"]): row for pool, rows in held.items() for row in rows}
    energy = scale_for([row.energy.millijoules for row in whole], ENERGY_UNITS)
    mass = scale_for([row.total_location_based.micrograms for row in pools.values()], EMISSION_UNITS)

    def unallocated(row: FootprintRow) -> Fraction:
        parts = [
            pools[pool, row.dimensions["site"]].energy.millijoules for pool in _POOLS if (pool, row.dimensions["site"]) in pools
        ]
        return Fraction(sum(parts), row.energy.millijoules) if row.energy.millijoules else Fraction(0)

    ordered = sorted(whole, key=lambda row: (-unallocated(row), row.dimensions["site"]))
    heading = [texts["provider_site"], f"{texts['energy']}, {energy.unit}"]
    names = ["site", "kwh"]
    for pool in _POOLS:
        heading += [f"{pool}, {energy.unit}", f"{pool}, %", f"{pool}, {mass.unit} CO2e"]
        short = pool.strip("()")
        names += [f"{short}_kwh", f"{short}_share", f"{short}_kg_co2e_location_based", f"{short}_kg_co2e_market_based"]
    rows, exact = [], [names]
    for row in ordered:
        site, all_of_it = row.dimensions["site"], row.energy.millijoules
        cells, line = [site, energy.show(all_of_it)], [inert(site), kwh_decimal(all_of_it)]
        for pool in _POOLS:
            part = pools.get((pool, site))
            held_mj = part.energy.millijoules if part else 0
            location, market = (part.total_location_based.micrograms, part.total_market_based.micrograms) if part else (0, 0)
            cells += [energy.show(held_mj), share_text(held_mj, all_of_it), mass.show(location)]
            line += [
                kwh_decimal(held_mj),
                f"{held_mj / all_of_it:.6f}" if all_of_it else "",
                kg_decimal(location),
                kg_decimal(market),
            ]
        rows.append(cells)
        exact.append(line)
    bars = [
        (
            row.dimensions["site"],
            {
                pool: pools[pool, row.dimensions["site"]].energy.millijoules
                for pool in _POOLS
                if (pool, row.dimensions["site"]) in pools
            },
        )
        for row in ordered
    ]
    return Section(
        "by-site",
        texts["provider_by_site"],
        texts["provider_unallocated_help"],
        [lambda width: stacked(bars, _POOLS, energy, f"{texts['energy']}, {energy.unit}", width)] if pools else [],
        Table(heading, rows, exact),
    )


def _over_time(
    series: Sequence[FootprintRow], every: Sequence[FootprintRow], step: Granularity, texts: Mapping[str, str]
) -> Section:
    """As a share of all energy of the same time, so that a site that grows does not look worse."""
    whole = {row.start: row.energy.millijoules for row in every}
    found: dict[datetime, dict[str, FootprintRow]] = defaultdict(dict)
    for row in series:
        found[row.start][row.dimensions["account"]] = row
    points = [
        Point(at, pool, 100 * row.energy.millijoules / whole[at])
        for at, pools in sorted(found.items())
        for pool, row in pools.items()
        if whole[at]
    ]
    heading = [texts["time"], *(f"{pool}, %" for pool in _POOLS)]
    rows, exact = [], [["start", "kwh", *(f"{pool.strip('()')}_kwh" for pool in _POOLS)]]
    for at, energy in sorted(whole.items()):
        parts = [held.energy.millijoules if (held := found[at].get(pool)) else 0 for pool in _POOLS]
        rows.append([format_instant(at), *(share_text(part, energy) for part in parts)])
        exact.append([format_instant(at), kwh_decimal(energy), *map(kwh_decimal, parts)])
    return Section(
        "over-time",
        texts["over_time"],
        texts["provider_share_help"],
        [lambda width: over_time(points, _POOLS, step, f"% {texts['provider_of_energy']}", width, stack=True)] if points else [],
        Table(heading, rows, exact),
    )
