"""Global warming potentials over 100 years (GWP100) of the gases that leak from data centres, by assessment report of the IPCC.

``gwp.toml`` holds the figures: AR4 as in table 2.14 of its working group I (2007, with errata), AR5 as in table 8.A.1 (2013,
without climate-carbon feedbacks), AR6 as in table 7.SM.7 (2021). The methane of AR6 is that of table 7.15, 29.8 fossil (with the
CO2 that it becomes) and 27.0 non-fossil, as the GHG Protocol prescribes ("IPCC Global Warming Potential Values", version 2.0,
August 2024); the 27.9 that table 7.SM.7 gives for methane at large is neither. A blend has the mean of its gases by mass, at the
nominal composition of ANSI/ASHRAE Standard 34, table 4-2, exactly and not rounded.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.facility.entry import did_you_mean

__all__ = ["GWP_SETS", "gwp_of"]

GWP_SETS: Final = ("AR4", "AR5", "AR6")
_METHANE: Final = "write 'CH4 fossil' for what leaks of natural gas, 'CH4 non-fossil' for the rest"


@dataclass(frozen=True, slots=True)
class _Table:
    gases: Mapping[str, Mapping[str, Fraction]]  # name: set: kg of CO2e per kg
    blends: Mapping[str, Mapping[str, Fraction]]  # name: gas: fraction of the mass


def gwp_of(gas: str, gwp_set: str) -> Fraction:
    """Kilograms of CO2e per kilogram of a gas or blend, by one of ``GWP_SETS``.

    Raises:
        QuantityError: the gas is not known, or the set has no figure for it. A figure of another set never stands in.
    """
    table = _table()
    if gas in table.blends:
        return sum((part * gwp_of(name, gwp_set) for name, part in table.blends[gas].items()), Fraction(0))
    if gas not in table.gases:
        known = [*table.gases, *table.blends]
        raise QuantityError(f"gas {gas!r} is not known", advice=did_you_mean(gas, known, f"gases are {', '.join(known)}"))
    if gwp_set not in table.gases[gas]:
        other = _METHANE if gas == "CH4" else 'write its kg of CO2e with their source, or take gwp = "AR6" for the whole book'
        raise QuantityError(f"{gwp_set} gives no single GWP of {gas}", advice=other)
    return table.gases[gas][gwp_set]


@cache
def _table() -> _Table:
    text = files("greencloud.facility").joinpath("gwp.toml").read_text(encoding="utf-8")
    data: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    gases = {
        name: {gwp_set: Fraction(row[gwp_set]) for gwp_set in GWP_SETS if gwp_set in row}
        for gas, row in data["gases"].items()
        for name in (gas, *row.get("also", ()))
    }
    blends = {name: {gas: Fraction(part, 100) for gas, part in parts.items()} for name, parts in data["blends"].items()}
    return _Table(gases, blends)
