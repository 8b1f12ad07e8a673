"""Claims as steps: the energy of each as a part of a host or pool, the overhead that rides on it, and what both bear of emissions.

The amounts are those of the claims that were settled; their origins say what they are parts of.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from greencloud.allocation.claims import Claim
from greencloud.allocation.grounds import Grounds
from greencloud.allocation.origins import HostPart, Part, PoolPart, Priced
from greencloud.allocation.steps import Step, Value
from greencloud.allocation.uses import UNLISTED
from greencloud.allocation.uses import Use as Used
from greencloud.allocation.weight_steps import WeightSteps
from greencloud.allocation.work import Source

__all__ = ["ClaimSteps"]


class ClaimSteps:
    """Of one account's claims; ``number`` and ``index`` name a claim: of that settled load (or mass), at that place in it."""

    def __init__(self, grounds: Grounds, weights: WeightSteps, account: str) -> None:
        self._grounds = grounds
        self._weights = weights
        self._account = account
        self._steps = grounds.steps
        self._work = grounds.work
        self._energy = grounds.work.entries.spread.energy
        self._mass = grounds.work.entries.spread.mass

    def amount(self, number: int, index: int, measure: str, *, over: bool) -> int:
        """Of a claim, or of the overhead on it."""
        settled = self._energy[number]
        if measure == "energy_mj":
            return settled.beyond[index] if over else settled.claims[index].energy_mj
        return settled.lines[measure][index + (len(settled.claims) if over else 0)]

    def line(self, number: int, index: int, measure: str, *, over: bool) -> Step:
        """The energy of a claim, the overhead that rides on it, or what either bears of an emission line."""
        settled, source = self._energy[number], self._work.sources[number]
        energy = self._beyond(number, index) if over else self._energy_of(number, index)
        if measure == "energy_mj":
            return energy
        amount = self.amount(number, index, measure, over=over)
        weights: Step | Value = self._grounds.load(settled, source)
        weight: Step | Value = energy
        if not weights.result:
            weight = weights = Value(1, "", "no energy at all: what is emitted is nobody's in particular")
        total = self._grounds.line(settled, source, measure)
        key = ("line", number, index, measure, over)
        return self._steps.part(
            key, "emissions", f"{measure} on the {energy.title}", amount, total=total, weight=weight, weights=weights
        )

    def _beyond(self, number: int, index: int) -> Step:
        settled, source = self._energy[number], self._work.sources[number]
        weight: Step | Value = self._energy_of(number, index)
        weights: Step | Value = self._grounds.it_energy(settled, source)
        title = f"overhead on the {weight.title}" if isinstance(weight, Step) else "overhead"
        if not weights.result:
            weight = weights = Value(1, "", "no host drew anything: overhead is nobody's in particular")
        total = self._grounds.beyond(settled, source)
        amount = settled.beyond[index]
        return self._steps.part(("over", number, index), "claims", title, amount, total=total, weight=weight, weights=weights)

    def _energy_of(self, number: int, index: int) -> Step:
        settled, source = self._energy[number], self._work.sources[number]
        claim = settled.claims[index]
        key = ("claim", number, index)
        match claim.origin:
            case HostPart(part=None) as origin:
                return self._grounds.hosts.part(origin.energy, origin.which)
            case HostPart() as origin:
                weight, weights = self._weights.on_host(origin)
                name = self._grounds.hosts.name(origin.energy.host.id)
                whose = self._account if not claim.slots else "use that nobody was measured to cause"
                title = f"dynamic energy of host {name} for {whose}"
                total = self._grounds.hosts.part(origin.energy, origin.which)
                return self._steps.part(key, "claims", title, claim.energy_mj, total=total, weight=weight, weights=weights)
            case PoolPart() as origin:
                return self._pooled(key, claim, origin)
            case Priced() as origin:
                return self._priced(key, claim, origin, source)
        return self._steps.given(key, "claims", "energy of nobody in particular", Value(0, "mJ", "it bears overhead alone"))

    def _pooled(self, key: Hashable, claim: Claim, origin: PoolPart) -> Step:
        part, total = origin.part, self._grounds.pool(origin.hosts, origin.which)
        basis = self._work.basis if origin.basis == "capacity" else None
        if part.within is not None:
            total = self._empty(("empty", origin.which), f"{origin.which} energy of empty capacity", "pools", part, total)
        own, whole = self._weights.capacity(part, basis)
        title = f"{claim.component} energy of the shared hosts for {self._account}"
        return self._steps.part(key, "claims", title, claim.energy_mj, total=total, weight=own, weights=whole)

    def _priced(self, key: Hashable, claim: Claim, origin: Priced, source: Source) -> Step:
        where = (
            f"host {self._grounds.hosts.name(origin.host)}, which sent nothing"
            if origin.host
            else "hosts that the book does not list"
        )
        told = "full load above idle" if origin.host else "full load"
        watts = Value(origin.watts, "W/vCPU", f"{told} of power curve {origin.curve.name!r} ({origin.curve.source})")
        measured = "reported by the account" if source.annex else "measured by the provider"
        cpu = Value(origin.cpu_ns, "ns", f"CPU time, {measured}" + (", at most what the host has" if origin.host else ""))
        title = f"energy of use on {where}, {self._account}"
        step = self._steps.made(
            key, "claims", title, "round(watts * cpu_ns / 1000000)", ("watts", watts), ("cpu_ns", cpu), unit="mJ"
        )
        assert step.result == claim.energy_mj, title
        return step

    def uses_of(self, claim: Claim) -> Sequence[Used]:
        """The account's uses that divide a claim."""
        match claim.origin:
            case HostPart(energy=energy):
                on = energy.host.id
            case Priced(host=host):
                on = host or UNLISTED
            case _:
                return self._work.own.get(self._account, ())
        return [use for use in self._work.on_host[on] if use.account == self._account]

    def mass(self, number: int, index: int) -> Step:
        """What a claim bears of embodied mass."""
        claim = self._mass[number].claims[index]
        origin = claim.origin
        part = origin.part
        total = self._grounds.mass(origin.assets, owned=part is None)
        if part is None:
            return total
        what = "embodied mass" if claim.component == "embodied" else "embodied mass of buildings"
        if part.within is not None:
            total = self._empty(("empty", claim.component), f"{what} of empty capacity", "embodied", part, total)
        own, whole = self._weights.capacity(part, self._work.basis)
        title = f"{what} for {self._account}" + (", of empty capacity" if part.within is not None else "")
        key = ("mass claim", number, index)
        return self._steps.part(key, "embodied", title, claim.micrograms, total=total, weight=own, weights=whole)

    def _empty(self, key: Hashable, title: str, stage: str, part: Part, total: Step) -> Step:
        """What of a pool goes to the capacity that nobody reserved and accounts bear; ``part`` divides it."""
        assert part.within is not None
        weight = self._weights.empty(part.within)
        weights = Value(sum(part.within.weights), "core-ns", "all reservations, and the capacity that nobody reserved")
        return self._steps.part(key, stage, title, part.total, total=total, weight=weight, weights=weights)
