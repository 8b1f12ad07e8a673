"""The figures as a file: the tables of ``greencloud export`` and ``greencloud report``, the same content byte for byte.

Without ``format`` it is a page to choose on; with it, the file. A file is made in memory, so it has a bound of rows, and only a few
are made at a time; what is larger is for the command line and the SDK, which stream.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from typing import Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import all_at_once, availability_of, bounded_rows
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, filter_notes, kept, to
from greencloud.page.file import FileAnswer
from greencloud.page.limits import BusyError, Turns
from greencloud.page.session import owner_of
from greencloud.page.shown import Choice, Download, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report import PRESETS, footprint_data, footprint_document, restatements_csv, write_dataset
from greencloud.results import GROUPABLE, FootprintRow, Granularity, Restatement
from greencloud.results.periods import bucket_of

__all__ = ["show"]

_MOST_ROWS: Final = 50_000
_MOST_RESTATEMENTS: Final = 2_000
_AT_ONCE: Final = 2
_PATIENCE_S: Final = 20.0
_TYPES: Final = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
_PRESET_TYPES: Final = {"aws-carbon": "csv", "google-carbon": "jsonl", "focus": "csv"}
"""The type of a file of each table where none is named: that in which its provider publishes it."""

_RESTATEMENTS: Final = "restatements"
_FORMATS: Final = (*_TYPES, *PRESETS, _RESTATEMENTS)
_STEPS: Final = tuple(map(str, Granularity))
_BY: Final = "account,service,region,sku"
_TURNS: Final = threading.BoundedSemaphore(_AT_ONCE)
_OF_EACH: Final = Turns(1)
"""One file of a reader at a time, so that nobody takes all turns."""


def show(caller: Caller, asked: Asked) -> Shown | FileAnswer:
    if "format" not in asked.parameters:
        return _page(caller, asked)
    name = asked.parameters["format"]
    if name not in _FORMATS:
        raise QuantityError(f"there is no format {name!r}", advice=f"use one of {', '.join(_FORMATS)}")
    with _OF_EACH.one(owner_of(caller.identity), wait_s=_PATIENCE_S):
        if not _TURNS.acquire(timeout=_PATIENCE_S):
            raise BusyError("other files are being made", retry_after_s=_PATIENCE_S, advice="try again in a minute")
        try:
            return _file(caller, asked, name)
        finally:
            _TURNS.release()


def _page(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    query = asked.query()
    start, end = (f"{instant:%Y-%m-%d}" for instant in (asked.period.start, asked.period.end))
    found, availability = all_at_once(
        lambda: bounded_rows(caller.client, query, 1, advice=""), lambda: availability_of(caller, asked)
    )
    fields = (
        Choice("format", words["export_format"], "csv", [(name, words[f"export_{name.replace('-', '_')}"]) for name in _FORMATS]),
        Choice("granularity", words["by_granularity"], "month", [(step, words[f"by_{step}"]) for step in _STEPS]),
        Choice("by", words["export_by"], _BY, hint=words["export_by_hint"].format(names=", ".join(GROUPABLE))),
    )
    return Shown(
        title=words["export_title"],
        lead=words["export_lead"],
        crumbs=crumbs(caller, asked, words, words["menu_export"]),
        forms=[Form(fields, words["export_submit"], kept(asked, "format", "granularity", "by", "as"))] if found else [],
        notes=[*filter_notes(asked, words), words["export_bound"].format(rows=f"{_MOST_ROWS:,}")],
        downloads=[
            Download(words[f"export_{name.replace('-', '_')}"], to(asked, "/export", format=name)) for name in PRESETS if found
        ],
        empty="" if found else empty_text(availability, asked, words),
        preformatted=(f"greencloud export --server HOST:PORT --from {start} --to {end} --out footprint.parquet",),
    )


def _file(caller: Caller, asked: Asked, name: str) -> FileAnswer:
    if name == _RESTATEMENTS:
        return _restatements(caller, asked)
    preset = PRESETS.get(name)
    kind = asked.parameters.get("as", _PRESET_TYPES.get(name, name))
    if kind not in _TYPES or (preset and kind == "json"):
        raise QuantityError(f"{name} is not written as {kind!r}", advice="use csv, tsv, jsonl, parquet or arrow")
    step = _step(asked, list(map(str, preset.granularities)) if preset else list(_STEPS))
    if end := _cut(asked, step):
        raise QuantityError(
            f"the {end} of the time cuts a {step} in two, and its row would look whole", advice=f"choose whole {step}s"
        )
    by = preset.group_by if preset else _dimensions(asked.parameters.get("by", _BY))
    query = asked.query(group_by=by, granularity=step)
    advice = "choose a shorter time or longer steps, or take it as a stream: greencloud export, or Client.stream_footprint"
    rows = bounded_rows(caller.client, query, _MOST_ROWS, advice=advice)
    if kind == "json":
        content: str | bytes = _document(rows, asked, by, step)
    else:
        payer = caller.identity.account if caller.identity.member_accounts else ""
        content = write_dataset(preset.data(rows, payer) if preset else footprint_data(rows, by), kind)
    named = f"{name}-" if preset else "footprint-"
    return FileAnswer(
        f"{named}{_stem(caller, asked)}.{kind}", _TYPES[kind], content.encode() if isinstance(content, str) else content
    )


def _document(rows: Sequence[FootprintRow], asked: Asked, by: tuple[str, ...], step: Granularity) -> str:
    period = (asked.period.start, asked.period.end)
    document = footprint_document(rows, account=asked.account or None, period=period, group_by=by, granularity=str(step))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _restatements(caller: Caller, asked: Asked) -> FileAnswer:
    accounts = [asked.account] if asked.account else []
    found: list[Restatement] = []
    for each in caller.client.list_restatements(asked.period.start, asked.period.end, accounts):
        if len(found) == _MOST_RESTATEMENTS:
            raise QuantityError(f"there are more than {_MOST_RESTATEMENTS:,} restatements", advice="choose a shorter time")
        found.append(each)
    return FileAnswer(f"restatements-{_stem(caller, asked)}.csv", _TYPES["csv"], restatements_csv(found).encode())


def _step(asked: Asked, known: Sequence[str]) -> Granularity:
    """The length of a row's period; where none is named the longest up to a month that the time is whole ones of."""
    text = asked.parameters.get("granularity")
    if text is None:
        fitting = [name for name in ("month", "day", "hour") if name in known and not _cut(asked, Granularity(name))]
        return Granularity(fitting[0] if fitting else known[0])
    if text not in known:
        raise QuantityError(f"its rows are not of {text!r}", advice=f"use one of {', '.join(known)}")
    return Granularity(text)


def _dimensions(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in GROUPABLE and not (name.startswith("label:") and name != "label:"):
            raise QuantityError(f"cannot group by {name!r}", advice=f"use some of {', '.join(GROUPABLE)}, label:KEY")
    if len(set(names)) < len(names):
        raise QuantityError("a dimension is named twice", advice="name each once")
    return names


def _cut(asked: Asked, step: Granularity) -> str:
    """Which end of the time cuts a step in two, so that its row would be read as a whole one; "" for none."""
    if step in (Granularity.ALL, Granularity.WINDOW):
        return ""
    ends = {"start": asked.period.start, "end": asked.period.end}
    return next((name for name, instant in ends.items() if bucket_of(instant, step).start != instant), "")


def _stem(caller: Caller, asked: Asked) -> str:
    """Of a file's name: whose, and of which time; letters, digits, dots, hyphens and underscores."""
    whose = asked.account or caller.identity.account or "all"
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{whose}-{asked.period.start:%Y-%m-%d}-{asked.period.end:%Y-%m-%d}")[:120].strip("-.")
