"""Neutrality: what a claim rests on, in the order reduce, remove, offset (ISO 14068-1:2023, ch. 5 to 11).

    reduced  = base - residual                          (negative: emissions grew)
    removed  = tonnes of removals that are claimed, by how long they store the carbon
    offset   = tonnes of offset credits, as far as removals leave something to offset
    balance  = residual - removed - offset              (0 or less: balanced)

The residual is the gross inventory; nothing here changes it. Durability has three classes: permanent (1,000 years or more), long
(100 or more) and short (less), after the Oxford Principles for Net Zero Aligned Carbon Offsetting (2024), principle 3.

A claim is **neutral** when it is balanced and no use that it rests on is refused. Whether reduction came first is told beside it:
the residual is within what the goal's path allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Final

from greencloud.errors import GoalError
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentUse, Neutrality, NeutralityLine
from greencloud.results.inventory import INVENTORY_SCOPES
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions

__all__ = ["DURABILITY_CLASSES", "MICROGRAMS_PER_TONNE", "check_scopes", "durability_class", "neutrality"]

MICROGRAMS_PER_TONNE: Final = 10**12
DURABILITY_CLASSES: Final = (("removal_permanent", 1_000), ("removal_long", 100), ("removal_short", 0))
"""(line of a claim, years of storage from which it is of that class), the longest first."""

_SCOPE2: Final = {"scope2_location_based", "scope2_market_based"}


def durability_class(years: int) -> str:
    """The line of a claim that a removal is on."""
    return next(name for name, least in DURABILITY_CLASSES if years >= least)


def check_scopes(scopes: Sequence[str]) -> None:
    """Raises GoalError where one does not exist, there is none, or a claim would count electricity twice."""
    if not scopes:
        raise GoalError("scopes: a claim is of no scope", key="scopes", advice="name the scopes, or a goal that has some")
    for scope in scopes:
        if scope not in INVENTORY_SCOPES:
            advice = f"use {', '.join(INVENTORY_SCOPES)}"
            raise GoalError(f"scopes: there is no scope {scope[:64]!r}", key="scopes", advice=advice)
    if set(scopes) >= _SCOPE2:
        raise GoalError(
            "scopes: a claim takes one Scope 2 method, not both",
            key="scopes",
            advice="they are two figures of the same electricity: choose scope2_market_based or scope2_location_based",
        )


def neutrality(
    *,
    year: ReportingYear,
    goal: str,
    scopes: tuple[str, ...],
    residual: Emissions,
    instruments: Iterable[Instrument],
    base: Emissions | None = None,
    path: Emissions | None = None,
    problem: Callable[[Instrument, InstrumentUse], str] = lambda *_: "",
    findings: Sequence[str] = (),
) -> Neutrality:
    """The claim of a year, for a goal (its resource name) or for the organisation (empty).

    Args:
        residual: gross emissions of the scopes in that year.
        instruments: all of them; those count that are used for this year and goal.
        path: what the goal allows to remain; None where it is not known.
        problem: why a use holds no longer; empty where it does.
        findings: what else a reader must know.

    Raises:
        GoalError: no scopes, or both Scope 2 methods.
    """
    check_scopes(scopes)
    tonnes: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    refused: list[str] = []
    for instrument in instruments:
        if instrument.kind is InstrumentKind.ENERGY_CERTIFICATE:
            continue  # it is in the market-based figure, and stands for no tonne
        for use in instrument.uses:
            if (use.year, use.goal) != (year, goal):
                continue
            if text := problem(instrument, use):
                refused.append(f"{instrument.name}: {text}")
                continue
            kind = "offset" if instrument.durability_years is None else durability_class(instrument.durability_years)
            tonnes[kind] = tonnes.get(kind, 0) + use.units
            names.setdefault(kind, []).append(instrument.name)

    def line(kind: str, micrograms: int) -> NeutralityLine:
        share = Fraction(micrograms, base.micrograms) if base and base.micrograms else None
        return NeutralityLine(kind, Emissions(micrograms), share, tuple(dict.fromkeys(names.get(kind, ()))))

    removals = [line(kind, tonnes.get(kind, 0) * MICROGRAMS_PER_TONNE) for kind, _ in DURABILITY_CLASSES]
    removed = sum((each.emissions for each in removals), Emissions())
    rest = max(0, residual.micrograms - removed.micrograms)
    credited = tonnes.get("offset", 0) * MICROGRAMS_PER_TONNE
    offset = min(credited, rest)
    balance = Emissions(rest - offset) if rest else residual - removed
    reduced = [] if base is None else [line("reduced", base.micrograms - residual.micrograms)]
    found = [
        *_reduction(residual, base, path),
        *_durability(removals),
        *_surplus(credited, offset, balance),
        *findings,
    ]
    return Neutrality(
        year=year,
        goal=goal,
        scopes=scopes,
        base=base,
        residual=residual,
        path=path,
        lines=(*reduced, *removals, line("offset", offset)),
        removed=removed,
        offset=Emissions(offset),
        balance=balance,
        neutral=balance.micrograms <= 0 and not refused,
        reduction_first=path is not None and residual <= path,
        findings=(*found, *(f"refused: {each}" for each in refused)),
        refused=tuple(refused),
    )


def _reduction(residual: Emissions, base: Emissions | None, path: Emissions | None) -> list[str]:
    found = []
    if base is not None and residual > base:
        found.append(f"emissions grew by {residual - base} CO2e since the base year: nothing was reduced")
    if path is None:
        found.append("no path is known: whether reduction came first cannot be said")
    elif residual > path:
        found.append(f"the residual is {residual - path} CO2e above the goal's path: that part should be reduced, not balanced")
    return found


def _durability(removals: Sequence[NeutralityLine]) -> list[str]:
    short = next(each.emissions for each in removals if each.kind == "removal_short")
    if not short.micrograms:
        return []
    return [f"{short} CO2e rest on removals that store carbon for less than 100 years: fossil CO2 stays for longer"]


def _surplus(credited: int, offset: int, balance: Emissions) -> list[str]:
    found = []
    if credited > offset:
        found.append(
            f"{Emissions(credited - offset)} CO2e of offset credits are more than removals leave to offset, and count for nothing"
        )
    if balance.micrograms < 0:
        found.append(f"removals are {Emissions(-balance.micrograms)} CO2e more than the residual; they lower no other year's")
    elif balance.micrograms:
        found.append(f"{balance} CO2e are neither removed nor offset")
    return found
