"""The page as a file: HTML that is complete in itself, or the overview alone as SVG, PNG or PDF.

Charts are drawn here, as SVG within the page, in two widths of which the reader's screen shows one; so the page runs no script,
asks nothing of any network, prints as it looks and is read by a screen reader. Under each chart is its table, and the table as CSV
within the page. Every text of telemetry goes through Jinja's escaping.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from greencloud import __version__
from greencloud.errors import QuantityError
from greencloud.report.drawing import draw
from greencloud.report.page import charts
from greencloud.report.page.figures import AccountFigures
from greencloud.report.page.sections import WIDE, account_sections, headline, named_rows, quality_lines
from greencloud.report.page.templates import templates
from greencloud.report.page.texts import texts_in
from greencloud.units import format_instant

__all__ = ["overview_file", "page_html"]


def page_html(figures: AccountFigures, *, now: datetime, language: str = "en") -> str:
    """The whole page.

    Raises:
        QuantityError: there is no such language.
        MissingExtraError: greencloud[page] is not installed.
    """
    texts = texts_in(language)
    total = figures.total
    context: dict[str, Any] = {
        "language": language,
        "texts": texts,
        "title": texts["title"].format(account=figures.account or texts["all_accounts"]),
        "period": texts["period"].format(start=f"{figures.start:%Y-%m-%d %H:%M}", end=f"{figures.end:%Y-%m-%d %H:%M}"),
        "made": texts["made"].format(version=__version__, time=format_instant(now)),
        "headline": headline(figures, texts) if total else [],
        "sections": account_sections(figures, texts) if total else [],
        "quality": quality_lines(total, texts) if total else [],
        "method": texts["method_text"].format(versions=", ".join(total.methodology_versions) if total else "-"),
        "commands": _commands(figures),
        "total": total,
    }
    return str(_template().render(**context))


def overview_file(figures: AccountFigures, kind: str, *, language: str = "en") -> bytes:
    """The charts below each other as ``svg``, ``png`` or ``pdf``.

    Raises:
        QuantityError: nothing is posted, or there is no such language.
        MissingExtraError: greencloud[page] is not installed.
    """
    texts = texts_in(language)
    if figures.total is None:
        raise QuantityError("there is nothing to draw: nothing is posted in this time", advice="choose another period")
    named = named_rows(figures, texts)
    parts = [charts.series(figures, texts, WIDE), charts.scopes(figures.total, texts, WIDE)]
    titles = [texts["over_time"], texts["by_scope"]]
    for name in ("service", "region", "component"):
        if named[name]:
            parts.append(charts.bars(named[name], texts, WIDE))
            titles.append(texts[f"by_{name}"])
    drawn = [{"title": title, **_without(part, "autosize", "config")} for title, part in zip(titles, parts, strict=True)]
    head = headline(figures, texts)
    spec = {
        "title": {
            "text": texts["title"].format(account=figures.account or texts["all_accounts"]),
            "subtitle": [
                texts["period"].format(start=f"{figures.start:%Y-%m-%d %H:%M}", end=f"{figures.end:%Y-%m-%d %H:%M}"),
                "   ".join(f"{each.label}: {each.amount}" for each in head),
            ],
        },
        "vconcat": drawn,
        "resolve": {"legend": {"color": "independent"}},
        "spacing": 28,
    }
    return draw(spec, kind)


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


@cache
def _template() -> Any:
    return templates().get_template("page.html.jinja")


def _commands(figures: AccountFigures) -> list[str]:
    account = figures.account or "ACCOUNT"
    period = f"{figures.start:%Y-%m}"
    return [
        f"greencloud statement --server HOST:PORT --account {account} --period {period}",
        "greencloud verify statement.json",
        f"greencloud explain --server HOST:PORT --account {account} --period {period}",
    ]
