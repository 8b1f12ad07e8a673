"""Rows of the ledger over all accounts and pools, as the provider's views ask for them and show them.

Filters and the account of an address are of the customer's views; what is asked here is always of everything, so that it can be
compared with meters. A series is of hours, days or months, whichever the period's length calls for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.shown import Choice, Form
from greencloud.page.view import Caller
from greencloud.report.drawing import COLOURS
from greencloud.report.totals import total_of
from greencloud.results import DataAvailability, FootprintQuery, FootprintRow, Granularity
from greencloud.results.periods import Period
from greencloud.units import round_half_even

__all__ = [
    "POOL_COLOURS",
    "UNATTRIBUTED",
    "UNSOLD",
    "ago",
    "by_name",
    "form_of",
    "names_of",
    "nothing_text",
    "query_of",
    "rows_of",
    "share_text",
    "span",
    "step_of",
    "time",
]

UNSOLD: Final = "(unsold)"
UNATTRIBUTED: Final = "(unattributed)"
"""Pools that nobody is charged for: accounts in parentheses."""

POOL_COLOURS: Final = {UNSOLD: COLOURS["light"], UNATTRIBUTED: COLOURS["orange"]}

_HOURS: Final = timedelta(days=3)
_DAYS: Final = timedelta(days=100)
_PAGE: Final = 10_000


def rows_of(caller: Caller, query: FootprintQuery) -> list[FootprintRow]:
    """All rows of it."""
    named = {each.name: getattr(query, each.name) for each in fields(query)}
    return caller.client.query_footprint(**named | {"accounts": query.accounts or ()}, page_size=_PAGE).to_list()


def query_of(
    period: Period,
    *group_by: str,
    granularity: Granularity = Granularity.ALL,
    accounts: tuple[str, ...] | None = None,
    components: tuple[str, ...] = (),
) -> FootprintQuery:
    """Over the whole period; of every account and pool, but for those named."""
    return FootprintQuery(
        period.start, period.end, accounts=accounts, components=components, group_by=group_by, granularity=granularity
    )


def step_of(period: Period) -> Granularity:
    """What a series of the period is of."""
    length = period.end - period.start
    return Granularity.HOUR if length <= _HOURS else Granularity.DAY if length <= _DAYS else Granularity.MONTH


def by_name(rows: Iterable[FootprintRow], dimension: str) -> dict[str, FootprintRow]:
    """Rows added up over everything else, the largest emitter first."""
    found: dict[str, list[FootprintRow]] = defaultdict(list)
    for row in rows:
        found[row.dimensions[dimension]].append(row)
    sums = {name: total_of(each) for name, each in found.items()}
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1].total_location_based.micrograms, pair[0])))


def share_text(part: int, whole: int, places: int = 1) -> str:
    """Per cent, half to even; empty where there is nothing to have a share of. What is not nothing never shows as 0."""
    if not whole:
        return ""
    scaled = round_half_even(Fraction(part * 100 * 10**places, whole))
    if not scaled and part:
        return f"<{Fraction(1, 10**places):.{places}f} %" if places else "<1 %"
    return f"{scaled / 10**places:.{places}f} %"


def time(instant: datetime) -> str:
    """UTC, which the page says once."""
    return f"{instant:%Y-%m-%d %H:%M}"


def span(length: timedelta, texts: Mapping[str, str]) -> str:
    """``3 d``, ``5 h`` or ``20 min``: whole units, of which there are two at least."""
    minutes = length // timedelta(minutes=1)
    if minutes < 120:
        return texts["provider_minutes"].format(count=minutes)
    return (
        texts["provider_hours"].format(count=f"{minutes // 60:,}")
        if minutes < 48 * 60
        else texts["provider_days"].format(count=f"{minutes // 1440:,}")
    )


def ago(instant: datetime, now: datetime, texts: Mapping[str, str]) -> str:
    """``5 h ago``; the time itself where two clocks disagree."""
    return texts["provider_ago"].format(span=span(now - instant, texts)) if instant <= now else time(instant)


def nothing_text(asked: Asked, known: DataAvailability, texts: Mapping[str, str]) -> str:
    """Why there is nothing to show, and where there is something."""
    said = texts["provider_nothing"].format(start=time(asked.period.start), end=time(asked.period.end))
    if known.start is None or known.end is None:
        return f"{said} {texts['provider_nothing_ever']}"
    return f"{said} {texts['provider_nothing_here'].format(start=time(known.start), end=time(known.end))}"


def form_of(asked: Asked, choices: Sequence[Choice], submit: str) -> Form:
    """A form that asks the same page again and keeps what it does not ask for."""
    names = {choice.name for choice in choices}
    return Form(choices, submit, [(key, value) for key, value in asked.parameters.items() if key not in names])


def names_of(rows: Sequence[FootprintRow], dimension: str) -> str:
    """Every value that occurs, in order."""
    return ", ".join(sorted({row.dimensions[dimension] for row in rows} - {""}))
