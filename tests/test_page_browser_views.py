"""Every view of the page in a real browser: everybody can read it, in any width, colour and language, and it asks nobody else."""

from __future__ import annotations

from itertools import cycle
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from api_world import PERIOD
from browser import WIDTHS, Look, browser, contrasts, cut, faults, overflow, unfolded
from greencloud.page import customer, provider
from greencloud.report.page import LANGUAGES
from page_site import MONTH, Site, provider_site, reading, site

__all__ = ["browser", "provider_site", "site"]  # fixtures

FILES = {"/statement"}  # /export has a page, too
ASKED = {
    "/service": {"service": "shop"},
    "/operation": {"service": "shop", "operation": "browse"},
    "/trace": {"service": "shop", "operation": "browse"},
    "/compare": {"against": "2024-12"},
}
LOOKS = [(width, dark) for width in WIDTHS for dark in (False, True)]


@pytest.fixture
def visits(request: pytest.FixtureRequest) -> tuple[Site, str, list[str]]:
    """A page, who reads it (an account, or the provider), and addresses without the language."""
    part: str = request.param
    if part == "customer":
        paths, found, account, month = customer.VIEWS, request.getfixturevalue("site"), "acme", MONTH
    else:
        paths, found, account, month = provider.VIEWS, request.getfixturevalue("provider_site"), "", PERIOD
    asked = [(view.path, {"period": month} | ASKED.get(view.path, {})) for view in paths if view.path not in FILES]
    return found, account, [f"{path}?{urlencode(parameters)}" for path, parameters in asked]


def wrong(look: Look, width: str, dark: bool) -> list[str]:
    """What keeps people from reading the page that is open, if it is looked at so."""
    page = look.page
    page.set_viewport_size({"width": WIDTHS[width], "height": 1000})
    page.emulate_media(color_scheme="dark" if dark else "light")
    found = faults(page)
    if beyond := overflow(page):
        found.append(f"{beyond} pixels lie beyond the right edge")
    found += [f"contrast {ratio:.2f}: {colours}" for colours, ratio in contrasts(page).items() if ratio < 4.5]
    found += [f"cut off: {text}" for text in cut(page)]
    return [f"{page.url} {width} {'dark' if dark else 'light'}: {each}" for each in found]


def opened(look: Look, address: str) -> None:
    answer = look.page.goto(address)
    assert answer
    assert answer.status == 200, f"{address}: {look.page.inner_text('main')}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("visits", ["customer", "provider"], indirect=True)
def test_each_view_can_be_read(browser: Browser, visits: tuple[Site, str, list[str]]) -> None:
    site, account, addresses = visits
    found = []
    with reading(browser, site, account) as look:
        for number, ((width, dark), address) in enumerate(zip(cycle(LOOKS), addresses, strict=False)):
            opened(look, f"{site.url}{address}&lang={LANGUAGES[number // 3 % 2]}")
            if number % 2:
                unfolded(look.page)
            found += wrong(look, width, dark)
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("visits", ["customer", "provider"], indirect=True)
def test_each_view_can_be_read_in_every_width_and_colour(
    browser: Browser, visits: tuple[Site, str, list[str]], language: str
) -> None:
    site, account, addresses = visits
    found = []
    with reading(browser, site, account) as look:
        for address in addresses:
            opened(look, f"{site.url}{address}&lang={language}")
            found += wrong(look, "usual", False)
            unfolded(look.page)
            for width, dark in LOOKS:
                found += wrong(look, width, dark)
    assert not found, "\n".join(found)
