"""When a load is dirty, and what would be allocated if it ran at another hour or in another region: what depends on single hours.

Hours are added up from postings, which takes the server a while for a long time; so they have this view of their own, and of a time
longer than a year only its last part is looked at, which the view says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import all_at_once, availability_of, hours_asked
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, filter_notes, kept
from greencloud.page.shown import Choice, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import EMISSION_UNITS, scale_for
from greencloud.report.drawing import COLOURS
from greencloud.report.page import charts
from greencloud.report.page.figures import hours_question, week_of
from greencloud.report.page.sections import Card, Chart, Section, week_section, what_if_table
from greencloud.report.page.what_ifs import SHIFTS, Use, WhatIf, best_what_ifs, use_of, what_if
from greencloud.results import FootprintQuery
from greencloud.units import format_instant

__all__ = ["show"]

_LONGEST: Final = timedelta(days=366)


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    query, cut = _last_part(hours_question(asked.query()))
    hours, availability = all_at_once(lambda: hours_asked(caller.client, query), lambda: availability_of(caller, asked))
    notes = filter_notes(asked, words)
    if cut:
        notes.append(words["hours_cut"].format(start=format_instant(query.start)))
    shown = Shown(title=words["hours_title"], lead=words["hours_lead"], crumbs=crumbs(caller, asked, words, words["menu_hours"]))
    if not hours:
        return replace(shown, empty=empty_text(availability, asked, words))
    use = use_of(hours)
    chosen, form = _choice(use, asked, words)
    sections = [week_section(week_of(hours), words), *_shift_sections(use, words)]
    if chosen:
        sections.append(_what_if_section("chosen", words["hours_chosen"], words["what_if_help"], [chosen], words))
    if best := best_what_ifs(use):
        sections.append(_what_if_section("best", words["hours_best"], words["hours_best_help"], best, words))
    return replace(shown, forms=[form], cards=_cards(chosen, words), sections=sections, notes=[*notes, words["allocated_only"]])


def _last_part(query: FootprintQuery) -> tuple[FootprintQuery, bool]:
    start = max(query.start, query.end - _LONGEST)
    return replace(query, start=start), start != query.start


def _choice(use: Use, asked: Asked, words: Mapping[str, str]) -> tuple[WhatIf | None, Form]:
    """What the reader chose, None where nothing is, and the form to choose with."""
    shift, region = asked.parameters.get("shift", "0"), asked.parameters.get("to_region", "")
    if shift not in {"0", *map(str, SHIFTS)}:
        raise QuantityError(f"the load cannot be moved by {shift!r} hours", advice="choose -12 to 12")
    if region and region not in use:
        raise QuantityError(f"there is no factor of {region!r} in these figures", advice=f"choose one of {', '.join(sorted(use))}")
    chosen = what_if(use, hours=int(shift), region=region) if shift != "0" or region else None
    options = [("0", words["hours_unmoved"]), *((str(each), _direction(each, words)) for each in SHIFTS)]
    regions = [("", words["hours_own_region"]), *((name, name) for name in sorted(use))]
    fields = (
        Choice("shift", words["hours_shift"], shift, options),
        Choice("to_region", words["hours_region"], region, regions),
    )
    return chosen, Form(fields, words["hours_submit"], kept(asked, "shift", "to_region"))


def _direction(shift: int, words: Mapping[str, str]) -> str:
    return f"{abs(shift)} h {words['later'] if shift > 0 else words['earlier']}"


def _cards(chosen: WhatIf | None, words: Mapping[str, str]) -> list[Card]:
    if chosen is None:
        return []
    if not chosen.share:
        return [Card(words["would_be"], words["customer_unknown"], words["hours_unpriced"])]
    scale = scale_for([chosen.actual_ug, chosen.would_be_ug], EMISSION_UNITS)
    share = f"{float(chosen.share) * 100:.0f} % {words['priced']}"
    return [
        Card(words["as_it_was"], f"{scale.show(chosen.actual_ug)} {scale.unit} CO2e", share),
        Card(words["would_be"], f"{scale.show(chosen.would_be_ug)} {scale.unit} CO2e"),
        Card(words["difference"], f"{scale.show(chosen.difference_ug)} {scale.unit} CO2e"),
    ]


def _what_if_section(name: str, title: str, help_text: str, found: Sequence[WhatIf], words: Mapping[str, str]) -> Section:
    return Section(name, title, help_text, [], what_if_table(found, words))


def _shift_sections(use: Use, words: Mapping[str, str]) -> list[Section]:
    """Every shift side by side, as far as any hour could be priced."""
    found = [each for shift in SHIFTS if (each := what_if(use, hours=shift)).share]
    if not found:
        return []
    drawn: list[Chart] = [lambda width: _shifts(found, words, width)]
    return [Section("shifts", words["hours_shifts"], words["hours_shifts_help"], drawn, what_if_table(found, words))]


def _shifts(found: Sequence[WhatIf], words: Mapping[str, str], width: int) -> dict[str, Any]:
    """The difference by hours moved, in percent of what was: shares of the energy differ, so amounts do not compare."""
    values = [
        {"hours": each.hours, "percent": 100 * each.difference_ug / each.actual_ug, "saves": each.difference_ug < 0}
        for each in found
        if each.actual_ug
    ]
    return charts.chart(
        width,
        180,
        values,
        {"type": "bar"},
        {
            "x": {
                "field": "hours",
                "type": "ordinal",
                "title": words["hours_axis"],
                "axis": {"labelAngle": 0, "labelOverlap": True},
            },
            "y": {"field": "percent", "type": "quantitative", "title": "%", "axis": {"tickCount": 5}},
            "color": {
                "field": "saves",
                "type": "nominal",
                "scale": {"domain": [True, False], "range": [COLOURS["green"], COLOURS["orange"]]},
                "legend": None,
            },
        },
    )
