"""Disclosures: printed parts add up in every standard, what is not known is never zero, and every number has its evidence."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from disclosure_world import entry, inputs, totals
from greencloud.report.disclosures import disclosure_of, write_disclosure
from greencloud.report.disclosures.figures import first_notes
from greencloud.report.disclosures.printed import printed
from greencloud.results.disclosures import (
    Disclosure,
    DisclosureFormat,
    DisclosureInputs,
    DisclosureStandard,
    Figure,
)
from greencloud.results.goals import Goal, GoalKind, GoalYear
from greencloud.results.inventory import SCOPE3_CATEGORIES, InventoryEntry, LedgerReference
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

STANDARDS = list(DisclosureStandard)
AMOUNTS = st.integers(0, 10**19)
ENTRIES = st.builds(
    lambda scopes, categories: (
        [entry(f"e-{scope}", scope, amount) for scope, amount in scopes.items()]
        + [entry(f"e-3-{number}", "scope3", amount, number) for number, amount in categories.items()]
    ),
    st.dictionaries(st.sampled_from(["scope1", "scope2_location_based", "scope2_market_based"]), AMOUNTS),
    st.dictionaries(st.sampled_from([None, *SCOPE3_CATEGORIES]), AMOUNTS),
)


def figures(disclosure: Disclosure) -> list[Figure]:
    return [figure for section in disclosure.sections for figure in section.figures]


def values(disclosure: Disclosure, *fields: str) -> list[Decimal | None]:
    return [figure.value for field in fields for figure in figures(disclosure) if figure.field == field and figure.unit]


def of(entries: list[InventoryEntry]) -> DisclosureInputs:
    return DisclosureInputs(inventory=totals(entries), created=inputs().created, entries=tuple(entries))


def added(parts: Iterable[Decimal | None]) -> Decimal:
    return sum((part for part in parts if part is not None), Decimal(0))


@given(ENTRIES)
def test_what_is_printed_adds_up_in_every_standard(entries: list[InventoryEntry]) -> None:
    given_ = of(entries)
    ghg, iso, esrs, ifrs = (disclosure_of(standard, given_) for standard in STANDARDS[:4])
    categories = [figure.value for figure in figures(ghg) if figure.field.startswith("Scope 3.")]
    (scope3, *same) = values(ghg, "Scope 3")
    assert same == [scope3]
    assert added(categories) == (scope3 or 0)
    for method in ("location-based", "market-based"):
        parts = [*values(ghg, "Scope 1", f"Scope 2 ({method})"), scope3]
        (total,) = values(ghg, f"Total ({method})")
        assert total == (None if None in parts else added(parts))
    direct, imported = values(iso, "9.3.1 f)")[:1], values(iso, "9.3.1 j) 2")
    others = values(iso, *(f"9.3.1 j) {number}" for number in range(3, 7)))
    for scope2, whole in zip(imported, values(iso, "9.3.1 f), j)"), strict=True):
        assert whole is None or whole == added([*direct, scope2, *others])
    assert values(esrs, "E1-8 [E1-6 52(a)]", "E1-8 [E1-6 52(b)]") == values(ghg, "Total (location-based)", "Total (market-based)")
    assert values(ifrs, "29(a)(i)") == values(ghg, "Total (location-based)")


@given(ENTRIES)
def test_figures_are_within_three_kilograms_of_what_is_booked(entries: list[InventoryEntry]) -> None:
    inventory = totals(entries)
    shown = printed(inventory)
    for scope in shown.scopes:
        exact = inventory.scope(scope)
        assert exact is not None
        assert abs(shown.scopes[scope] * 10**9 - exact.micrograms) < 10**9
    for method, total in (("location_based", inventory.total_location_based), ("market_based", inventory.total_market_based)):
        found = shown.total(method)
        assert (found is None) == (total is None)
        if found is not None and total is not None:
            assert abs(found * 10**12 - total.micrograms) < 3 * 10**9


@given(ENTRIES)
def test_what_is_not_booked_is_not_known_and_never_zero(entries: list[InventoryEntry]) -> None:
    booked = {(each.scope, each.category) for each in entries}
    ghg = disclosure_of(DisclosureStandard.GHG_PROTOCOL, of(entries))
    for number in SCOPE3_CATEGORIES:
        (value,) = values(ghg, f"Scope 3.{number}")
        assert (value is not None) == (("scope3", number) in booked)
    for figure in figures(ghg):
        assert figure.value is not None or figure.text


@pytest.mark.parametrize("standard", STANDARDS)
def test_every_number_names_its_evidence(standard: DisclosureStandard) -> None:
    for figure in figures(disclosure_of(standard, inputs())):
        if figure.value is not None and not figure.field.startswith("Uncertainty") and "p), q)" not in figure.field:
            assert figure.evidence, figure


@pytest.mark.parametrize("standard", STANDARDS)
def test_an_empty_year_has_no_number(standard: DisclosureStandard) -> None:
    assert [figure for figure in figures(disclosure_of(standard, of([]))) if figure.value is not None] == []


FIELDS = {
    DisclosureStandard.GHG_PROTOCOL: {"Scope 1", "Scope 2 (location-based)", "Scope 2 (market-based)", "Scope 3", "Biogenic CO2"}
    | {f"Scope 3.{number}" for number in range(1, 16)}
    | {"Consolidation approach", "Base year", "Base year Scope 1", "Recalculation policy", "GWP", "Offset credits"},
    # 9.3.1 of the standard, letter by letter
    DisclosureStandard.ISO_14064_1: {f"9.3.1 {letter})" for letter in "abcdefghiklmnorst"}
    | {f"9.3.1 j) {number}" for number in range(2, 7)}
    | {f"9.3.1 p), q) {number}" for number in range(1, 7)},
    DisclosureStandard.ESRS_E1: {
        *(f"E1-8 [E1-6 {paragraph}]" for paragraph in ("48(a)", "49(a)", "49(b)", "51", "52(a)", "52(b)")),
        *(f"E1-7 [E1-5 37{letter}]" for letter in ("", "(a)", "(b)", "(c)")),
        *(f"E1-6 [E1-4 34({letter})]" for letter in "abd"),
        "E1-9 [E1-7 58(a)]",
        "E1-9 [E1-7 59(a)]",
        "E1-9 [E1-7 61]",
    },
    DisclosureStandard.IFRS_S2: {
        *(f"29(a)(i)({number})" for number in (1, 2, 3)),
        *(f"29(a)({roman})" for roman in ("ii", "iii", "iv", "v")),
        *(f"29(a)(vi)(1) {number}" for number in range(1, 16)),
        *(f"29({letter})" for letter in "bcdefg"),
        *("33(a), (b)", "33(c)", "33(d)", "33(e)", "33(f)", "33(g)", "34(a)", "35", "36(a), (b)", "36(c)", "36(e)"),
    },
    DisclosureStandard.PACT: {"id", "pcf.declaredUnitOfMeasurement", "pcf.referencePeriod", "pcf.pcfExcludingBiogenicUptake"},
}


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_fields_of_the_standard_are_all_there(standard: DisclosureStandard) -> None:
    assert FIELDS[standard] <= {figure.field for figure in figures(disclosure_of(standard, inputs()))}


@pytest.mark.parametrize("standard", STANDARDS)
def test_neither_removals_nor_credits_change_an_amount(standard: DisclosureStandard) -> None:
    without = replace(inputs(), instruments=(), neutrality=())
    kept = {(each.field, each.label, each.value) for each in figures(disclosure_of(standard, without)) if each.value is not None}
    with_them = {(each.field, each.label, each.value) for each in figures(disclosure_of(standard, inputs()))}
    assert kept <= with_them


def test_json_and_csv_and_excel_hold_the_same_figures() -> None:
    for standard in STANDARDS[:4]:
        wanted = [(each.field, each.label, each.value, each.unit) for each in figures(disclosure_of(standard, inputs()))]
        document = json.loads(write_disclosure(standard, inputs(), DisclosureFormat.JSON).content)
        found = [each for section in document["sections"] for each in section["figures"]]
        assert [(e["field"], e["label"], e["value"] and Decimal(e["value"]), e["unit"]) for e in found] == wanted
        text = write_disclosure(standard, inputs(), DisclosureFormat.CSV).content.decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(r["field"], r["label"], Decimal(r["value"]) if r["value"] else None, r["unit"]) for r in rows] == wanted
        book = load_workbook(io.BytesIO(write_disclosure(standard, inputs(), DisclosureFormat.XLSX).content))
        cells = [
            row[:4] for sheet in book.worksheets[1:] for row in sheet.iter_rows(min_row=3, values_only=True) if row[0] != "Note"
        ]
        assert [(f, label, None if v is None else Decimal(str(v)), unit or "") for f, label, v, unit in cells] == [
            (f, label, v and v.normalize() + 0, unit) for f, label, v, unit in wanted
        ]


def test_no_text_is_run_as_a_formula_or_as_markup() -> None:
    hostile = replace(inputs(), policy=replace(inputs().policy, organization="=cmd|' /C calc'!A0 <script>alert(1)</script>"))
    for standard in STANDARDS:
        book = load_workbook(io.BytesIO(write_disclosure(standard, hostile, DisclosureFormat.XLSX).content))
        assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}
        text = write_disclosure(standard, hostile, DisclosureFormat.CSV).content.decode()
        assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell.startswith("=")]
        page = write_disclosure(standard, hostile, DisclosureFormat.HTML).content.decode()
        assert "<script" not in page
        assert "<b>late" not in page


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_document_leads_from_each_figure_to_its_evidence_and_back(standard: DisclosureStandard) -> None:
    page = write_disclosure(standard, inputs(), DisclosureFormat.HTML).content.decode()
    reader = _Links()
    reader.feed(page)
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    for figure in figures(disclosure_of(standard, inputs())):
        for name in figure.evidence:
            assert f"<code>{name}</code>" in page


def test_files_are_the_same_each_time() -> None:
    for standard in STANDARDS:
        for form in (DisclosureFormat.JSON, DisclosureFormat.CSV, DisclosureFormat.HTML):
            assert write_disclosure(standard, inputs(), form) == write_disclosure(standard, inputs(), form)


def test_a_year_without_entries_says_so_first() -> None:
    given = inputs()
    empty = replace(given, inventory=replace(given.inventory, lines=()))

    assert first_notes(empty)[0] == f"Nothing is booked for {given.inventory.year}: no emissions are known, and none is zero."
    assert not first_notes(given)[0].startswith("Nothing")


def goal_inputs(goal: Goal, years: tuple[GoalYear, ...]) -> DisclosureInputs:
    (_, progress), *_ = inputs().goals
    assert progress is not None
    return replace(inputs(), goals=((goal, replace(progress, years=years, latest_year=years[-1].reporting_year)),))


def targets(given: DisclosureInputs, standard: DisclosureStandard) -> list[Figure]:
    return [figure for figure in figures(disclosure_of(standard, given)) if ": target " in figure.label]


@pytest.mark.parametrize("standard", [DisclosureStandard.ESRS_E1, DisclosureStandard.IFRS_S2])
def test_the_amount_of_an_intensity_target_is_not_known_before_its_business_metric_is(standard: DisclosureStandard) -> None:
    (goal, _), *_ = inputs().goals
    goal = replace(goal, kind=GoalKind.INTENSITY, metric="businessMetrics/revenue", milestones=())
    base = GoalYear(2020, Emissions(10**15), Emissions(10**15), metric=Fraction(9))
    ahead, reached = (GoalYear(2030, Emissions(10**14), metric=metric) for metric in (None, Fraction(7)))

    (unknown,) = targets(goal_inputs(goal, (base, ahead)), standard)
    (known,) = targets(goal_inputs(goal, (base, reached)), standard)

    assert unknown.value is None
    assert "businessMetrics/revenue" in unknown.text
    assert known.value is not None


@pytest.mark.parametrize("standard", [DisclosureStandard.ESRS_E1, DisclosureStandard.IFRS_S2])
def test_a_fiscal_year_of_a_goal_is_called_one(standard: DisclosureStandard) -> None:
    (goal, _), *_ = inputs().goals
    given = goal_inputs(goal, (GoalYear(2022, Emissions(10**15), Emissions(10**15), fiscal=True),))
    given = replace(given, inventory=replace(given.inventory, year=ReportingYear(2022, True)))
    texts = [figure.text for figure in figures(disclosure_of(standard, given)) if figure.label == goal.display_name]
    assert any("; FY2022: " in text for text in texts)


def test_credits_are_told_with_the_goal_that_they_are_claimed_for() -> None:
    given = inputs()
    (goal, progress), *_ = given.goals
    one, other = (replace(goal, id=name) for name in ("one", "other"))
    claimed = tuple(
        replace(each, uses=tuple(replace(use, goal=one.name) for use in each.uses)) if each.uses else each
        for each in given.instruments
    )
    given = replace(given, goals=((one, progress), (other, progress)), instruments=claimed)

    found = [figure for figure in figures(disclosure_of(DisclosureStandard.IFRS_S2, given)) if figure.field == "36(e)"]

    assert any(figure.value for figure in found if figure.label.startswith("one:"))
    assert not any(figure.value for figure in found if figure.label.startswith("other:"))


@pytest.mark.parametrize("standard", [DisclosureStandard.GHG_PROTOCOL, DisclosureStandard.ISO_14064_1, DisclosureStandard.IFRS_S2])
def test_every_set_of_gwps_that_entries_were_worked_out_with_is_named(standard: DisclosureStandard) -> None:
    given = inputs()
    entries = tuple(
        replace(each, activity=replace(each.activity, gwp_set="AR4")) if each.activity else each for each in given.entries
    )
    said = " ".join(figure.text for figure in figures(disclosure_of(standard, replace(given, entries=entries))))
    assert f"IPCC {given.policy.gwp_set}; of some entries, by their activity data, AR4" in said


@pytest.mark.parametrize("covered", [90_000, 31_536_000])
def test_a_ledger_that_covers_a_part_of_the_year_is_told(covered: int) -> None:
    given = inputs()
    line = LedgerReference("scope1", given.inventory.start, given.inventory.end, 3, covered)
    entries = (*given.entries, entry("from-the-ledger", "scope1", 5, reference=line))
    for standard in STANDARDS[:4]:
        notes = " ".join(disclosure_of(standard, replace(given, entries=entries)).notes)
        assert ("1 entry is a line of the ledger, which covers 90,000 of the 31,536,000 seconds" in notes) == (covered == 90_000)
