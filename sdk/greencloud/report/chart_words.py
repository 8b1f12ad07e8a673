"""The words of the charts of goals, the bridge and instruments, in English and Chinese (``charts.toml``).

A text that one language lacks, or that has other blanks there, is a mistake that a test finds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from greencloud.errors import QuantityError

__all__ = ["chart_words"]


def chart_words(language: str) -> Mapping[str, str]:
    """The words by their keys. Raises QuantityError where the charts do not speak that language."""
    known = _words()
    if language not in known:
        raise QuantityError(f"the charts do not speak {language!r}", advice=f"use one of {', '.join(known)}")
    return known[language]


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("greencloud.report").joinpath("charts.toml").read_text(encoding="utf-8"))
