"""Grounds: what the figures of a site-window rest on, as steps: pools of energy, factors, loads and embodied mass.

Nothing here is of one account, but who asks matters. A *provider* is shown each host, asset and entry of the book. A *tenant* is
shown the totals that its own share is a part of, how they were found out, and published factors and certificates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from greencloud.allocation.emissions import Match, Matched
from greencloud.allocation.host_steps import TOLD, HostSteps, how_known
from greencloud.allocation.hosts import HostEnergy
from greencloud.allocation.origins import Priced
from greencloud.allocation.spread import Settled
from greencloud.allocation.steps import Step, Steps, Use, Value
from greencloud.allocation.work import Source, Work
from greencloud.facility import FOREVER, DirectEmission, FactorKind, Hardware
from greencloud.units import MILLIJOULES_PER_KWH, format_instant

__all__ = ["Grounds"]

_CORPORATE: Final = "GHG Protocol Corporate Standard, chapter 4"
_SCOPE2: Final = "GHG Protocol Scope 2 Guidance"
_SCOPE3: Final = "GHG Protocol Scope 3 Standard, table 5.5"


class Grounds:
    """``hosts`` decides who is asking: it is open to a provider alone."""

    def __init__(self, steps: Steps, work: Work, hosts: HostSteps) -> None:
        self.steps = steps
        self.work = work
        self.hosts = hosts
        self.open = hosts.open

    def pool(self, hosts: Sequence[HostEnergy], which: str) -> Step:
        """The "idle" or "dynamic" energy of all shared hosts."""
        key, title = ("pool", which), f"{which} energy of the site's shared hosts"
        if not self.open or not hosts:
            amount = sum(energy.idle_mj if which == "idle" else energy.dynamic_mj for energy in hosts)
            how = ", ".join(sorted({how_known(energy) for energy in hosts})) or "no shared host"
            return self.steps.given(key, "pools", title, Value(amount, "mJ", how))
        parts: list[Use] = [] if self.steps.known(key) else [("host", self.hosts.part(energy, which)) for energy in hosts]
        return self.steps.made(key, "pools", title, "sum(host)", *parts, unit="mJ")

    def mass(self, assets: Sequence[tuple[Hardware, int]], *, owned: bool) -> Step:
        """The embodied mass of hardware that falls in this window."""
        key = ("mass", tuple(asset.id for asset, _ in assets))
        title = f"embodied mass in the window, {'dedicated hosts' if owned else 'what the site shares'}"
        if not self.open:
            amount = sum(mass for _, mass in assets)
            return self.steps.given(key, "embodied", title, Value(amount, "µg", "facility book, evenly over each asset's life"))
        parts: list[Use] = [("asset", Value(mass, "µg", _asset(asset))) for asset, mass in assets]
        return self.steps.made(key, "embodied", title, "sum(asset)", *parts, unit="µg")

    def it_energy(self, settled: Settled, source: Source) -> Step:
        """What the claims on a load have together, which for the site is all that its hosts drew."""
        key, title = ("it", source.annex), f"energy of {_of(source, 'IT equipment of the site')}"
        if not self.open and not source.annex:  # an annex is the account's own
            return self.steps.given(key, "pools", title, Value(settled.overhead.it_mj, "mJ", "sum over the hosts"))
        if self.steps.known(key):
            return self.steps.made(key, "pools", title, "", unit="mJ")
        parts: list[Use] = [] if source.annex else [("host", self.hosts.whole(energy)) for energy in self.work.energies]
        for claim in settled.claims:
            if isinstance(claim.origin, Priced) and claim.energy_mj:
                told = f"use of {claim.leaves[0].account}, priced by power curve {claim.origin.curve.name!r}"
                parts.append(("priced", Value(claim.energy_mj, "mJ", told)))
        names = sorted({name for name, _ in parts})
        formula = " + ".join(f"sum({name})" for name in names) or "0"
        return self.steps.made(key, "pools", title, formula, *parts, unit="mJ")

    def load(self, settled: Settled, source: Source) -> Step:
        """The energy of the whole facility, or of an annex with the facility's overhead."""
        key, overhead = ("load", source.annex), settled.overhead
        title = f"energy of {_of(source, 'the facility')} with overhead"
        if overhead.metered:
            told = f"the facility's meter, told by {TOLD[overhead.told]}"
            return self.steps.given(key, "pools", title, Value(overhead.load_mj, "mJ", told))
        site = self.work.setting.site
        pue = Value(overhead.pue or 1, "", f"PUE of site {site.id} ({site.source or 'facility book'})")
        uses: tuple[Use, ...] = (("it", self.it_energy(settled, source)), ("pue", pue))
        return self.steps.made(key, "pools", title, "round(it * pue)", *uses, unit="mJ", source="ISO/IEC 30134-2")

    def beyond(self, settled: Settled, source: Source) -> Step:
        """Overhead: a load beyond its IT energy."""
        uses: tuple[Use, ...] = (("load", self.load(settled, source)), ("it", self.it_energy(settled, source)))
        return self.steps.made(
            ("beyond", source.annex), "pools", f"overhead of {_of(source, 'the site')}", "load - it", *uses, unit="mJ"
        )

    def factor(self, kind: FactorKind) -> Step:
        """A factor of the grid zone, with where it is from and how long it holds."""
        setting = self.work.setting
        factor = setting.facility.factor(setting.site.grid_zone, kind, setting.window)
        where = f", {PurePath(factor.path).name}:{factor.line}" if self.open and factor.path else ""
        until = "" if factor.end == FOREVER else f" to {format_instant(factor.end)}"
        told = f"{factor.source}{where}, holds from {format_instant(factor.start)}{until}, book {setting.facility.revision[:12]}"
        title = f"{kind.value} factor of grid zone {factor.zone}"
        return self.steps.given(("factor", kind), "factors", title, Value(factor.micrograms_per_kwh, "µg/kWh", told))

    def line(self, settled: Settled, source: Source, name: str) -> Step:
        """What a load emits on one line, in micrograms."""
        key, title = (name, source.annex), f"{name} of {_of(source, 'the facility')}"
        if name == "scope1_ug":
            return self._scope1(key, title, source)
        load = self.load(settled, source)
        match name:
            case "scope2_location_ug":
                uses: list[Use] = [("load", load), ("location", self.factor(FactorKind.LOCATION))]
                formula, rests = "load * location", f"{_SCOPE2}, chapter 6"
            case "scope2_market_ug":
                (formula, uses), rests = self._market(load, source.load), f"{_SCOPE2}, 6.9 to 6.11"
            case _:
                matched = source.losses if name == "scope3_upstream_market_ug" else ()
                (formula, uses), rests = self._upstream(load, matched), _SCOPE3
        formula = f"round(({formula}) / {MILLIJOULES_PER_KWH})"
        return self.steps.made(key, "emissions", title, formula, *uses, unit="µg", source=rests)

    def _scope1(self, key: tuple[str, str], title: str, source: Source) -> Step:
        if not source.scope1 or not self.open:
            why = "an annex has none" if source.annex else "facility book, evenly over each entry's period"
            return self.steps.given(key, "emissions", title, Value(sum(mass for _, mass in source.scope1), "µg", why))
        parts: list[Use] = [("entry", Value(mass, "µg", _direct(emission))) for emission, mass in source.scope1]
        return self.steps.made(key, "emissions", title, "sum(entry)", *parts, unit="µg", source=_CORPORATE)

    def _market(self, load: Step, matched: Matched) -> tuple[str, list[Use]]:
        uses: list[Use] = [("load", load), ("residual", self.factor(FactorKind.RESIDUAL))]
        terms, certified = [], ""
        for at, match in enumerate(matched, start=1):
            uses += [(f"certified{at}", _energy(match)), (f"factor{at}", _certificate(match))]
            terms.append(f"certified{at} * factor{at}")
            certified += f" - certified{at}"
        return " + ".join([*terms, f"(load{certified}) * residual"]), uses

    def _upstream(self, load: Step, matched: Matched) -> tuple[str, list[Use]]:
        uses: list[Use] = [("load", load), ("upstream", self.factor(FactorKind.UPSTREAM))]
        total = "upstream"
        if self.work.factors.losses:
            uses.append(("losses", self.factor(FactorKind.LOSSES)))
            total = "(upstream + losses)"
        terms = [f"load * {total}"]
        if matched:
            uses.append(("location", self.factor(FactorKind.LOCATION)))
        for at, match in enumerate(matched, start=1):
            uses += [(f"certified{at}", _energy(match)), (f"factor{at}", _certificate(match))]
            terms.append(f"certified{at} * (factor{at} - location - upstream)")
        return " + ".join(terms), uses


def _of(source: Source, whose: str) -> str:
    return f"the annex of {source.annex}" if source.annex else whose


def _energy(match: Match) -> Value:
    found = match.certificate
    return Value(match.energy_mj, "mJ", f"certificate {found.id} ({found.source}), its part in this window")


def _certificate(match: Match) -> Value:
    return Value(match.factor, "µg/kWh", f"certificate {match.certificate.id} ({match.certificate.source})")


def _direct(emission: DirectEmission) -> str:
    basis = f", {emission.basis}" if emission.basis else ""
    period = f"{format_instant(emission.start)} to {format_instant(emission.end)}"
    return f"{emission.id}: {emission.micrograms} µg over {period}{basis} ({emission.source})"


def _asset(asset: Hardware) -> str:
    retired = f", retired {asset.retired} ({asset.on_retirement})" if asset.retired else ""
    life = f"{asset.life_days} days from {asset.in_service}{retired}"
    return f"{asset.id}: {asset.embodied_micrograms} µg over {life} ({asset.source})"
