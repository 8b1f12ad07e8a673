"""What can be seen of the intake through the API: what energy rests on, where windows are missing, and what was done and tried.

Calls, refusals, queues and the log are counted in the server's memory and shown as Prometheus metrics by ``serve --metrics`` alone;
they have no method of the API, so that they are named here and not shown. A window that was refused says why in the answer of the
run that refused it, and in the server's log. What stays of it is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from greencloud.page.asked import Asked
from greencloud.page.provider.charts import stacked
from greencloud.page.provider.conservation import bounded
from greencloud.page.provider.ledger import by_name, nothing_text, query_of, rows_of, share_text, span, time
from greencloud.page.provider.windows import Gap, gaps, missing, windows_asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.amounts import ENERGY_UNITS, kwh_decimal, scale_for
from greencloud.report.certainty import EVIDENCE, evidence_of
from greencloud.report.delimited import inert
from greencloud.report.drawing import COLOURS
from greencloud.report.page.sections import Card, Section, Table
from greencloud.report.totals import total_of
from greencloud.results import AuditEntry, FootprintRow
from greencloud.units import format_instant

__all__ = ["show"]

_AUDIT: Final = "greencloud.audit.read"
_MOST_READ: Final = 5_000
_MOST_LISTED: Final = 200
_COLOURS: Final = dict(zip(EVIDENCE, (COLOURS["blue"], COLOURS["sky"], COLOURS["orange"], COLOURS["purple"]), strict=True))


def show(caller: Caller, asked: Asked) -> Shown:
    texts = words_in(asked.language)
    title = texts["menu_provider_intake"]
    windows = windows_asked(caller, asked)
    known = caller.client.get_data_availability()
    rows = rows_of(caller, query_of(asked.period, "site"))
    sections, cards = [], []
    if rows:
        total = total_of(rows)
        holes = gaps(windows, known.sites, asked.period.start, asked.period.end)
        measured = total.measured_energy.millijoules if evidence_of(total) else 0
        cards = [
            Card(
                texts["provider_measured"],
                share_text(measured, total.energy.millijoules) or texts["provider_unknown"],
                texts["provider_of_energy"],
            ),
            Card(texts["provider_gaps"], f"{len(holes):,}", span(missing(holes), texts) if holes else texts["provider_no_gap"]),
            Card(texts["provider_newest"], texts["provider_unknown"] if known.end is None else time(known.end)),
            Card(texts["provider_flags"], f"{len(total.quality_flags):,}", ", ".join(total.quality_flags)),
        ]
        sections += [_evidence(rows, texts), _gaps(holes, texts)]
    if caller.may(_AUDIT):
        sections.append(_audit(caller, asked, texts))
    notes = [*bounded(windows, texts), *([] if rows else [nothing_text(asked, known, texts)])]
    notes += [] if caller.may(_AUDIT) else [texts["provider_no_audit"]]
    sections.append(Section("metrics", texts["provider_metrics_title"], texts["provider_metrics"], [], None))
    return Shown(title, lead=texts["provider_intake_lead"], cards=cards, sections=sections, notes=notes)


def _evidence(rows: Sequence[FootprintRow], texts: Mapping[str, str]) -> Section:
    """Energy by the weakest kind of evidence behind it."""
    sites = by_name(rows, "site")
    scale = scale_for([row.energy.millijoules for row in sites.values()], ENERGY_UNITS)
    labels = {kind: texts[f"provider_{kind}"] for kind in EVIDENCE}
    heading = [texts["provider_site"], *(f"{label}, {scale.unit}" for label in labels.values()), texts["provider_flags"]]
    bars, shown, exact = [], [], [["site", *(f"{kind}_kwh" for kind in EVIDENCE), "quality_flags"]]
    for site, row in sites.items():
        parts = evidence_of(row)
        amounts = {kind: energy.millijoules for kind, energy in (parts or {}).items()}
        bars.append((site, {labels[kind]: amount for kind, amount in amounts.items()}))
        cells = [scale.show(amounts[kind]) if parts else texts["provider_unknown"] for kind in EVIDENCE]
        shown.append([site, *cells, ", ".join(row.quality_flags)])
        exact.append(
            [inert(site), *(kwh_decimal(amounts[kind]) if parts else "" for kind in EVIDENCE), " ".join(row.quality_flags)]
        )
    colours = {labels[kind]: colour for kind, colour in _COLOURS.items()}
    return Section(
        "evidence",
        texts["provider_evidence"],
        texts["provider_evidence_help"],
        [lambda width: stacked(bars, colours, scale, f"{texts['energy']}, {scale.unit}", width)],
        Table(heading, shown, exact, words=(len(heading) - 1,)),
    )


def _gaps(holes: Sequence[Gap], texts: Mapping[str, str]) -> Section:
    by_site: dict[str, list[Gap]] = {}
    for gap in holes:
        by_site.setdefault(gap.site, []).append(gap)
    heading = [texts["provider_site"], texts["provider_gaps"], texts["provider_hours_missing"], texts["provider_from"]]
    rows = [
        [site, f"{len(found):,}", f"{missing(found) / timedelta(hours=1):,.2f}", time(found[0].start)]
        for site, found in by_site.items()
    ]
    exact = [["site", "start", "end"]]
    exact += [[inert(gap.site), format_instant(gap.start), format_instant(gap.end)] for gap in holes]
    none = [[texts["provider_no_gap"], "", "", ""]]
    return Section("gaps", texts["provider_gaps"], texts["provider_gaps_help"], [], Table(heading, rows or none, exact))


def _audit(caller: Caller, asked: Asked, texts: Mapping[str, str]) -> Section:
    """The latest first."""
    entries = list(islice(caller.client.list_audit_entries(asked.period.start, asked.period.end, page_size=1_000), _MOST_READ + 1))
    more = len(entries) > _MOST_READ
    listed = list(reversed(entries[:_MOST_READ]))[:_MOST_LISTED]
    heading = [texts["time"], *(texts[f"provider_audit_{name}"] for name in ("action", "outcome", "subject", "role", "summary"))]
    rows = [[time(each.created), each.action, each.outcome, each.subject, each.role, each.summary] for each in listed]
    exact = [["index", "created", "action", "outcome", "subject", "role", "summary"], *_exact(listed)]
    notes = []
    if len(entries) > _MOST_LISTED:
        notes.append(
            texts["provider_audit_more" if more else "provider_audit_listed"].format(count=_MOST_LISTED, of=f"{_MOST_READ:,}")
        )
    none = [[texts["provider_audit_none"], "", "", "", "", ""]]
    return Section(
        "audit",
        texts["provider_audit"],
        texts["provider_audit_help"],
        [],
        Table(heading, rows or none, exact, words=(1, 2, 3, 4, 5)),
        notes,
    )


def _exact(entries: Iterable[AuditEntry]) -> list[list[str]]:
    return [
        [
            *(str(each.index), format_instant(each.created), each.action, each.outcome),
            *(inert(text) for text in (each.subject, each.role, each.summary)),
        ]
        for each in entries
    ]
