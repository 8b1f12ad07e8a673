"""The report as a file in a real browser, without a network: everybody can read it, it asks for nothing, and its CSV is exact."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import WIDTHS, browser, contrasts, cut, faults, looking, overflow, unfolded
from greencloud.results import FootprintRow
from greencloud.testing import END, START, Server
from serving import greencloud

__all__ = ["browser"]  # a fixture


@pytest.fixture(scope="module")
def files(seeded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of ``acme`` by language."""
    found = {}
    for language in ("en", "zh"):
        found[language] = tmp_path_factory.mktemp("report") / f"{language}.html"
        source = ["--server", seeded_server.target, "--token", seeded_server.token("acme"), "--account", "acme"]
        greencloud("report", *source, "--period", "2025-01", "--lang", language, "--out", found[language])
    return found


def rows_of(server: Server, *group_by: str) -> dict[str, FootprintRow]:
    with server.client("acme") as client:
        found = client.query_footprint(start=START, end=END, group_by=group_by)
        return {"/".join(row.dimensions[name] for name in group_by): row for row in found}


@pytest.mark.parametrize(
    ("language", "width", "dark"),
    [("en", "usual", False), ("en", "narrow", True), ("zh", "wide", False), ("zh", "narrow", False), ("en", "wide", True)],
)
def test_everybody_can_read_it(browser: Browser, files: dict[str, Path], language: str, width: str, dark: bool) -> None:
    with looking(browser, width=WIDTHS[width], dark=dark) as look:
        look.page.goto(files[language].as_uri())
        shown = "narrow" if width == "narrow" else "wide"
        assert look.page.locator(f".{shown} > svg").first.is_visible()
        assert not look.page.locator(f".{'wide' if shown == 'narrow' else 'narrow'} > svg").first.is_visible()
        assert not overflow(look.page)
        unfolded(look.page)
        assert not overflow(look.page)
        assert not faults(look.page)
        assert not cut(look.page)
        assert min(contrasts(look.page).values()) >= 4.5, contrasts(look.page)
        assert look.asked == [files[language].as_uri()]


def test_it_is_read_by_keyboard_alone(browser: Browser, files: dict[str, Path]) -> None:
    with looking(browser) as look:
        page = look.page
        page.goto(files["en"].as_uri())
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.tagName") == "SUMMARY"
        assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.locator("details").first.get_attribute("open") is not None
        page.keyboard.press("Tab")
        assert str(page.evaluate("() => document.activeElement.download")).endswith(".csv")
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.getAttribute('role')") == "region"


def test_the_csv_of_its_tables_has_the_exact_figures(
    browser: Browser, files: dict[str, Path], seeded_server: Server, tmp_path: Path
) -> None:
    with looking(browser, accept_downloads=True) as look:
        look.page.goto(files["en"].as_uri())
        unfolded(look.page)
        for dimension in ("service", "region", "component"):
            with look.page.expect_download() as expected:
                look.page.locator(f"a[download='{dimension}.csv']").click()
            path = tmp_path / expected.value.suggested_filename
            expected.value.save_as(path)
            with path.open(encoding="utf-8", newline="") as file:
                _, *found = csv.reader(file)
            exact = sorted(rows_of(seeded_server, dimension).values(), key=lambda row: row.energy.millijoules)
            read = sorted(found, key=lambda cells: Decimal(cells[1]))
            assert path.name == f"{dimension}.csv"
            assert [Decimal(cells[2]) * 10**9 for cells in read] == [row.total_location_based.micrograms for row in exact]
            assert [Decimal(cells[3]) * 10**9 for cells in read] == [row.total_market_based.micrograms for row in exact]


def test_it_prints_all_charts_and_no_fold(browser: Browser, files: dict[str, Path]) -> None:
    with looking(browser, width=WIDTHS["narrow"]) as look:
        look.page.goto(files["zh"].as_uri())
        assert look.page.pdf(format="A4").startswith(b"%PDF")
        look.page.emulate_media(media="print")
        assert look.page.locator(".wide > svg").first.is_visible()
        assert not look.page.locator("details").first.is_visible()
