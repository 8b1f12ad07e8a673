"""Each site's energy, its PUE, and its emissions by both methods, over the period and over time.

**PUE** is facility energy over IT energy (ISO/IEC 30134-2). The ledger has it in its lines: facility energy is what all accounts
and pools were charged at the site, and IT energy is that less the component ``overhead``. What internal services passed on stands
on the line ``shared``, with the overhead in it, and cannot be told from it: there the PUE lies between that of none of the line
and that of all of it. The standard's PUE is of a year; of any other time it is an interim one. Without energy it is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import Point, colours_for, over_time
from greencloud.page.provider.ledger import by_name, names_of, nothing_text, query_of, rows_of, step_of
from greencloud.page.provider.windows import windows_asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, Scale, kg_decimal, kwh_decimal, scale_for
from greencloud.report.delimited import inert
from greencloud.report.page import charts
from greencloud.report.page.sections import Section, Table
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow, Granularity
from greencloud.units import format_instant

__all__ = ["Pue", "pue_of", "show"]


@dataclass(frozen=True, slots=True)
class Pue:
    """It lies in ``[low, high]``; ``high`` is None where it has no bound."""

    low: Fraction
    high: Fraction | None

    @property
    def text(self) -> str:
        if self.high == self.low:
            return f"{float(self.low):.3f}"
        return f"{float(self.low):.3f} - {float(self.high):.3f}" if self.high is not None else f"> {float(self.low):.3f}"


def pue_of(rows: Sequence[FootprintRow]) -> Pue | None:
    """Of rows by component. None where no IT energy is known."""
    parts: dict[str, int] = defaultdict(int)
    for row in rows:
        parts[row.dimensions["component"]] += row.energy.millijoules
    facility = sum(parts.values())
    it = facility - parts["overhead"]
    if it <= 0:
        return None
    least = it - parts["shared"]
    return Pue(Fraction(facility, it), Fraction(facility, least) if least > 0 else None)


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_sites"]
    windows_asked(caller, asked, most=1)  # of the provider's side alone; what follows would be narrowed for others
    rows = rows_of(caller, query_of(asked.period, "site", "region", "component"))
    if not rows:
        return Shown(title, empty=nothing_text(asked, caller.client.get_data_availability(), texts))
    step = step_of(asked.period)
    series = rows_of(caller, query_of(asked.period, "site", "component", granularity=step))
    sites = by_name(rows, "site")
    of_site: dict[str, list[FootprintRow]] = defaultdict(list)
    for row in rows:
        of_site[row.dimensions["site"]].append(row)
    sections = [
        Section(
            "sites",
            texts["provider_by_site"],
            texts["provider_sites_help"],
            [lambda width: charts.bars(list(sites.items())[: charts.MOST_BARS], texts, width)],
            _table(sites, of_site, asked, texts),
        ),
        _pue_section(series, list(sites), step, texts),
        _series_section(series, list(sites), step, texts),
    ]
    return Shown(title, lead=texts["provider_sites_lead"], sections=sections)


def _table(
    sites: Mapping[str, FootprintRow], rows: Mapping[str, Sequence[FootprintRow]], asked: Asked, texts: Mapping[str, str]
) -> Table:
    scale = scale_for([row.total_location_based.micrograms for row in sites.values()], EMISSION_UNITS)
    energy = scale_for([row.energy.millijoules for row in sites.values()], ENERGY_UNITS)
    heading = (
        *(texts["provider_site"], texts["provider_region"], f"{texts['energy']}, {energy.unit}"),
        *(f"{texts['overhead']}, {energy.unit}", texts["provider_pue"]),
        *(f"{texts['location']}, {scale.unit}", f"{texts['market']}, {scale.unit}", "g CO2e/kWh"),
    )
    names = ("site", "region", "kwh", "overhead_kwh", "pue", "pue_at_most", "kg_co2e_location_based", "kg_co2e_market_based")
    shown, exact = [], [(*names, "g_co2e_per_kwh")]
    for name, row in sites.items():
        overhead = sum(each.energy.millijoules for each in rows[name] if each.dimensions["component"] == "overhead")
        pue, region = pue_of(rows[name]), names_of(rows[name], "region")
        grams = _grams(row)
        shown.append(
            (
                *(name or texts["unnamed"], region, energy.show(row.energy.millijoules), energy.show(overhead)),
                *("" if pue is None else pue.text, scale.show(row.total_location_based.micrograms)),
                *(scale.show(row.total_market_based.micrograms), grams),
            )
        )
        bounds = ("", "") if pue is None else (f"{float(pue.low):.6f}", "" if pue.high is None else f"{float(pue.high):.6f}")
        exact.append(
            (
                *(inert(name), inert(region), kwh_decimal(row.energy.millijoules), kwh_decimal(overhead), *bounds),
                *(kg_decimal(row.total_location_based.micrograms), kg_decimal(row.total_market_based.micrograms), grams),
            )
        )
    links = [asked.link("/provider/conservation", site=name) for name in sites]
    return Table(heading, shown, exact, links, words=(1,))


def _grams(row: FootprintRow) -> str:
    """Of all emissions, location-based."""
    energy = row.energy.millijoules
    return f"{float(Fraction(row.total_location_based.micrograms * 3_600, energy)):.1f}" if energy else ""


def _pue_section(series: Sequence[FootprintRow], names: Sequence[str], step: Granularity, texts: Mapping[str, str]) -> Section:
    found: dict[tuple[datetime, str], list[FootprintRow]] = defaultdict(list)
    for row in series:
        found[row.start, row.dimensions["site"]].append(row)
    ratios = {key: pue for key, rows in sorted(found.items()) if (pue := pue_of(rows)) is not None}
    colours = colours_for(names, texts["provider_other_sites"])
    points = [Point(at, site, float(pue.low)) for (at, site), pue in ratios.items() if site in colours]
    heading = (texts["time"], texts["provider_site"], texts["provider_pue"])
    shown = [(format_instant(at), site, pue.text) for (at, site), pue in ratios.items()]
    exact = [("start", "site", "pue", "pue_at_most")]
    exact += [
        (format_instant(at), inert(site), f"{float(pue.low):.6f}", "" if pue.high is None else f"{float(pue.high):.6f}")
        for (at, site), pue in ratios.items()
    ]
    notes = [texts["provider_pue_shared"]] if any(pue.high != pue.low for pue in ratios.values()) else []
    return Section(
        "pue",
        texts["provider_pue_title"],
        texts["provider_pue_help"],
        [lambda width: over_time(points, colours, step, texts["provider_pue"], width, stack=False)],
        Table(heading, shown, exact),
        notes,
    )


def _series_section(series: Sequence[FootprintRow], names: Sequence[str], step: Granularity, texts: Mapping[str, str]) -> Section:
    rest = texts["provider_other_sites"]
    colours = colours_for(names, rest)
    found: dict[tuple[datetime, str], list[FootprintRow]] = defaultdict(list)
    for row in series:
        found[row.start, row.dimensions["site"]].append(row)
    sums = {key: total_of(rows) for key, rows in sorted(found.items())}
    location = scale_for([row.total_location_based.micrograms for row in sums.values()], EMISSION_UNITS)
    market = scale_for([row.total_market_based.micrograms for row in sums.values()], EMISSION_UNITS)
    energy = scale_for([row.energy.millijoules for row in sums.values()], ENERGY_UNITS)

    def points(name: str, scale: Scale) -> list[Point]:
        return [
            Point(at, site if site in colours else rest, float(Fraction(_amount(row, name), scale.size)))
            for (at, site), row in sums.items()
        ]

    drawn = [(name, scale) for name, scale in (("location", location), ("market", market), ("energy", energy))]
    heading = (
        *(texts["time"], texts["provider_site"], f"{texts['energy']}, {energy.unit}"),
        *(f"{texts['location']}, {location.unit}", f"{texts['market']}, {market.unit}"),
    )
    shown, exact = [], [("start", "site", "kwh", "kg_co2e_location_based", "kg_co2e_market_based")]
    for (at, site), row in sums.items():
        amounts = (row.energy.millijoules, row.total_location_based.micrograms, row.total_market_based.micrograms)
        shown.append((format_instant(at), site, energy.show(amounts[0]), location.show(amounts[1]), market.show(amounts[2])))
        exact.append((format_instant(at), inert(site), kwh_decimal(amounts[0]), kg_decimal(amounts[1]), kg_decimal(amounts[2])))
    return Section(
        "over-time",
        texts["over_time"],
        texts["provider_over_time_help"].format(step=texts["provider_month"] if step is Granularity.MONTH else texts[str(step)]),
        [
            lambda width, name=name, scale=scale: over_time(  # type: ignore[misc]
                points(name, scale),
                colours,
                step,
                f"{texts[name]}, {scale.unit}{'' if name == 'energy' else ' CO2e'}",
                min(width, 420),
                stack=True,
            )
            for name, scale in drawn
        ],
        Table(heading, shown, exact),
    )


def _amount(row: FootprintRow, name: str) -> int:
    if name == "energy":
        return row.energy.millijoules
    return (row.total_location_based if name == "location" else row.total_market_based).micrograms
