"""The page in front of the test server of the session, as a browser meets it; who reads it has logged in by a one-time link."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser import Look, looking
from greencloud.client import Client
from greencloud.page import customer, provider
from greencloud.page.app import PageApp
from greencloud.server.web import WebServer
from greencloud.testing import Server

__all__ = ["MONTH", "Site", "reading", "site", "site_of"]

MONTH = "2025-01"
"""The month that the test server has figures of."""


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    server: Server

    def link(self, account: str = "") -> str:
        """A link that logs in as the account once, or as the provider."""
        headers = {"Authorization": f"Bearer {self.server.token(account)}"}
        request = urllib.request.Request(f"{self.url}/links", b"", headers, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: str = json.load(answer)["url"]
            return found


@contextmanager
def site_of(server: Server) -> Iterator[Site]:
    """The page in front of a server."""
    with Client(server.target, token=None) as client:
        app = PageApp(client, customer.VIEWS, provider.VIEWS, clock=lambda: datetime.now(UTC))
        with closing(WebServer("127.0.0.1:0", app)) as web:
            yield Site(web.url, server)


@pytest.fixture(scope="session")
def site(seeded_server: Server) -> Iterator[Site]:
    with site_of(seeded_server) as found:
        yield found


@contextmanager
def reading(browser: Browser, site: Site, account: str = "", **options: Any) -> Iterator[Look]:
    """As ``looking``, logged in as the account or as the provider."""
    with looking(browser, site.url, **options) as look:
        look.page.goto(site.link(account))
        look.page.locator("main button").click()
        yield look
