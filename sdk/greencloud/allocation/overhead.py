"""Overhead: what a facility draws beyond its hosts, and how sure that is.

With a meter of the whole facility it is the difference of meters, and may be far less sure than either. Else it is IT energy times
(PUE - 1), whose sources are the hosts' and the PUE. Each claim on IT energy bears overhead in proportion to its energy:
``o_i = (F - IT) * e_i / IT``, hence ``do_i = e_i/IT * dF + (F - IT)/IT * de_i - F * e_i / IT^2 * dIT`` where F is metered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from greencloud.allocation.claims import Claim
from greencloud.allocation.readings import Reading
from greencloud.allocation.setting import Setting
from greencloud.allocation.uncertainty import Scaled, Vector, scaled, total
from greencloud.units import format_energy, round_half_even

__all__ = ["Overhead", "overhead_of"]

_NOTABLE = 2
"""A facility that draws more than this times its hosts' energy beyond it is worth a note: hosts may be missing from the book."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """``load_mj`` is the whole facility's energy. ``own`` is the facility's meter's vector, or the PUE's.

    ``pue`` and ``told``: the ratio that gave it, or who told what the meter read.
    """

    it_mj: int
    load_mj: int
    metered: bool
    it: Vector
    own: Vector
    flags: frozenset[str] = frozenset()
    pue: Fraction | None = None
    told: str = ""

    @property
    def load_vector(self) -> Vector:
        """Of the whole load."""
        return self.own if self.metered else total(((self.own, 1.0), (self.it, self.load_mj / (self.it_mj or 1))))

    def spread(self, energy_mj: float, spread: Scaled) -> Scaled:
        """Of the overhead that goes with energy of this spread."""
        if not self.it_mj:
            return ((self.own, 1.0),)
        share = energy_mj / self.it_mj
        ratio = self.load_mj / self.it_mj
        mine = ((self.own, share), *scaled(spread, ratio - 1))
        return (*mine, (self.it, -share * ratio)) if self.metered else mine


def overhead_of(setting: Setting, claims: Sequence[Claim], reading: Reading, *, annex: bool = False) -> Overhead:
    """Of claims on IT energy; ``reading`` is the facility's. An ``annex`` takes the site's PUE, or none where there is none.

    Raises:
        AllocationError: neither a meter nor a PUE, or a meter that reads less than the hosts'.
    """
    it_mj = sum(claim.energy_mj for claim in claims)
    it = total(pair for claim in claims for pair in claim.spread)
    site, defaults = setting.site, setting.facility.uncertainties
    pue = Fraction(1) if annex and site.pue is None else site.pue
    if reading.energy_mj is None or annex:
        if pue is None:
            raise setting.refused(
                "neither a facility meter nor a PUE gives the energy beyond the hosts'",
                advice=f"add facility readings for site {site.id!r}, or a pue with its source",
            )
        width = float(defaults.pue if site.pue_uncertainty is None else site.pue_uncertainty) if pue > 1 else 0.0
        own = {f"pue:{site.id}": width * float(pue) * it_mj}
        return Overhead(it_mj, round_half_even(it_mj * pue), False, it, own, pue=pue)
    if reading.energy_mj < it_mj:
        raise setting.refused(
            f"the facility's energy of {format_energy(reading.energy_mj)} ({reading.energy_mj} mJ) is less than its hosts' "
            f"{format_energy(it_mj)} ({it_mj} mJ)",
            advice="one of the meters is wrong, or covers less of the window than the others",
        )
    if it_mj and reading.energy_mj - it_mj > _NOTABLE * it_mj:
        times = float(Fraction(reading.energy_mj, it_mj))
        setting.note(f"site {site.id} drew {times:.1f} times its hosts' energy: look for hosts that only the facility's meter sees")
    flags = {"modelled"} if reading.modelled else set()
    gaps = any("partial" in claim.flags for claim in claims)
    if gaps:
        setting.note(f"site {site.id}: what its hosts drew while their meters were silent is within the overhead, which all bear")
    if gaps or reading.energy_s < setting.window.seconds:
        flags.add("partial")
    width = float(defaults.meter if site.meter_uncertainty is None else site.meter_uncertainty)
    own = {f"meter:{site.id}": width * reading.energy_mj}
    return Overhead(it_mj, reading.energy_mj, True, it, own, frozenset(flags), told=reading.energy_from)
