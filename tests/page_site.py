"""The page in front of a real server, as a browser meets it; who reads it has logged in by a one-time link."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser import Look, looking
from greencloud.client import Client
from greencloud.page import customer, provider
from greencloud.page.app import PageApp
from greencloud.server.web import WebServer
from greencloud.testing import Server
from page_provider_world import world

__all__ = ["MONTH", "Site", "provider_site", "reading", "site", "site_of"]

MONTH = "2025-01"
"""The month that the test server has figures of."""


@dataclass(frozen=True, slots=True)
class Site:
    """``token(account)`` is a token of the account, or of the provider without one."""

    url: str
    token: Callable[[str], str]

    def link(self, account: str = "") -> str:
        """A link that logs in once."""
        headers = {"Authorization": f"Bearer {self.token(account)}"}
        request = urllib.request.Request(f"{self.url}/links", b"", headers, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: str = json.load(answer)["url"]
            return found


@contextmanager
def site_of(target: str, token: Callable[[str], str]) -> Iterator[Site]:
    """The page in front of a server. Its clock is the usual one, as that of the browser's cookies is."""
    with Client(target, token=None) as client:
        app = PageApp(client, customer.VIEWS, provider.VIEWS, clock=lambda: datetime.now(UTC))
        with closing(WebServer("127.0.0.1:0", app)) as web:
            yield Site(web.url, token)


@pytest.fixture(scope="session")
def site(seeded_server: Server) -> Iterator[Site]:
    """The page in front of the test server of the session."""
    with site_of(seeded_server.target, seeded_server.token) as found:
        yield found


@pytest.fixture(scope="module")
def provider_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page in front of a ledger that was restated and closed, with goals, measures, an inventory and instruments."""
    now = datetime.now(UTC)
    with world(tmp_path_factory.mktemp("provider"), now=now) as api:

        def token(account: str) -> str:
            return api.keys.issue("tenant" if account else "provider", account, ttl=timedelta(hours=1), now=now)

        with site_of(api.target, token) as found:
            yield found


@contextmanager
def reading(browser: Browser, site: Site, account: str = "", **options: Any) -> Iterator[Look]:
    """As ``looking``, logged in as the account or as the provider."""
    with looking(browser, site.url, **options) as look:
        look.page.goto(site.link(account))
        look.page.locator("main button").click()
        yield look
