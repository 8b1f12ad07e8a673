"""Reading a goal file.

::

    [[goal]]                          # [goal] where there is one
    id = "cloud-scope3-2030"
    display_name = "Scope 3 of the cloud neutral by 2030"
    kind = "neutrality"               # or "absolute", "intensity"
    scopes = ["scope3"]
    categories = [1, 2, 3]            # of Scope 3; optional, as sites and businesses: none means all
    base_year = 2020                  # a fiscal year by its end: "FY2022"
    target_year = 2030
    path = "linear"                   # or "absolute_contraction"
    target_share = 0.10               # of the base; or target_kg_co2e, target_t_co2e, or rate_per_year (of the base)
    metric = "revenue"                # of intensity goals: id of a [[metric]], of this file or of the books
    inventory = "inventory.csv"       # relative to this file; optional where the books have it
    source = "Board decision of 2021" # optional

    [[goal.milestone]]                # optional, in order
    year = 2025
    share = 0.55                      # of the base; or kg_co2e, t_co2e

    [[metric]]
    id = "revenue"
    display_name = "Revenue"
    unit = "million CNY"
    source = "Annual reports"         # optional
    values = { 2020 = 509711, FY2022 = 853062 }

Decimals are read as they are written, digit by digit, never as floats.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from greencloud.errors import GoalError, QuantityError
from greencloud.goal.checks import check_goal, check_metric
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalPath, Milestone
from greencloud.results.inventory import INVENTORY_SCOPES
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, parse_rational

__all__ = ["GoalFile", "read_goals"]

_TARGETS: Final = ("target_share", "target_kg_co2e", "target_t_co2e", "rate_per_year")
_REQUIRED: Final = ("id", "display_name", "kind", "scopes", "base_year", "target_year")
_LISTS: Final = ("categories", "sites", "businesses")
_OPTIONAL: Final = (*_TARGETS, *_LISTS, "path", "metric", "milestone", "inventory", "source")
_AMOUNTS: Final = {"kg_co2e": 10**9, "t_co2e": 10**12}


@dataclass(frozen=True, slots=True)
class GoalFile:
    """What a file says. ``inventories``: the files that it names, each once, in order."""

    path: Path
    goals: tuple[Goal, ...]
    metrics: tuple[BusinessMetric, ...]
    inventories: tuple[Path, ...]


def read_goals(path: str | Path, *, fiscal_year_start_month: int = 1) -> GoalFile:
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
    tables, metrics = _tables(document, "goal"), _tables(document, "metric")
    if not tables + metrics or set(document) - {"goal", "metric"}:
        raise GoalError(
            "a goal file has the table [goal] or several [[goal]], tables [[metric]], and no other",
            path=str(path),
            key="goal",
            advice="put every key under [goal]",
        )
    goals = [_GoalTable(values, path) for values in tables]
    found = GoalFile(
        path=path,
        goals=tuple(table.goal(fiscal_year_start_month) for table in goals),
        metrics=tuple(_MetricTable(values, path).metric() for values in metrics),
        inventories=tuple(dict.fromkeys(path.parent / table.text("inventory") for table in goals if "inventory" in table.values)),
    )
    for what, ids in (("goal", [goal.id for goal in found.goals]), ("metric", [metric.id for metric in found.metrics])):
        if len(set(ids)) < len(ids):
            raise GoalError(f"two tables [[{what}]] have one id", path=str(path), key="id", advice="give each an id of its own")
    return found


def _tables(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = document.get(key, [])
    values = found if isinstance(found, list) else [found]
    return values if all(isinstance(each, dict) for each in values) else []


class _Table:
    """One table of a file, and where to point when it is wrong."""

    def __init__(self, values: dict[str, Any], path: Path, name: str, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
        self.path, self.values = path, values
        for key in values:
            if key not in (*required, *optional):
                raise self.wrong(key, f"unknown key {key!r}", f"the keys are {', '.join((*required, *optional))}")
        for key in required:
            if key not in values:
                raise self.wrong(key, f"the key {key!r} is missing", f"add {key} to [{name}]")

    def text(self, key: str, missing: str | None = None) -> str:
        if missing is not None and key not in self.values:
            return missing
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"{key} is not a text", f'write {key} = "..."')
        return value.strip()

    def year(self, key: str) -> ReportingYear:
        return self.as_year(key, self.values[key])

    def as_year(self, key: str, value: Any) -> ReportingYear:
        """A whole number, or the text of a fiscal year."""
        if (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.startswith("FY")):
            try:
                return ReportingYear.parse(str(value))
            except QuantityError as error:
                raise self.wrong(key, error.message, error.advice) from error
        raise self.wrong(key, f"{value!r} is not a year", f'write {key} = 2020, without quotes; a fiscal year as "FY2022"')

    def number(self, key: str, value: Any) -> Fraction:
        try:
            return parse_rational(value, what=key)
        except QuantityError as error:
            raise self.wrong(key, error.message, error.advice) from error

    def emissions(self, key: str, value: Any) -> Emissions:
        micrograms = self.number(key, value) * _AMOUNTS[key.removeprefix("target_")]
        if micrograms < 0 or micrograms.denominator != 1:
            raise self.wrong(key, f"the target {value} is not a whole number of micrograms, 0 or more", "round it")
        return Emissions(micrograms.numerator)

    def names(self, key: str, kind: type) -> tuple[Any, ...]:
        values = self.values.get(key, [])
        if not isinstance(values, list) or any(not isinstance(value, kind) or isinstance(value, bool) for value in values):
            raise self.wrong(key, f"{key} is not a list of {'numbers' if kind is int else 'texts'}", f"write {key} = [...]")
        return tuple(values)

    def wrong(self, key: str, message: str, advice: str) -> GoalError:
        return GoalError(message, path=str(self.path), key=key, advice=advice)


class _GoalTable(_Table):
    def __init__(self, values: dict[str, Any], path: Path) -> None:
        super().__init__(values, path, "goal", _REQUIRED, _OPTIONAL)

    def goal(self, fiscal_year_start_month: int) -> Goal:
        scopes = self.names("scopes", str)
        metric = self.text("metric", "")
        goal = Goal(
            id=self.text("id"),
            display_name=self.text("display_name"),
            kind=self.word("kind", GoalKind),
            scopes=tuple(sorted(scopes, key=lambda scope: (scope not in INVENTORY_SCOPES, *_place(scope)))),
            base_year=self.year("base_year"),
            target_year=self.year("target_year"),
            path=self.word("path", GoalPath) if "path" in self.values else GoalPath.LINEAR,
            **self.target(),
            categories=tuple(sorted(self.names("categories", int))),
            sites=self.names("sites", str),
            businesses=self.names("businesses", str),
            metric=metric and f"businessMetrics/{metric.removeprefix('businessMetrics/')}",
            milestones=tuple(self.milestone(each) for each in _tables(self.values, "milestone")),
            source=self.text("source", ""),
        )
        try:
            check_goal(goal, fiscal_year_start_month)
        except GoalError as error:
            key = (
                next((given for given in _TARGETS if given in self.values), "target_share") if error.key == "target" else error.key
            )
            raise self.wrong(key, error.message, error.advice) from error
        return goal

    def word(self, key: str, kind: type[StrEnum]) -> Any:
        try:
            return kind(self.text(key))
        except ValueError as error:
            raise self.wrong(key, f"unknown {key} {self.values[key]!r}", f"use one of {', '.join(kind)}") from error

    def target(self) -> dict[str, Any]:
        given = [key for key in _TARGETS if key in self.values]
        if len(given) > 1:
            what = f"{len(given)} targets ({', '.join(given)})"
            raise self.wrong("target_share", f"the goal has {what}", f"give exactly one of {', '.join(_TARGETS)}")
        if not given:
            return {}
        (key,) = given
        if key.startswith("target_") and key != "target_share":
            return {"target": self.emissions(key, self.values[key])}
        return {key: self.number(key, self.values[key])}

    def milestone(self, values: dict[str, Any]) -> Milestone:
        table = _Table(values, self.path, "goal.milestone", ("year",), ("share", *_AMOUNTS))
        given = [key for key in ("share", *_AMOUNTS) if key in values]
        if len(given) != 1:
            raise self.wrong("milestone", "a milestone has no amount, or two", f"give one of share, {', '.join(_AMOUNTS)}")
        (key,) = given
        year = table.year("year")
        if key == "share":
            return Milestone(year, share=table.number(key, values[key]))
        return Milestone(year, emissions=table.emissions(key, values[key]))


class _MetricTable(_Table):
    def __init__(self, values: dict[str, Any], path: Path) -> None:
        super().__init__(values, path, "metric", ("id", "display_name", "unit", "values"), ("source",))

    def metric(self) -> BusinessMetric:
        given = self.values["values"]
        if not isinstance(given, dict):
            raise self.wrong("values", "the values are not a table", "write values = { 2020 = 1, FY2022 = 2 }")
        found = [
            (self.as_year("values", int(name) if name.isdigit() else name), self.number("values", value))
            for name, value in given.items()
        ]
        metric = BusinessMetric(
            id=self.text("id"),
            display_name=self.text("display_name"),
            unit=self.text("unit"),
            values=tuple(sorted(found)),
            source=self.text("source", ""),
        )
        try:
            check_metric(metric)
        except GoalError as error:
            raise self.wrong(error.key, error.message, error.advice) from error
        return metric


def _place(scope: str) -> tuple[int, str]:
    return (INVENTORY_SCOPES.index(scope) if scope in INVENTORY_SCOPES else 0, scope)
