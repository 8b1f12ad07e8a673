"""How sure the entries of one site-window are: where each came from, kept until somebody asks.

Settling a load leaves its claims, the tree that apportioned them and the load's sources here; ``by_source`` turns them into
half-widths by group of entries, measure and source (``uncertainty``). What internal services pass on takes its sources along: all
of it is linear, ``x = d + F x`` as for the amounts, solved here in floats, which is ample for a half-width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.moves import Moves
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.postings import EMISSION_LINES
from greencloud.allocation.tree import Tree
from greencloud.allocation.uncertainty import Load, Scaled, Vector, add_to, total

__all__ = ["PassedOn", "Settled", "SettledMass", "Spread"]

_ROUNDS = 1000
_SETTLED = 1e-9
_EMBODIED = "scope3_embodied_ug"

Group = TypeVar("Group", bound=tuple[object, ...])
Widths = dict[str, dict[str, float]]
"""Half-width by measure and source."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A load that was posted; ``beyond`` is the overhead of each claim.

    ``lines``: for each emission line that energy bears, the micrograms of each claim and after them those of each overhead.
    """

    load: Load
    claims: Sequence[Claim]
    beyond: Sequence[int]
    overhead: Overhead
    tree: Tree
    lines: Mapping[str, Sequence[int]]

    def entries(self) -> Iterator[tuple[EntryKey, float, Scaled, float]]:
        """Entry, energy, and the claim's vectors with the fraction of them."""
        own = [claim.spread for claim in self.claims]
        rides = [self.overhead.spread(claim) if beyond else () for claim, beyond in zip(self.claims, self.beyond, strict=True)]
        for index, leaf, fraction in zip(self.tree.claims, self.tree.leaves, self.tree.fractions(), strict=True):
            if fraction:
                claim = self.claims[index]
                yield EntryKey.of(leaf, claim.component), claim.energy_mj * fraction, own[index], fraction
                yield EntryKey.of(leaf, "overhead"), self.beyond[index] * fraction, rides[index], fraction


@dataclass(frozen=True, slots=True)
class SettledMass:
    """Embodied mass that was posted."""

    claims: Sequence[MassClaim]
    tree: Tree

    def entries(self) -> Iterator[tuple[EntryKey, float, Scaled, float]]:
        """Entry, micrograms, and the claim's vectors with the fraction of them."""
        for index, leaf, fraction in zip(self.tree.claims, self.tree.leaves, self.tree.fractions(), strict=True):
            claim = self.claims[index]
            yield EntryKey.of(leaf, claim.component), claim.micrograms * fraction, claim.spread, fraction


@dataclass(frozen=True, slots=True)
class PassedOn:
    """What internal accounts passed on: the fraction of each of their entries, and to whom, by account and caller; ``moves`` has
    the same in integers.
    """

    entries: Mapping[EntryKey, float]
    callers: Mapping[str, Mapping[str, float]]
    moves: Moves

    def kept(self, account: str) -> float:
        """The fraction of what passes through an account that comes to rest there."""
        return max(0.0, 1.0 - sum(self.callers.get(account, {}).values()))


@dataclass(slots=True)
class _Sum:
    """An amount, and a sum of vectors by their identity."""

    amount: float = 0.0
    vectors: dict[int, tuple[Vector, float]] = field(default_factory=dict)

    def add(self, amount: float, scaled: Scaled, fraction: float) -> None:
        self.amount += amount
        for vector, scale in scaled:
            held = self.vectors.get(id(vector))
            self.vectors[id(vector)] = (vector, scale * fraction if held is None else held[1] + scale * fraction)

    def take(self, other: _Sum, fraction: float) -> None:
        if fraction:
            self.add(other.amount * fraction, tuple(other.vectors.values()), fraction)


_Sums = dict[EntryKey, _Sum]


@dataclass(slots=True)
class Spread:
    """Everything that was posted, and what internal accounts then passed on."""

    energy: list[Settled] = field(default_factory=list)
    mass: list[SettledMass] = field(default_factory=list)
    passed_on: PassedOn | None = None

    def by_source(self, group: Callable[[EntryKey], Group]) -> dict[Group, Widths]:
        """For each group of entries, for each measure, the half-width by source."""
        found: dict[Group, Widths] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
        for settled in self.energy:
            for name, held in self._grouped(settled.entries(), group).items():
                _add_energy(found[name], settled.load, held)
        for settled_mass in self.mass:
            for name, held in self._grouped(settled_mass.entries(), group).items():
                add_to(found[name][_EMBODIED], total(held.vectors.values()), 1.0)
        return found

    def _grouped(
        self, entries: Iterator[tuple[EntryKey, float, Scaled, float]], group: Callable[[EntryKey], Group]
    ) -> dict[Group, _Sum]:
        groups: dict[Group, _Sum] = defaultdict(_Sum)
        if self.passed_on is None:
            for key, amount, scaled, fraction in entries:
                groups[group(key)].add(amount, scaled, fraction)
            return groups
        sums: _Sums = defaultdict(_Sum)
        for key, amount, scaled, fraction in entries:
            sums[key].add(amount, scaled, fraction)
        for key, held in _reallocated(sums, self.passed_on).items():
            groups[group(key)].take(held, 1.0)
        return groups


def _reallocated(sums: _Sums, passed_on: PassedOn) -> _Sums:
    moved: _Sums = defaultdict(_Sum)
    own: dict[str, dict[str, _Sum]] = {account: defaultdict(_Sum) for account in passed_on.callers}
    passing: dict[str, dict[EntryKey, float]] = defaultdict(dict)
    for key, held in sums.items():
        fraction = passed_on.entries.get(key, 0.0)
        moved[key].take(held, 1.0 - fraction)
        if fraction:
            own[key.account][key.service or key.account].take(held, fraction)
            passing[key.account][key] = held.amount * fraction
    through = _through(own, passed_on)
    for account, callers in passed_on.callers.items():
        for caller, fraction in callers.items():
            bears = fraction * passed_on.kept(caller)
            line = moved[EntryKey(caller, account, "", "", "{}", "shared")]
            line.take(through[account], bears)
            for service, held in own[account].items():
                if service != account:
                    line.take(held, -bears)
                    moved[EntryKey(caller, service, "", "", "{}", "shared")].take(held, bears)
        weights = passing[account]
        whole = sum(weights.values())
        for key, weight in weights.items():
            moved[key].take(through[account], passed_on.kept(account) * (weight / whole if whole else 1 / len(weights)))
    return moved


def _through(own: Mapping[str, Mapping[str, _Sum]], passed_on: PassedOn) -> dict[str, _Sum]:
    """What passes through each internal account: x = d + F x, by rounds until nothing moves that matters."""
    found: dict[str, _Sum] = {account: _Sum() for account in own}
    fresh: dict[str, _Sum] = {account: _Sum() for account in own}
    for account, services in own.items():
        for held in services.values():
            fresh[account].take(held, 1.0)
    most = sum(abs(held.amount) for held in fresh.values())
    for _ in range(_ROUNDS):
        coming: dict[str, _Sum] = {account: _Sum() for account in own}
        for account, held in fresh.items():
            found[account].take(held, 1.0)
            for caller, fraction in passed_on.callers[account].items():
                if caller in coming:
                    coming[caller].take(held, fraction)
        fresh = {account: held for account, held in coming.items() if held.vectors}
        if sum(abs(held.amount) for held in fresh.values()) <= _SETTLED * most:
            break
    return found


def _add_energy(found: Widths, load: Load, held: _Sum) -> None:
    energy = total(held.vectors.values())
    add_to(found["energy_mj"], energy, 1.0)
    if not load.energy_mj:
        return
    share = held.amount / load.energy_mj
    for line in EMISSION_LINES:
        if line in load.lines:
            per_mj = load.lines[line] / load.energy_mj
            add_to(found[line], energy, per_mj)
            add_to(found[line], load.vector, share * (load.slopes.get(line, 0.0) - per_mj))
            add_to(found[line], load.own.get(line, {}), share)
