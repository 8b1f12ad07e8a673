"""Reading a goal file.

::

    [goal]
    id = "cloud-scope3-2030"
    display_name = "Scope 3 of the cloud neutral by 2030"
    kind = "neutrality"               # or "absolute"
    scopes = ["scope3"]
    base_year = 2020
    target_year = 2030
    target_share = 0.10               # of the base; or target_kg_co2e, target_t_co2e, or rate_per_year (of the base)
    inventory = "inventory.csv"       # relative to this file
    source = "Board decision of 2021" # optional

Decimals are read as they are written, digit by digit, never as floats.
"""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from greencloud.errors import GoalError, QuantityError
from greencloud.goal.book import KINDS, Goal
from greencloud.inventory import SCOPES
from greencloud.units import Emissions, parse_rational

__all__ = ["read_goal"]

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")  # AIP-122: it becomes a resource name
_TARGETS: Final = ("target_share", "target_kg_co2e", "target_t_co2e", "rate_per_year")
_REQUIRED: Final = ("id", "display_name", "kind", "scopes", "base_year", "target_year", "inventory")
_OPTIONAL: Final = (*_TARGETS, "path", "source")


def read_goal(path: str | Path) -> Goal:
    """Read and check a goal file; the inventory that it names is not opened.

    Raises:
        GoalError: with the file, the key and what to do.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except OSError as error:
        raise GoalError(f"the goal cannot be read: {error.strerror}", path=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GoalError(f"the goal is not TOML: {error}", path=str(path)) from error
    return _Table(document, path).goal()


class _Table:
    """The table ``[goal]`` of one file, and where to point when it is wrong."""

    def __init__(self, document: dict[str, Any], path: Path) -> None:
        self.path = path
        values = document.get("goal")
        if not isinstance(values, dict) or set(document) != {"goal"}:
            raise self.wrong("goal", "a goal file has the table [goal] and no other", "put every key under [goal]")
        self.values: dict[str, Any] = values
        for key in values:
            if key not in (*_REQUIRED, *_OPTIONAL):
                raise self.wrong(key, f"unknown key {key!r}", f"the keys are {', '.join((*_REQUIRED, *_OPTIONAL))}")
        for key in _REQUIRED:
            if key not in values:
                raise self.wrong(key, f"the key {key!r} is missing", f"add {key} to [goal]")

    def goal(self) -> Goal:
        values = self.values
        base_year, target_year = self.year("base_year"), self.year("target_year")
        if target_year <= base_year:
            advice = "the path needs at least one year"
            raise self.wrong("target_year", f"the target year {target_year} is not after the base year {base_year}", advice)
        if not _ID.fullmatch(self.text("id")):
            raise self.wrong(
                "id", f"the id {values['id']!r} cannot be a resource name", "use a-z, 0-9 and -, beginning with a letter"
            )
        if self.text("kind") not in KINDS:
            raise self.wrong("kind", f"unknown kind {values['kind']!r}", f"use one of {', '.join(KINDS)}")
        if values.get("path", "linear") != "linear":
            raise self.wrong("path", f"unknown path {values['path']!r}", 'the only path is "linear", in shares of the base')
        return Goal(
            id=self.text("id"),
            display_name=self.text("display_name"),
            kind=self.text("kind"),
            scopes=self.scopes(),
            base_year=base_year,
            target_year=target_year,
            inventory=self.path.parent / self.text("inventory"),
            **self.target(target_year - base_year),
            source=self.text("source") if "source" in values else "",
            path=str(self.path),
        )

    def target(self, years: int) -> dict[str, Any]:
        given = [key for key in _TARGETS if key in self.values]
        if len(given) != 1:
            what = "no target" if not given else f"{len(given)} targets ({', '.join(given)})"
            raise self.wrong("target_share", f"the goal has {what}", f"give exactly one of {', '.join(_TARGETS)}")
        (key,) = given
        number = self.number(key)
        if key == "target_share":
            if not 0 <= number <= 1:
                raise self.wrong(key, f"the share {self.values[key]} is not between 0 and 1", "write 0.10 for a tenth of the base")
            return {"target_share": number}
        if key == "rate_per_year":
            if not 0 < number * years <= 1:
                advice = f"over {years} years the rate is above 0 and at most {Fraction(1, years)} of the base"
                raise self.wrong(key, f"the rate {self.values[key]} does not end between the base and zero", advice)
            return {"rate_per_year": number}
        micrograms = number * (10**9 if key == "target_kg_co2e" else 10**12)
        if micrograms < 0 or micrograms.denominator != 1:
            raise self.wrong(key, f"the target {self.values[key]} is not a whole number of micrograms, 0 or more", "round it")
        return {"target": Emissions(micrograms.numerator)}

    def scopes(self) -> tuple[str, ...]:
        scopes = self.values["scopes"]
        if not isinstance(scopes, list) or not scopes:
            raise self.wrong("scopes", "scopes is not a list of at least one scope", 'write scopes = ["scope3"]')
        for scope in scopes:
            if scope not in SCOPES:
                raise self.wrong("scopes", f"unknown scope {scope!r}", f"use {', '.join(SCOPES)}")
        if len(set(scopes)) < len(scopes):
            raise self.wrong("scopes", "a scope is named twice", "name each scope once")
        if {"scope2_location_based", "scope2_market_based"} <= set(scopes):
            advice = "keep the method that the goal is set in; reports show both anyway"
            raise self.wrong("scopes", "both Scope 2 methods in one goal count the same electricity twice", advice)
        return tuple(sorted(scopes, key=SCOPES.index))

    def text(self, key: str) -> str:
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"{key} is not a text", f'write {key} = "..."')
        return value.strip()

    def year(self, key: str) -> int:
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int) or not 1900 <= value <= 2199:
            raise self.wrong(key, f"{value!r} is not a year", f"write {key} = 2020, without quotes")
        return value

    def number(self, key: str) -> Fraction:
        try:
            return parse_rational(self.values[key], what=key)
        except QuantityError as error:
            raise self.wrong(key, error.message, error.advice) from error

    def wrong(self, key: str, message: str, advice: str) -> GoalError:
        return GoalError(message, path=str(self.path), key=key, advice=advice)
