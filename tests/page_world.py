"""The live page over a real server in this process, and a reader with cookies; views of the tests stand beside those there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from greencloud.client import Client
from greencloud.page import customer, provider
from greencloud.page.app import PageApp
from greencloud.page.asked import Asked
from greencloud.page.file import FileAnswer
from greencloud.page.shown import Download, Shown
from greencloud.page.view import Caller, View
from greencloud.report.page import charts
from greencloud.report.page.sections import Section, parts_table
from greencloud.report.page.texts import texts_in

HOST = "page.example"
ORIGIN = f"http://{HOST}"


@dataclass
class Clock:
    """A clock that tests move."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


def services(caller: Caller, asked: Asked) -> Shown:
    """Everything by service, with a chart, a table that links, a form's worth of crumbs and a download."""
    accounts = [asked.account] if asked.account else []
    found = caller.client.query_footprint(
        start=asked.period.start, end=asked.period.end, accounts=accounts, group_by=["account", "service"]
    )
    named = [(" ".join(row.dimensions.values()), row) for row in found]
    texts = texts_in(asked.language)
    table = parts_table(named, texts, texts["name"])
    linked = type(table)(table.heading, table.rows, table.csv, [asked.link(service=name) for name, _ in named])
    section = Section(
        "services", texts["by_service"], "", [lambda width: charts.bars(named, texts, width)], linked, ["<b>note</b>"]
    )
    return Shown(
        "Services",
        crumbs=[("All", asked.link(service=None)), (asked.filters.get("service", "-"), "")],
        sections=[section] if named else [],
        empty="" if named else texts["nothing"],
        downloads=[Download("CSV", asked.link("/tests/file"))],
        preformatted=["a < b"],
    )


def file(caller: Caller, asked: Asked) -> FileAnswer:
    return FileAnswer('foot"print\r\n.csv', "text/csv", f"account\n{caller.identity.account}\n".encode())


def broken(caller: Caller, asked: Asked) -> Shown:
    raise RuntimeError("a secret of the inside")


VIEWS = (
    View("/tests", "customer", services),
    View("/tests/file", "market", file, menu=False),
    View("/tests/broken", "energy", broken, menu=False),
)
ALL_VIEWS = (*customer.VIEWS, *provider.VIEWS, *VIEWS)


class Reader:
    """A browser without a window: keeps cookies, and says where its forms come from."""

    def __init__(self, app: PageApp, *, scheme: str = "http") -> None:
        self._origin = f"{scheme}://{HOST}"
        self._browser = Browser(app)

    def get(self, address: str, **more: Any) -> TestResponse:
        return self._browser.get(address, base_url=self._origin, **more)

    def post(
        self, address: str, form: dict[str, str] | None = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> TestResponse:
        said = {"Origin": self._origin} if headers is None else headers
        return self._browser.post(address, base_url=self._origin, data=form, headers=said, **more)

    def head(self, address: str) -> TestResponse:
        return self._browser.head(address, base_url=self._origin)

    def log_in(self, token: str, **form: str) -> TestResponse:
        return self.post("/login", {"token": token, **form})

    def cookies(self) -> list[str]:
        return [
            str(each.value)
            for each in (self._browser.get_cookie(name, HOST) for name in ("greencloud", "__Host-greencloud"))
            if each
        ]

    def plant(self, value: str) -> None:
        self._browser.set_cookie("greencloud", value, domain=HOST)


@contextmanager
def page_of(target: str, clock: Clock, *, views: Sequence[View] = VIEWS) -> Iterator[PageApp]:
    """The application in front of a server."""
    with Client(target, token=None, timeout=20) as client:
        yield PageApp(client, (*customer.VIEWS, *views), provider.VIEWS, clock=clock)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def tags_of(html: str) -> list[tuple[str, dict[str, str]]]:
    """Every tag with its attributes."""
    page = _Page()
    page.feed(html)
    return page.tags


def faults_of(html: str) -> list[str]:
    """What the policy of the page would refuse, or what a stranger's text has made of it."""
    found = []
    ids = []
    for tag, attributes in tags_of(html):
        if tag in {"script", "iframe", "object", "embed", "base", "style", "b", "img"}:
            found.append(f"<{tag}>")
        found += [f"{tag} {name}" for name in attributes if name.startswith("on") or name == "style"]
        links = [attributes[name] for name in ("href", "src", "action", "xlink:href") if name in attributes]
        found += [f"{tag} {link}" for link in links if not re.match(r"[/?#]|data:(text/csv|,)", link) or link.startswith("//")]
        if "id" in attributes:
            ids.append(attributes["id"])
    return found + [f"two of {each}" for each in set(ids) if ids.count(each) > 1]
