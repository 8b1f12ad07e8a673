"""The account at a glance: what it emitted in the period, from what, how sure and how fresh that is, and the way further down.

It is asked for often and of any length of time, so it asks what the ledger has sums of (months, days) and nothing by the hour; what
depends on hours has a view of its own beyond a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from shlex import quote
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.customer.asking import (
    availability_of,
    before_of,
    hours_asked,
    many_notes,
    rows_of_each,
    several_accounts,
)
from greencloud.page.customer.breakdown import breakdown, stepwise
from greencloud.page.customer.places import crumbs, filter_notes, link_of, to, whose
from greencloud.page.shown import Download, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.page.figures import DIMENSIONS, AccountFigures, account_questions, figures_of, hours_question
from greencloud.report.page.sections import (
    Card,
    Section,
    headline,
    operations_section,
    quality_lines,
    scope_section,
    series_section,
    week_section,
    what_if_table,
)
from greencloud.results import DataAvailability
from greencloud.results.periods import Period
from greencloud.units import format_instant

__all__ = ["ago", "begun_notes", "empty_text", "fresh_card", "operations_part", "period_notes", "show", "verify_commands"]

_LONGEST_OF_HOURS: Final = timedelta(days=31)
_MOST_OPERATIONS: Final = 100
_OPTIONAL: Final = (*DIMENSIONS, "operations", "account")


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    several = several_accounts(caller, asked)
    query = asked.query()
    hourly = query.end - query.start <= _LONGEST_OF_HOURS
    questions = account_questions(query, before_of(asked))
    if several:
        questions["account"] = replace(query, group_by=("account",))
    answers, (hours, availability) = rows_of_each(
        caller,
        questions,
        lambda: hours_asked(caller.client, hours_question(query)) if hourly else (),
        lambda: availability_of(caller, asked),
        optional=_OPTIONAL,
    )
    figures = figures_of(answers, query, hours, account=whose(caller, asked, words))
    shown = Shown(
        title=words["title"].format(account=figures.account),
        lead=words["scope3_note"],
        crumbs=crumbs(caller, asked, words),
    )
    if figures.total is None:
        return replace(shown, empty=empty_text(availability, asked, words))
    sections = [series_section(figures, words), scope_section(figures.total, words)]
    if answers.get("account"):
        sections.insert(0, breakdown(answers["account"], "account", words, link=lambda row: _link(asked, row.dimensions)))
    sections += [
        breakdown(figures.by[name], name, words, link=lambda row: _link(asked, row.dimensions), legend=False)
        for name in DIMENSIONS
        if figures.by[name]
    ]
    sections += operations_part(figures, asked, words)
    if figures.week:
        sections.append(week_section(figures.week, words))
    if figures.what_ifs:
        table = what_if_table(figures.what_ifs, words)
        sections.append(Section("what-if", words["what_if"], words["what_if_help"], [], table, [words["allocated_only"]]))
    return replace(
        shown,
        cards=(*headline(figures, words), fresh_card(availability, asked.now, words)),
        sections=sections,
        notes=(
            *filter_notes(asked, words),
            *period_notes(asked, words, availability),
            *begun_notes(asked.period.previous(), availability, words),
            *many_notes(answers, _OPTIONAL, words),
            *quality_lines(figures.total, words),
        ),
        downloads=(
            *([] if figures.week else [Download(words["overview_hours"], to(asked, "/hours"))]),
            Download(words["overview_export"], to(asked, "/export")),
            Download(words["overview_explain"], to(asked, "/explain")),
            Download(words["overview_proof"], to(asked, "/statements")),
        ),
        preformatted=verify_commands(figures.account if not several else "ACCOUNT", asked),
    )


def _link(asked: Asked, dimensions: Mapping[str, str]) -> str:
    ((name, value),) = dimensions.items()
    return link_of(asked, name, value)


def operations_part(figures: AccountFigures, asked: Asked, words: Mapping[str, str]) -> list[Section]:
    """What single operations emit, the dirtiest first, each linked; nothing where none was counted."""
    rows = figures.operations[:_MOST_OPERATIONS]
    if not rows:
        return []
    section = stepwise(
        operations_section(rows, words),
        rows,
        lambda row: link_of(asked, "operation", row.dimensions["operation"], service=row.dimensions["service"]),
    )
    if len(figures.operations) > len(rows):
        told = words["operation_cut"].format(shown=f"{len(rows):,}", all=f"{len(figures.operations):,}")
        section = replace(section, notes=[*section.notes, told])
    return [section]


def fresh_card(availability: DataAvailability, now: datetime, words: Mapping[str, str]) -> Card:
    """When the newest figure was posted, and up to where figures are final."""
    if availability.updated is None or availability.final_until is None or availability.end is None:
        return Card(words["overview_fresh"], words["overview_unknown"])
    return Card(
        words["overview_fresh"],
        ago(availability.updated, now, words),
        words["overview_until"].format(time=f"{availability.end:%Y-%m-%d %H:%M}"),
        words["overview_final"].format(time=f"{availability.final_until:%Y-%m-%d %H:%M}"),
    )


def ago(instant: datetime, now: datetime, words: Mapping[str, str]) -> str:
    """How long ago; the time itself where the two clocks disagree."""
    if now < instant:
        return format_instant(instant)
    minutes = (now - instant) // timedelta(minutes=1)
    for unit, length in (("days", 24 * 60), ("hours", 60)):
        if minutes >= 2 * length:
            return words[f"overview_{unit}_ago"].format(count=f"{minutes // length:,}")
    return words["overview_minutes_ago"].format(count=minutes)


def period_notes(asked: Asked, words: Mapping[str, str], availability: DataAvailability | None = None) -> list[str]:
    """That a period is not over, or that figures do not reach its end yet: its change is one from a whole period to a part."""
    period = asked.period
    if period.start < asked.now < period.end:
        return [words["overview_open"]]
    if availability is not None and availability.end is not None and period.start < availability.end < period.end <= asked.now:
        return [words["overview_short"].format(time=f"{availability.end:%Y-%m-%d %H:%M}")]
    return []


def begun_notes(before: Period, availability: DataAvailability, words: Mapping[str, str]) -> list[str]:
    """That figures begin within the period that is compared with: a rise from it is one from a part."""
    if availability.start is None or not before.start < availability.start < before.end:
        return []
    return [words["overview_begun"].format(time=f"{availability.start:%Y-%m-%d %H:%M}")]


def empty_text(availability: DataAvailability, asked: Asked, words: Mapping[str, str]) -> str:
    """What is not known, and what to do about it."""
    if availability.start is None or availability.end is None:
        return f"{words['nothing']} {words['overview_never']}"
    start, end = format_instant(availability.start), format_instant(availability.end)
    told = words["overview_elsewhere"].format(start=start, end=end)
    return " ".join([words["nothing"], told, *([words["overview_unfilter"]] if asked.filters else [])])


def verify_commands(account: str, asked: Asked) -> tuple[str, ...]:
    """How a closed period is checked without trust."""
    period = f"{asked.period.start:%Y-%m}"
    lines = (
        f"greencloud statement --server HOST:PORT --account {quote(account)} --period {period}",
        "greencloud verify statement.json --root root.json --log log.jsonl",
    )
    return ("\n".join(lines),)
