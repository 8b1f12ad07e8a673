"""Everything at a glance: what all sites used and emitted, whether the books balance, and what calls for a closer look.

Each figure is one of another view, and leads there. The windows are those of the period, or its latest days where it is long, so
that the first look is quick; the view of conservation has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from greencloud.page.asked import Asked
from greencloud.page.provider.goals import known
from greencloud.page.provider.ledger import (
    UNATTRIBUTED,
    UNSOLD,
    ago,
    by_name,
    nothing_text,
    query_of,
    rows_of,
    share_text,
    span,
    time,
)
from greencloud.page.provider.windows import balance_of, gaps, missing, windows_between
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.chart_words import chart_words
from greencloud.report.delimited import inert
from greencloud.report.page import charts
from greencloud.report.page.figures import AccountFigures
from greencloud.report.page.sections import Section, Table, headline, parts_table, series_section
from greencloud.report.totals import total_of
from greencloud.results import DataAvailability, FootprintRow, Granularity
from greencloud.results.goals import GoalStatus

__all__ = ["show"]

_RECENT: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_FINE: Final = timedelta(days=3)
_MOST_GOALS: Final = 5
_GOALS: Final = "greencloud.goals.read"


class _Line(NamedTuple):
    """One thing to look at."""

    what: str
    state: str
    path: str


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_overview"]
    known_of = caller.client.get_data_availability()
    end = min(asked.period.end, known_of.end or asked.now)
    start = max(asked.period.start, end - _RECENT)
    windows = windows_between(caller, min(start, end - _HOUR), end)  # of the provider's side alone; so it is asked in any case
    goals = _goals(caller, asked, texts) if caller.may(_GOALS) else []
    rows = rows_of(caller, query_of(asked.period, "site"))
    if not rows:
        lines = [_fresh(known_of, asked, texts), *goals]
        sections = [_table(lines, asked, texts)] if known_of.end else []
        return Shown(title, sections=sections, notes=[nothing_text(asked, known_of, texts)])
    before = rows_of(caller, query_of(asked.period.previous()))
    step = Granularity.HOUR if asked.period.end - asked.period.start <= _FINE else Granularity.DAY
    series = rows_of(caller, query_of(asked.period, granularity=step))
    pools = rows_of(caller, query_of(asked.period, "account", accounts=(UNSOLD, UNATTRIBUTED)))
    whole = balance_of(windows)
    holes = gaps(windows, known_of.sites, start, end)
    balanced = f"{whole.count - whole.unbalanced:,} / {whole.count:,}"
    days = span(end - start, texts)
    total = total_of(rows)
    lines = [
        _Line(
            texts["menu_provider_conservation"],
            texts["provider_overview_balance"].format(windows=balanced, days=days, difference=f"{whole.difference:,}"),
            "/provider/conservation",
        ),
        _fresh(known_of, asked, texts),
        _Line(
            texts["provider_gaps"],
            texts["provider_overview_gaps"].format(count=f"{len(holes):,}", span=span(missing(holes), texts), days=days),
            "/provider/intake",
        ),
        _Line(texts["menu_provider_unallocated"], _unallocated(pools, total, texts), "/provider/unallocated"),
        *goals,
    ]
    figures = AccountFigures(
        account="",
        start=asked.period.start,
        end=asked.period.end,
        total=total,
        before=total_of(before) if before else None,
        by={},
        operations=[],
        series=series,
        series_granularity=step,
        week=[],
        what_ifs=[],
    )
    return Shown(
        title,
        lead=texts["provider_lead"],
        cards=headline(figures, texts),
        notes=_notes(asked, known_of, texts),
        sections=[
            _table(lines, asked, texts),
            _by_site(rows, asked, texts),
            replace(series_section(figures, texts), help=texts["provider_series_help"]),
        ],
    )


def _notes(asked: Asked, known_of: DataAvailability, texts: Mapping[str, str]) -> list[str]:
    """What the change of a headline is from and to, where that is no whole period."""
    period, before = asked.period, asked.period.previous()
    notes = [texts["provider_open_period"]] if period.start < asked.now < period.end else []
    if known_of.start is not None and before.start < known_of.start < before.end:
        notes.append(texts["provider_begun"].format(time=time(known_of.start)))
    return notes


def _fresh(known_of: DataAvailability, asked: Asked, texts: Mapping[str, str]) -> _Line:
    if known_of.end is None or known_of.final_until is None:
        return _Line(texts["menu_provider_freshness"], texts["provider_nothing_ever"], "/provider/freshness")
    said = texts["provider_overview_fresh"].format(
        end=time(known_of.end), ago=ago(known_of.end, asked.now, texts), final=time(known_of.final_until)
    )
    return _Line(texts["menu_provider_freshness"], said, "/provider/freshness")


def _unallocated(pools: Sequence[FootprintRow], total: FootprintRow, texts: Mapping[str, str]) -> str:
    held = {row.dimensions["account"]: row.energy.millijoules for row in pools}
    return texts["provider_overview_unallocated"].format(
        unsold=share_text(held.get(UNSOLD, 0), total.energy.millijoules) or texts["provider_unknown"],
        unattributed=share_text(held.get(UNATTRIBUTED, 0), total.energy.millijoules) or texts["provider_unknown"],
    )


def _goals(caller: Caller, asked: Asked, texts: Mapping[str, str]) -> list[_Line]:
    """A line a goal; the view of goals has those that are left out."""
    words = chart_words(asked.language)
    lines = []
    for goal in caller.client.list_goals().to_list()[:_MOST_GOALS]:
        progress, why = known(lambda name=goal.name: caller.client.get_goal_progress(name))  # type: ignore[misc]
        said = words[GoalStatus.UNKNOWN] + f": {why}" if progress is None else words[progress.status]
        if progress is not None and progress.alerts:
            said = texts["provider_overview_alerts"].format(status=said, count=len(progress.alerts))
        lines.append(_Line(f"{texts['provider_goal']}: {goal.display_name}", said, asked.link("/provider/goals", goal=goal.id)))
    return lines


def _table(lines: Sequence[_Line], asked: Asked, texts: Mapping[str, str]) -> Section:
    rows = [[line.what, line.state] for line in lines]
    exact = [[inert(line.what), inert(line.state)] for line in lines]
    links = [line.path if "?" in line.path else asked.link(line.path) for line in lines]
    table = Table([texts["provider_what"], texts["provider_state"]], rows, [["what", "state"], *exact], links, words=(1,))
    return Section("standing", texts["provider_standing"], texts["provider_standing_help"], [], table)


def _by_site(rows: Sequence[FootprintRow], asked: Asked, texts: Mapping[str, str]) -> Section:
    sites = list(by_name(rows, "site").items())
    table = parts_table([(name or texts["unnamed"], row) for name, row in sites], texts, texts["provider_site"])
    table = replace(table, links=[asked.link("/provider/conservation", site=name) for name, _ in sites])
    chart = [lambda width: charts.bars(sites[: charts.MOST_BARS], texts, width)]
    return Section("sites", texts["provider_by_site"], texts["provider_overview_sites"], chart, table)
