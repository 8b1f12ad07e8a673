"""The page: its figures are sums of the ledger's rows, its texts are whole in both languages, and it is silent and harmless."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.errors import QuantityError
from greencloud.report.page import LANGUAGES, account_figures, charts, overview_file, page_html
from greencloud.report.page.charts import parts_of
from greencloud.report.page.figures import AccountFigures, hours_of, hours_question
from greencloud.report.page.texts import texts_in
from greencloud.report.page.what_ifs import use_of, what_if
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.units import Emissions, Energy

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOSTILE = "<script>alert(1)</script>\"'=cmd|' /C calc'!A0"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


class Rows:
    """A ledger of hours: answers queries as a snapshot does, by adding up."""

    def __init__(self, hours: Sequence[tuple[int, str, int, int]], service: str = "web") -> None:
        self.hours = hours  # hour from START, region, energy, Scope 2 location-based
        self.service = service

    def __call__(self, query: FootprintQuery) -> list[FootprintRow]:
        found: dict[tuple[Any, ...], list[int]] = {}
        for hour, region, energy, electricity in self.hours:
            at = START + timedelta(hours=hour)
            if not query.start <= at < query.end:
                continue
            names = {"region": region, "service": self.service, "sku": "std", "component": "dynamic", "operation": "buy"}
            begins = {Granularity.HOUR: at, Granularity.DAY: at.replace(hour=0)}.get(query.granularity, query.start)
            key = (begins, *(names[name] for name in query.group_by))
            sums = found.setdefault(key, [0, 0, 0])
            for place, amount in enumerate((energy, electricity, 1)):
                sums[place] += amount
        steps = {Granularity.HOUR: timedelta(hours=1), Granularity.DAY: timedelta(days=1)}
        step = steps.get(query.granularity, query.end - query.start)
        return [
            FootprintRow(
                key[0],
                key[0] + step,
                dict(zip(query.group_by, key[1:], strict=True)),
                energy=Energy(sums[0]),
                scope2_location_based=Emissions(sums[1]),
                scope2_market_based=Emissions(2 * sums[1]),
                scope3_embodied=Emissions(7 * sums[2]),
                operation_count=sums[2],
                methodology_versions=("reserved_and_used/2",),
                measured_energy=Energy(sums[0]),
            )
            for key, sums in sorted(found.items())
        ]


hours = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["eu", "us"]), st.integers(1, 10**12), st.integers(0, 10**12)),
    max_size=30,
    unique_by=lambda row: row[:2],
)


def figures_of(rows: Rows, days: int = 20, before: FootprintQuery | None = None, account: str = "acme") -> AccountFigures:
    return account_figures(rows, FootprintQuery(START, START + timedelta(days=days)), before, account=account)


@given(hours)
def test_every_view_adds_up_to_the_total(rows: list[tuple[int, str, int, int]]) -> None:
    figures = figures_of(Rows(rows))
    if not rows:
        assert figures.total is None
        return
    assert figures.total is not None
    emissions = figures.total.total_location_based.micrograms
    assert emissions == sum(row[3] + 7 for row in rows)
    assert sum(parts_of(figures.total).values()) == emissions
    assert sum(parts_of(figures.total, market=True).values()) == figures.total.total_market_based.micrograms
    for view in (*figures.by.values(), figures.series):
        assert sum(row.total_location_based.micrograms for row in view) == emissions
    assert sum(cell.micrograms for cell in figures.week) == emissions
    assert sum(cell.energy_mj for cell in figures.week) == figures.total.energy.millijoules


@given(hours)
def test_what_ifs_are_what_the_rows_say_when_they_are_priced_one_by_one(rows: list[tuple[int, str, int, int]]) -> None:
    use = {(hour, region): (energy, electricity) for hour, region, energy, electricity in rows}
    asked = hours_question(FootprintQuery(START, START + timedelta(days=20)))
    both = what_if(use_of(hours_of(Rows(rows)(asked))), hours=3, region="eu")
    for found in (*figures_of(Rows(rows)).what_ifs, both):
        actual, would_be, priced = 0, Fraction(0), 0
        for (hour, region), (energy, electricity) in use.items():
            if found.kind == "region" and region == found.region:
                continue
            other = use.get((hour + found.hours, found.region or region))
            if other is not None:
                actual += electricity
                priced += energy
                would_be += Fraction(energy * other[1], other[0])
        assert found.actual_ug == actual
        assert abs(found.would_be_ug - would_be) <= Fraction(1, 2)
        assert found.share == (Fraction(priced, sum(energy for energy, _ in use.values())) if use else 0)


def test_both_languages_say_everything_with_the_same_blanks() -> None:
    english, chinese = (texts_in(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key
    assert len(chinese["weekdays"].split()) == 7
    with pytest.raises(QuantityError):
        texts_in("xx")


class Reader(HTMLParser):
    """What a page asks of its reader."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "xlink:href", "action"}]
        assert not [name for name, _ in attrs if name.startswith("on")], (tag, attrs)


@pytest.fixture(scope="module")
def page() -> str:
    rows = Rows([(hour, region, 3_600_000 + hour, 400 + hour) for hour in range(60) for region in ("eu", HOSTILE)], service=HOSTILE)
    return page_html(figures_of(rows, 10, account=HOSTILE), now=NOW)


def test_it_runs_no_script_and_asks_nothing_of_the_network(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert "script" not in reader.tags
    assert not {"iframe", "object", "embed", "form"} & set(reader.tags)
    assert reader.links
    assert all(link.startswith(("data:text/csv", "#")) for link in reader.links), reader.links
    assert "url(http" not in page


def test_names_of_telemetry_are_texts_and_never_formulas(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    for content in re.findall(r"data:text/csv;charset=utf-8;base64,([A-Za-z0-9+/=]+)", page):
        for line in base64.b64decode(content).decode().splitlines():
            assert not line.startswith(("=", "+", "-", "@", '"=', '"+', '"-', '"@'))


def test_each_chart_has_its_table_and_the_table_its_csv(page: str) -> None:
    assert page.count("<details") == page.count("<table>") == page.count("data:text/csv")
    assert page.count('<div class="wide"><svg') == page.count('<div class="narrow"><svg') == 9


def test_times_are_utc_wherever_the_page_is_drawn() -> None:
    spec = charts.series(figures_of(Rows([(0, "eu", 1_000, 10)])), texts_in("en"), 860)

    assert {value["key"] for value in spec["data"]["values"]} == {"2026-03-02T00:00:00Z"}


def test_nothing_posted_is_said_and_is_not_zero() -> None:
    empty = figures_of(Rows([]))
    assert "not known" in page_html(empty, now=NOW)
    with pytest.raises(QuantityError, match="nothing is posted"):
        overview_file(empty, "png")


def test_more_names_than_bars_are_added_up() -> None:
    rows = Rows([(hour, f"r{hour}", 1_000, 10) for hour in range(20)])
    assert b"(9 others)" in overview_file(figures_of(rows), "svg")


def test_the_change_is_against_the_period_before() -> None:
    rows = Rows([(0, "eu", 1_000, 93), (48, "eu", 1_000, 193)])
    before = FootprintQuery(START, START + timedelta(days=2))
    figures = account_figures(rows, FootprintQuery(START + timedelta(days=2), START + timedelta(days=4)), before, account="a")
    assert "+100.0 % against the period before" in page_html(figures, now=NOW)


def test_the_command_line_makes_every_file(tmp_path: Path) -> None:
    from greencloud.testing import seed

    data = str(tmp_path / "data")
    run = CliRunner().invoke
    assert run(main, ["ingest", "--data", data, "--facility", str(seed.book(tmp_path)), str(seed.usage(tmp_path))]).exit_code == 0
    assert run(main, ["allocate", "--data", data]).exit_code == 0
    for kind, begins in (("html", b"<!DOCTYPE html>"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<svg")):
        file = tmp_path / f"report.{kind}"
        result = run(
            main, ["report", "--data", data, "--account", "acme", "--period", "2025-01", "--lang", "zh", "--out", str(file)]
        )
        assert result.exit_code == 0, result.output
        assert file.read_bytes().startswith(begins)
    assert "碳足迹" in (tmp_path / "report.html").read_text(encoding="utf-8")
