"""Makes docs/pictures/*.png, which README.md and docs/page.md show: ``make pictures``.

A real server on the testing data, its page before it, and Chromium that reads it. The figures are made up, and the same each time;
fonts are those of the machine, so a picture is made again where the page has changed and not for its bits.

python docs/pictures.py [NAME ...]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from greencloud.client import Client
from greencloud.page import customer, provider
from greencloud.page.app import PageApp
from greencloud.server.web import WebServer
from greencloud.testing import Server

FOLDER: Final = Path(__file__).parent / "pictures"
LARGEST: Final = 200_000


@dataclass(frozen=True)
class Picture:
    """What is shown to whom (an account; "" is the provider), in a window of ``width`` by ``height``."""

    name: str
    account: str
    address: str
    width: int = 1240
    height: int = 1100
    dark: bool = False


PICTURES: Final = (
    Picture("overview", "acme", "/?period=2025-01-07"),
    Picture("operation", "acme", "/operation?period=2025-01-07&service=shop&operation=browse"),
    Picture("rules", "acme", "/rules?period=2025-01-07", height=880),
    Picture("narrow-dark", "acme", "/?period=2025-01-07&lang=zh", width=390, height=844, dark=True),
    Picture("provider", "", "/provider?period=2025-01"),
    Picture("conservation", "", "/provider/conservation?period=2025-01", dark=True),
)


def main(names: list[str]) -> int:
    """Make those with these names, or all."""
    FOLDER.mkdir(exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        print("there is no Chromium (Debian: apt-get install chromium fonts-noto-cjk)", file=sys.stderr)
        return 1
    with (
        Server() as server,
        page_before(server) as url,
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])) as browser,
    ):
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            content = taken(browser, url, server, picture)
            if len(content) > LARGEST:
                print(f"{picture.name} takes {len(content):,} bytes: show less", file=sys.stderr)
                return 1
            (FOLDER / f"{picture.name}.png").write_bytes(content)
            print(f"docs/pictures/{picture.name}.png: {len(content):,} bytes")
    return 0


@contextmanager
def page_before(server: Server) -> Iterator[str]:
    with Client(server.target, token=None) as client:
        app = PageApp(client, customer.VIEWS, provider.VIEWS, clock=lambda: datetime.now(UTC))
        with closing(WebServer("127.0.0.1:0", app)) as web:
            yield web.url


def taken(browser: Browser, url: str, server: Server, picture: Picture) -> bytes:
    """The picture as a PNG."""
    with closing(
        browser.new_context(
            viewport={"width": picture.width, "height": picture.height},
            color_scheme="dark" if picture.dark else "light",
            reduced_motion="reduce",
        )
    ) as context:
        page = context.new_page()
        page.goto(f"{url}/login")
        page.locator("#token").fill(server.token(picture.account))
        page.locator("main button").click()
        answer = page.goto(url + picture.address)
        assert answer
        assert answer.ok, page.inner_text("main")
        return page.screenshot()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
