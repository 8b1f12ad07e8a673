"""How fresh and how final each site's figures are: its last window, how far that is behind, and how long posting takes.

**Behind** is from the end of a site's last window until now. A window is posted when it is due, so that this is the time to the
next run, the data that is not here yet, and whatever holds a site up. **Provisional** is from its first window that may still
change to its last. **Posting** is from the end of a window to its batch, of the windows of the last day of data that were posted
first, not restated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import Stretch, stretches
from greencloud.page.provider.ledger import ago, span, time
from greencloud.page.provider.windows import Windows, windows_between
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.delimited import inert
from greencloud.report.drawing import COLOURS
from greencloud.report.page.sections import Card, Section, Table
from greencloud.results import DataAvailability, SiteDataAvailability
from greencloud.units import format_instant

__all__ = ["show"]

_DAY: Final = timedelta(days=1)
_SHOWN: Final = timedelta(days=14)
_NONE: Final = timedelta()
_SECOND: Final = timedelta(seconds=1)


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_freshness"]
    known = caller.client.get_data_availability()
    newest = known.end or asked.now
    windows = windows_between(caller, newest - _DAY, newest)
    if known.start is None or known.end is None or known.final_until is None or known.updated is None:
        return Shown(title, empty=texts["provider_nothing_ever"])
    posting = _posting(windows)
    latest = [site for site in known.sites if site.end == newest]
    cards = [
        Card(texts["provider_last_window"], time(newest), ago(newest, asked.now, texts)),
        Card(texts["provider_final_until"], time(known.final_until), ago(known.final_until, asked.now, texts)),
        Card(texts["provider_updated"], time(known.updated), ago(known.updated, asked.now, texts)),
        Card(
            texts["provider_sites_at_newest"],
            f"{len(latest):,} / {len(known.sites):,}",
            texts["provider_slowest"].format(site=min(known.sites, key=lambda site: site.end).site),
        ),
    ]
    versions = texts["provider_methodology"].format(versions=", ".join(known.methodology_versions) or "-")
    section = Section(
        "freshness",
        texts["provider_by_site"],
        f"{texts['provider_freshness_help']} {versions}",
        [lambda width: stretches(_stretches(known, asked.now, texts), _colours(texts), width)],
        _table(known, posting, asked, texts),
    )
    return Shown(title, lead=texts["provider_freshness_lead"], cards=cards, sections=[section])


def _posting(windows: Windows) -> dict[str, list[timedelta]]:
    """How long after their ends windows were posted, by site."""
    return {
        site: [batch.created - batch.end for batch in batches if not batch.supersedes] for site, batches in windows.by_site.items()
    }


def _colours(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        texts["provider_final"]: COLOURS["blue"],
        texts["provider_provisional"]: COLOURS["sky"],
        texts["provider_not_yet"]: COLOURS["light"],
    }


def _stretches(known: DataAvailability, now: datetime, texts: Mapping[str, str]) -> list[Stretch]:
    """The last two weeks of data, and what is not there yet as far as that many days."""
    newest = max(site.end for site in known.sites)
    first, last = newest - _SHOWN, min(max(now, newest), newest + _SHOWN)
    found = []
    for site in known.sites:
        for start, end, state in (
            (site.start, site.final_until, "provider_final"),
            (site.final_until, site.end, "provider_provisional"),
            (site.end, last, "provider_not_yet"),
        ):
            if max(start, first) < end:
                found.append(Stretch(site.site, max(start, first), end, texts[state]))
    return found


def _table(known: DataAvailability, posting: Mapping[str, Sequence[timedelta]], asked: Asked, texts: Mapping[str, str]) -> Table:
    heading = (
        *(texts["provider_site"], texts["provider_region"], texts["provider_first_window"], texts["provider_last_window"]),
        *(texts["provider_behind"], texts["provider_final_until"], texts["provider_provisional"]),
        *(texts["provider_posting"], texts["provider_posting_longest"], texts["provider_updated"]),
    )
    names = ("site", "region", "start", "end", "behind_s", "final_until", "provisional_s", "posting_median_s", "posting_longest_s")
    rows, exact = [], [(*names, "updated")]
    for site in sorted(known.sites, key=lambda each: (each.end, each.site)):
        waited = sorted(posting.get(site.site, ()))
        middle = (waited[(len(waited) - 1) // 2] + waited[len(waited) // 2]) / 2 if waited else _NONE
        rows.append(
            (
                *(site.site, site.region, time(site.start), time(site.end), span(max(asked.now - site.end, _NONE), texts)),
                *(time(site.final_until), span(site.end - site.final_until, texts)),
                *((span(middle, texts), span(waited[-1], texts)) if waited else ("", "")),
                time(site.updated),
            )
        )
        exact.append(
            (
                *(inert(site.site), inert(site.region), format_instant(site.start), format_instant(site.end)),
                *(_seconds(asked.now - site.end), format_instant(site.final_until), _seconds(site.end - site.final_until)),
                *((_seconds(middle), _seconds(waited[-1])) if waited else ("", "")),
                format_instant(site.updated),
            )
        )
    return Table(heading, rows, exact, _links(known.sites, asked))


def _links(sites: Sequence[SiteDataAvailability], asked: Asked) -> list[str]:
    return [asked.link("/provider/conservation", site=site.site) for site in sorted(sites, key=lambda each: (each.end, each.site))]


def _seconds(length: timedelta) -> str:
    return str(length // _SECOND)
