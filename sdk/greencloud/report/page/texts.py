"""The words of the page, in English and Chinese (``texts.toml``); a text that one language lacks is a mistake that a test finds."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from greencloud.errors import QuantityError

__all__ = ["LANGUAGES", "texts_in"]

LANGUAGES: Final = ("en", "zh")


def texts_in(language: str) -> Mapping[str, str]:
    """The texts by their keys. Raises QuantityError where the page does not speak that language."""
    if language not in LANGUAGES:
        raise QuantityError(f"the page does not speak {language!r}", advice=f"use one of {', '.join(LANGUAGES)}")
    return _texts()[language]


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("greencloud.report.page").joinpath("texts.toml").read_text(encoding="utf-8"))
