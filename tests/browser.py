"""A real browser for tests: the Chromium of this machine, driven by Playwright, with axe to find what keeps people from reading.

``looking`` opens a page as one reader has it (width, colours, language) and holds at its end that the page asked nothing of anybody
but the place that it came from, said nothing on the console, and broke no rule of its own Content-Security-Policy.

The browser is one a module and not one a session: Playwright keeps a loop of asyncio running in the thread that started it, and
tests of other modules have loops of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

__all__ = ["WIDTHS", "Look", "browser", "contrasts", "cut", "faults", "looking", "overflow", "unfolded"]

WIDTHS: Final = {"narrow": 390, "usual": 1280, "wide": 3840}
_REFUSED: Final = "addEventListener('securitypolicyviolation', e => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
_AXE: Final = Axe()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium fonts-noto-cjk)")
    with sync_playwright() as playwright:
        # Containers and root have no user namespaces, which the sandbox needs; what is opened here is our own.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Look:
    """A page that is open, the addresses that it asked for, and what went wrong there."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def asks_only(self, origin: str) -> bool:
        """Whether every request went to ``SCHEME://HOST:PORT``, or to no place at all (``data:``)."""
        return all(url.startswith("data:") or _origin(url) == origin for url in self.asked)


@contextmanager
def looking(
    browser: Browser,
    origin: str = "",
    *,
    width: int = WIDTHS["usual"],
    dark: bool = False,
    language: str = "en-GB",
    allowed: str = "",
    **options: Any,
) -> Iterator[Look]:
    """A reader of ``origin``; without one, of files, with no network at all. ``allowed``: what the console may say, in part."""
    colours: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": max(900, width // 2)},
        color_scheme=colours,
        reduced_motion="reduce",
        locale=language,
        offline=not origin,
        service_workers="block",
        **options,
    )
    try:
        context.set_default_timeout(15_000)
        context.set_default_navigation_timeout(60_000)
        context.add_init_script(_REFUSED)
        look = Look(context.new_page())

        def asked(request: Request) -> None:
            look.asked.append(request.url)

        context.on("request", asked)
        context.on("console", lambda message: look.said.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: look.said.append(str(error.error)))
        yield look
        assert look.asks_only(origin or "file://"), look.asked
        assert not [line for line in look.said if not allowed or allowed not in line], look.said
    finally:
        context.close()


def unfolded(page: Page) -> None:
    """Open everything that is folded, so that it is looked at."""
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true })")


def faults(page: Page) -> list[str]:
    """What axe finds against WCAG and good practice, one line an element."""
    found = _AXE.run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}: {node['failureSummary']}" for each in found for node in each["nodes"]]


def overflow(page: Page) -> int:
    """How many pixels of the page lie beyond its right edge: what is too wide must scroll in a place of its own."""
    found: int = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def contrasts(page: Page) -> dict[str, float]:
    """The lowest contrast (WCAG 2, 1 to 21) of each colour of text in charts against what is behind it, a bar or the page; axe does
    not look there."""
    found: dict[str, float] = page.evaluate(_CONTRASTS)
    return found


def cut(page: Page) -> list[str]:
    """Words of charts that the edge of the screen, or of their own drawing, cuts off."""
    found: list[str] = page.evaluate(_CUT)
    return found


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


_CUT: Final = """() => [...document.querySelectorAll('svg text')].filter(text => {
  const [box, svg] = [text.getBoundingClientRect(), text.closest('svg')];
  const edge = getComputedStyle(svg).overflow === 'visible' ? {left: 0, right: innerWidth} : svg.getBoundingClientRect();
  return box.width && (box.left < edge.left - 1 || box.right > edge.right + 1);
}).map(text => text.textContent)"""
_CONTRASTS: Final = """() => {
  const parts = colour => (colour.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    for (const each of [...element.closest('svg').querySelectorAll('path')].reverse()) {
      const [style, its] = [getComputedStyle(each), each.getBoundingClientRect()];
      const [fill, bar] = [style.fill, !/[LCA]/.test(each.getAttribute('d') || 'L')];
      const seen = bar && fill !== 'none' && parts(fill)[3] !== 0 && style.fillOpacity > 0.5 && its.width && its.height;
      if (seen && x >= its.left && x <= its.right && y >= its.top && y <= its.bottom) return fill;
    }
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = {};
  for (const text of document.querySelectorAll('svg text')) {
    if (!text.textContent.trim() || !text.getClientRects().length) continue;
    const fill = getComputedStyle(text).fill;
    const [one, two] = [light(parts(fill)), light(parts(behind(text)))].sort((a, b) => b - a);
    const key = `${fill} on ${behind(text)}`;
    found[key] = Math.min(found[key] ?? 21, (one + 0.05) / (two + 0.05));
  }
  return found;
}"""
