"""Every view of the page in a real browser: everybody can read it, in any width, colour and language, and it asks nobody else."""

from __future__ import annotations

from itertools import cycle
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from browser import WIDTHS, Look, browser, contrasts, faults, overflow, unfolded
from greencloud.page import customer, provider
from page_site import MONTH, Site, reading, site

__all__ = ["browser", "site"]  # fixtures

FILES = {"/statement", "/export"}
ASKED = {
    "/service": {"service": "shop"},
    "/operation": {"service": "shop", "operation": "browse"},
    "/trace": {"service": "shop", "operation": "browse"},
    "/by": {"dimension": "service"},
    "/compare": {"against": "2024-12"},
}
PARTS = {"acme": customer.VIEWS, "": provider.VIEWS}
LOOKS = [(width, dark) for width in WIDTHS for dark in (False, True)]


def addresses(account: str, language: str) -> list[str]:
    paths = [view.path for view in PARTS[account] if view.path not in FILES]
    asked = {"period": MONTH, "lang": language}
    return [f"{path}?{urlencode(asked | ASKED.get(path, {}))}" for path in paths]


def wrong(look: Look, width: str, dark: bool) -> list[str]:
    """What keeps people from reading the page that is open, if it is looked at so."""
    page = look.page
    page.set_viewport_size({"width": WIDTHS[width], "height": 1000})
    page.emulate_media(color_scheme="dark" if dark else "light")
    found = faults(page)
    if beyond := overflow(page):
        found.append(f"{beyond} pixels lie beyond the right edge")
    found += [f"contrast {ratio:.2f}: {colours}" for colours, ratio in contrasts(page).items() if ratio < 4.5]
    return [f"{page.url} {width} {'dark' if dark else 'light'}: {each}" for each in found]


@pytest.mark.parametrize("account", PARTS, ids=lambda account: account or "provider")
def test_each_view_can_be_read(browser: Browser, site: Site, account: str) -> None:
    found = []
    with reading(browser, site, account) as look:
        for number, ((width, dark), address) in enumerate(
            zip(cycle(LOOKS), addresses(account, "en" if account else "zh"), strict=False)
        ):
            answer = look.page.goto(site.url + address)
            assert answer
            assert answer.status == 200, f"{address}: {look.page.inner_text('main')}"
            if number % 2:
                unfolded(look.page)
            found += wrong(look, width, dark)
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("account", PARTS, ids=lambda account: account or "provider")
def test_each_view_can_be_read_in_every_width_and_colour(browser: Browser, site: Site, account: str, language: str) -> None:
    found = []
    with reading(browser, site, account) as look:
        for address in addresses(account, language):
            answer = look.page.goto(site.url + address)
            assert answer
            assert answer.status == 200, f"{address}: {look.page.inner_text('main')}"
            found += wrong(look, "usual", False)
            unfolded(look.page)
            for width, dark in LOOKS:
                found += wrong(look, width, dark)
    assert not found, "\n".join(found)
