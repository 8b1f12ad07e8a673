"""The words of the live page: its own texts (``texts/*.toml``) over those that it shares with the report."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from greencloud.report.page.texts import texts_in

__all__ = ["words_in"]


@cache
def words_in(language: str) -> Mapping[str, str]:
    """The texts by their keys. Raises QuantityError where the page does not speak that language."""
    found = dict(texts_in(language))
    for file in sorted(files("greencloud.page").joinpath("texts").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))[language]
    return found
