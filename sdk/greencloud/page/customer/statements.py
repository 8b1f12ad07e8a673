"""Closed periods: the log of roots, and the statement of an account with its proof, to be checked without trusting this page.

The files are byte for byte those of ``greencloud statement``: the statement, the root that it is verified against, and the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from greencloud.errors import QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.places import crumbs, kept, to
from greencloud.page.file import FileAnswer
from greencloud.page.shown import Choice, Download, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.page.sections import Card, Section, Table
from greencloud.results import RootLogEntry
from greencloud.units import format_instant

__all__ = ["show", "statement"]

_PARTS: Final = ("statement", "root", "log")
_JSON: Final = "application/json"


def show(caller: Caller, asked: Asked) -> Shown:
    words = words_in(asked.language)
    log = list(caller.client.list_root_log_entries())
    closes = [entry for entry in log if entry.period]
    shown = Shown(
        title=words["statements_title"],
        lead=words["statements_lead"],
        crumbs=crumbs(caller, asked, words, words["menu_statements"]),
    )
    if not closes:
        return replace(shown, empty=words["statements_none"])
    account = asked.account or caller.identity.account
    chosen = _chosen(asked, closes)
    shown = replace(shown, sections=[_section(closes, asked, words)], cards=_cards(closes, words))
    if not account:
        form = Form([Choice("account", words["customer_account"])], words["statements_submit"], kept(asked, "account"))
        return replace(shown, forms=[form], notes=[words["statements_choose"]])
    files = [_file_name(part, chosen.period) for part in _PARTS]
    return replace(
        shown,
        downloads=[
            Download(
                words[f"statements_{part}"].format(period=chosen.period),
                to(asked, "/statement", **_period(chosen.period), account=account, part=part),
            )
            for part in _PARTS
        ],
        notes=[words["statements_key"].format(key=chosen.key_fingerprint)],
        preformatted=(f"greencloud verify {files[0]} --root {files[1]} --log {files[2]}",),
    )


def statement(caller: Caller, asked: Asked) -> FileAnswer:
    """One of the three files of ``greencloud statement``.

    Raises:
        QuantityError: there is no such part, or no account or period is named.
        NotFoundError: the period is not closed, or the account is not in it.
    """
    part, period = asked.parameters.get("part", "statement"), asked.period_text
    if part not in _PARTS:
        raise QuantityError(f"a statement has no part {part!r}", advice=f"use one of {', '.join(_PARTS)}")
    if "period" not in asked.parameters:
        raise QuantityError("no period is named", advice="write ?period=2026-11; /statements lists those that are closed")
    if not asked.account and not caller.identity.account:
        raise QuantityError("no account is named", advice="write ?account=ID")
    if part == "log":
        entries = list(caller.client.list_root_log_entries())
        content = b"".join(entry.entry + b"\n" for entry in entries)
        return FileAnswer(_file_name(part, period), "application/jsonl", content)
    found = caller.client.get_statement(period, asked.account)
    return FileAnswer(_file_name(part, period), _JSON, found.statement if part == "statement" else found.root)


def _chosen(asked: Asked, closes: Sequence[RootLogEntry]) -> RootLogEntry:
    """The latest close of the period asked for; the latest of all where that is not closed."""
    found = [entry for entry in closes if (entry.start, entry.end) == (asked.period.start, asked.period.end)]
    return (found or closes)[-1]


def _period(name: str) -> dict[str, str | None]:
    return {"period": name, "from": None, "to": None}


def _file_name(part: str, period: str) -> str:
    return f"{part}-{period}.{'jsonl' if part == 'log' else 'json'}"


def _cards(closes: Sequence[RootLogEntry], words: Mapping[str, str]) -> list[Card]:
    return [
        Card(words["statements_count"], f"{len({entry.period for entry in closes}):,}"),
        Card(words["statements_last"], closes[-1].period, format_instant(closes[-1].created)),
    ]


def _section(closes: Sequence[RootLogEntry], asked: Asked, words: Mapping[str, str]) -> Section:
    """Every close, the latest first; its period leads here, with its files to download."""
    restated = {entry.restates for entry in closes}
    heading = [words[f"statements_{name}"] for name in ("period", "closed", "index", "note", "fingerprint")]
    rows, links = [], []
    exact: list[Sequence[str]] = [("period", "index", "closed", "start", "end", "restates", "key_fingerprint", "entry")]
    for entry in reversed(closes):
        note = words["statements_restates"].format(index=entry.restates) if entry.restates is not None else ""
        later = words["statements_restated"] if entry.index in restated else ""
        closed = format_instant(entry.created)
        rows.append((entry.period, closed, str(entry.index), ", ".join(filter(None, (note, later))), entry.key_fingerprint))
        times = ("" if each is None else format_instant(each) for each in (entry.start, entry.end))
        restates = "" if entry.restates is None else str(entry.restates)
        exact.append((entry.period, str(entry.index), closed, *times, restates, entry.key_fingerprint, entry.entry.decode()))
        links.append(to(asked, "/statements", **_period(entry.period)))
    return Section("closes", words["statements_log"], words["statements_log_help"], [], Table(heading, rows, exact, links))
