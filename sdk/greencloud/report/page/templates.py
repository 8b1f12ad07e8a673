"""The templates of the page: those here (``parts.html.jinja``, ``style.css``) are shared with whoever brings more of them.

Autoescaping is always on: names come from telemetry, and only drawings of ours are marked as safe.
"""

from __future__ import annotations

from typing import Any

from greencloud.errors import MissingExtraError

__all__ = ["templates"]

_HERE = ("greencloud.report.page", "")


def templates(*more: tuple[str, str]) -> Any:
    """A Jinja environment over the templates here and those in ``(package, folder)`` of others.

    Raises:
        MissingExtraError: greencloud[page] is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("the page", extra="page") from error
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(package, folder) for package, folder in (*more, _HERE)])
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
