"""The words of the live page: those of the report, and those of its own views, by language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from greencloud.report.page.texts import texts_in

__all__ = ["words_in"]


def words_in(language: str) -> Mapping[str, str]:
    """The words by their keys. Raises QuantityError where the page does not speak that language."""
    return {**texts_in(language), **_own()[language]}


@cache
def _own() -> Mapping[str, Mapping[str, str]]:
    text = files("greencloud.page").joinpath("texts/provider.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
