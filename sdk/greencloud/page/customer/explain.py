"""Why a figure is what it is: the ledger's amounts, and the arithmetic of its largest windows from meters, usage and factors on.

The explanation is the document of ``greencloud explain``; the page shows its amounts as tables and its arithmetic as text, and
gives the whole as JSON, of which a program can run every step again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from greencloud.errors import NotFoundError, QuantityError
from greencloud.page.asked import Asked
from greencloud.page.customer.asking import availability_of, largest_rows, several_accounts
from greencloud.page.customer.breakdown import breakdown
from greencloud.page.customer.overview import empty_text
from greencloud.page.customer.places import crumbs, filter_notes, kept, to
from greencloud.page.file import FileAnswer
from greencloud.page.shown import Choice, Download, Form, Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.delimited import inert
from greencloud.report.explanation import explanation_text
from greencloud.report.page.sections import Section, Table
from greencloud.units import format_emissions, format_energy

__all__ = ["show"]

_WINDOWS: Final = ("0", "1", "2", "4")
_MOST_ACCOUNTS: Final = 200
_LINES: Final = (
    "scope2_location_ug",
    "scope2_market_ug",
    "energy_mj",
    "scope1_ug",
    "scope3_upstream_location_ug",
    "scope3_upstream_market_ug",
    "scope3_embodied_ug",
)
"""What the arithmetic is shown of, one at a time: of all it is a long read, which the JSON is for."""

_BASIS: Final = ("batch_id", "methodology_version", "facility_revision", "usage_revision")
"""What a window's figures rest on, by name in the document."""


def show(caller: Caller, asked: Asked) -> Shown | FileAnswer:
    words = words_in(asked.language)
    if several_accounts(caller, asked):  # the server would explain the payer's own account alone
        return _accounts(caller, asked, words)
    windows, line = asked.parameters.get("windows", "1"), asked.parameters.get("line", _LINES[0])
    if windows not in _WINDOWS:
        raise QuantityError(f"{windows!r} windows are not explained at once", advice=f"choose one of {', '.join(_WINDOWS)}")
    if line not in _LINES:
        raise QuantityError(f"there is no line {line!r}", advice=f"choose one of {', '.join(_LINES)}")
    fields = (
        Choice("line", words["explain_measure"], line, [(each, words[f"explain_{each}"]) for each in _LINES]),
        Choice("windows", words["explain_windows"], windows, [(each, each) for each in _WINDOWS]),
    )
    form = Form(fields, words["explain_submit"], kept(asked, "line", "windows", "format"))
    shown = Shown(
        title=words["explain_title"],
        lead=words["explain_lead"],
        crumbs=crumbs(caller, asked, words, words["menu_explain"]),
        forms=[form],
        notes=[*filter_notes(asked, words), *([words["explain_no_region"]] if "region" in asked.filters else [])],
    )
    whole = asked.parameters.get("format") == "json"
    try:
        document = _document(caller, asked, int(windows) if whole else 0)
    except NotFoundError:
        return replace(shown, empty=empty_text(availability_of(caller, asked), asked, words))
    if whole:
        content = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        return FileAnswer(f"explanation-{asked.period.start:%Y-%m-%d}.json", "application/json", content.encode())
    sections = [_amounts(document["amounts"], words), _components(document["by_component"], words)]
    document = _document(caller, asked, int(windows), line) if windows != "0" else document
    return replace(
        shown,
        sections=[*sections, *_windows(document, words)],
        downloads=[Download(words["explain_json"], asked.link(format="json"))],
        preformatted=[explanation_text(document)] if document["windows"] else [],
    )


def _document(caller: Caller, asked: Asked, windows: int, *lines: str) -> dict[str, Any]:
    """The explanation of these lines, of all where none is named; of no window only the amounts, which are soon there."""
    names = {"service": "services", "sku": "skus", "operation": "operations", "component": "components", "site": "sites"}
    found = {name: asked.filters.get(name, asked.parameters.get(name, "")) for name in names}
    return caller.client.explain_footprint(
        start=asked.period.start,
        end=asked.period.end,
        account=asked.account,
        measures=lines,
        windows=windows,
        **{field: (found[name],) for name, field in names.items() if found[name]},  # type: ignore[arg-type]
    )


def _accounts(caller: Caller, asked: Asked, words: Mapping[str, str]) -> Shown:
    """Whose figure to explain: for who sees several and named none."""
    rows, _ = largest_rows(caller.client, asked.query(group_by=("account",)), _MOST_ACCOUNTS)
    shown = Shown(
        title=words["explain_title"], lead=words["explain_choose"], crumbs=crumbs(caller, asked, words, words["menu_explain"])
    )
    if not rows:
        return replace(shown, empty=empty_text(availability_of(caller, asked), asked, words))
    section = breakdown(rows, "account", words, link=lambda row: to(asked, "/explain", account=row.dimensions["account"] or None))
    return replace(shown, sections=[section])


def _people(measure: str, amount: str) -> str:
    return format_energy(int(amount)) if measure == "energy_mj" else f"{format_emissions(int(amount))} CO2e"


def _amounts(amounts: Mapping[str, str], words: Mapping[str, str]) -> Section:
    rows = [(words[f"explain_{name}"], _people(name, amount), amount) for name, amount in amounts.items()]
    exact = [("measure", "amount"), *amounts.items()]
    heading = [words["explain_measure"], words["explain_amount"], words["explain_exact"]]
    return Section("amounts", words["explain_amounts"], words["explain_amounts_help"], [], Table(heading, rows, exact))


def _components(by_component: Mapping[str, Mapping[str, str]], words: Mapping[str, str]) -> Section:
    rows = [
        (words.get(component, component), *(_people(name, amount) for name, amount in amounts.items()))
        for component, amounts in by_component.items()
        if any(int(amount) for amount in amounts.values())
    ]
    measures = list(next(iter(by_component.values()), {}))
    exact = [("component", *measures), *((component, *amounts.values()) for component, amounts in by_component.items())]
    heading = [words["customer_component"], *(words[f"explain_{name}"] for name in measures)]
    return Section("components", words["by_component"], words["component_help"], [], Table(heading, rows, exact))


def _windows(document: Mapping[str, Any], words: Mapping[str, str]) -> list[Section]:
    """The windows that are explained, and what they rest on."""
    found = document["windows"]
    if not found:
        return []
    heading = [
        words["restatements_window"],
        words["customer_site"],
        words["explain_state"],
        *(words[f"explain_{name}"] for name in _BASIS),
    ]
    rows, exact = [], [("window_start", "site", *_BASIS)]
    for window in found:
        told = [str(window[name]) for name in _BASIS]
        rows.append((window["window_start"], window["site"], window["reason"] or words["explain_explained"], *told))
        exact.append((window["window_start"], inert(window["site"]), *map(inert, told)))
    rest = document["rest"]["windows"]
    notes = [words["explain_rest"].format(count=f"{rest:,}")] if rest else []
    return [Section("windows", words["explain_largest"], words["explain_largest_help"], [], Table(heading, rows, exact), notes)]
