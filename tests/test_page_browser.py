"""The page as people use it, in a real browser: log in, go down from the account to an operation, take files along, log out."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Browser, expect

from api_world import PERIOD, TENANTS
from browser import WIDTHS, browser, faults, looking, overflow
from greencloud.testing import END, START, Server
from page_site import MONTH, Site, provider_site, reading, site
from serving import greencloud

__all__ = ["browser", "provider_site", "site"]  # fixtures


def test_a_token_logs_in_and_a_button_out(browser: Browser, site: Site) -> None:
    with looking(browser, site.url, allowed="403") as look:
        page = look.page
        page.goto(f"{site.url}/by?dimension=service&period={MONTH}")
        assert page.url.startswith(f"{site.url}/login")
        assert not faults(page)
        page.get_by_label("Access token").fill("nonsense")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        assert not faults(page)

        token = site.token("acme")
        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Log in").click()
        assert page.url == f"{site.url}/by?dimension=service&period={MONTH}", "where the reader was going"
        (cookie,) = page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["value"] not in token
        assert token not in page.content()

        page.get_by_role("button", name="Log out").click()
        page.goto(site.url)
        assert page.url.startswith(f"{site.url}/login")
        assert not page.context.cookies()


def test_a_link_logs_in_once(browser: Browser, site: Site) -> None:
    address = site.link("acme")
    with looking(browser, site.url) as look:
        look.page.goto(address)
        look.page.reload()  # as a preview does
        assert not faults(look.page)
        look.page.locator("main button").click()
        expect(look.page.get_by_role("button", name="Log out")).to_be_visible()
    with looking(browser, site.url, allowed="404") as look:
        answer = look.page.goto(address)
        assert answer
        assert answer.status == 404
        expect(look.page.get_by_role("alert")).to_be_visible()
        assert not faults(look.page)


def test_it_leads_down_to_an_operation_and_back(browser: Browser, site: Site) -> None:
    with reading(browser, site, "acme") as look:
        page = look.page
        page.goto(f"{site.url}/?period={MONTH}")
        page.get_by_role("region", name="By service", exact=True).get_by_role("link", name="shop", exact=True).click()
        assert "service=shop" in page.url
        assert f"period={MONTH}" in page.url
        assert not faults(page)
        page.get_by_role("link", name="browse", exact=True).click()
        assert "operation=browse" in page.url
        crumbs = page.get_by_role("navigation", name="Where you are")
        expect(crumbs.get_by_role("link")).to_have_count(2)
        crumbs.get_by_role("link").first.click()
        assert "service=" not in page.url
        assert f"period={MONTH}" in page.url


def test_the_file_that_it_gives_has_the_exact_figures(browser: Browser, site: Site, seeded_server: Server, tmp_path: Path) -> None:
    with reading(browser, site, "acme", accept_downloads=True) as look:
        look.page.goto(f"{site.url}/by?dimension=service&period={MONTH}")
        with look.page.expect_download() as expected:
            look.page.locator("a[href^='/export'][href*='format=csv']").click()
        path = tmp_path / "footprint.csv"
        expected.value.save_as(path)
    with seeded_server.client("acme") as client:
        exact = client.query_footprint(start=START, end=END).total()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert expected.value.suggested_filename.endswith(".csv")
    assert sum(Decimal(row["total_location_based_micrograms"]) for row in rows) == exact.total_location_based.micrograms


def test_a_statement_is_taken_along_and_verified_without_the_page(browser: Browser, provider_site: Site, tmp_path: Path) -> None:
    with reading(browser, provider_site, TENANTS[0].account, accept_downloads=True) as look:
        look.page.goto(f"{provider_site.url}/statements?period={PERIOD}")
        for link in look.page.locator(".downloads a").all():
            with look.page.expect_download() as expected:
                link.click()
            expected.value.save_as(tmp_path / expected.value.suggested_filename)
        command = look.page.locator("pre").first.inner_text().split()
    assert command[:2] == ["greencloud", "verify"]
    told = greencloud(*(tmp_path / word if word.endswith((".json", ".jsonl")) else word for word in command[1:]))
    assert TENANTS[0].account in told.stdout


def test_what_is_empty_or_wrong_is_said_to_everybody(browser: Browser, site: Site) -> None:
    with reading(browser, site, "acme", width=WIDTHS["narrow"], allowed="Failed to load resource") as look:
        for address, status, said in (
            ("/?period=2020-01", 200, "not known"),
            ("/?period=someday", 400, "write one of"),
            (f"/by?dimension=colour&period={MONTH}", 400, "colour"),
            (f"/?period={MONTH}&account=globex", 403, "permission denied"),
            ("/provider", 403, ""),
            ("/nowhere?lang=zh", 404, "此地址没有页面"),
        ):
            answer = look.page.goto(site.url + address)
            assert answer
            assert answer.status == status, address
            assert said in look.page.inner_text("main")
            assert not faults(look.page), address
            assert not overflow(look.page), address


def test_it_is_used_by_keyboard_alone(browser: Browser, site: Site) -> None:
    with reading(browser, site, "acme") as look:
        page = look.page
        page.goto(f"{site.url}/?period={MONTH}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.querySelector('main').contains(document.activeElement)")
        assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert page.evaluate("() => document.activeElement.id") == "own-1-1", "the period comes first"
        page.keyboard.press("y")  # a choice is made by its first letter
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("period=yesterday"))


def test_it_asks_again_by_itself_only_where_that_is_wanted(browser: Browser, site: Site) -> None:
    with reading(browser, site, "acme") as look:
        page = look.page
        answer = page.goto(f"{site.url}/quality?period={MONTH}")
        assert answer
        assert "refresh" not in answer.headers
        with page.expect_navigation() as again:
            page.get_by_role("link", name="Ask again every minute").click()
        assert again.value
        assert again.value.headers["refresh"] == "60"
        with page.expect_navigation() as ended:
            page.get_by_role("link", name="Stop that").click()
        assert ended.value
        assert "refresh" not in ended.value.headers


def test_the_browser_holds_the_page_to_its_policy(browser: Browser, site: Site) -> None:
    with reading(browser, site, "acme") as look:
        look.page.goto(f"{site.url}/quality?period={MONTH}")
        for attempt, refused in (
            ("document.body.setAttribute('style', 'color: red')", "style-src"),
            ("document.body.append(Object.assign(document.createElement('script'), {textContent: '0'}))", "script-src"),
            ("fetch('/healthz').catch(() => 0)", "connect-src"),
        ):
            look.page.evaluate(f"() => new Promise(done => {{ addEventListener('securitypolicyviolation', done); {attempt} }})")
            assert any(line.startswith("error: CSP: ") and refused in line for line in look.said), look.said
            look.said.clear()
