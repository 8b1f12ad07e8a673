"""How sure the entries of one site-window are: where each came from, kept until somebody asks.

Settling a load leaves its claims, the tree that apportioned them and the load's sources here; ``by_source`` turns them into
half-widths by group of entries, measure and source (``uncertainty``). What internal services pass on takes its sources along
(``passed_on``).

``shares`` is the same by account and component alone, still unsummed: it asks a claim for its account and not for its leaves,
which are many more. Claims come in canonical order and floats are added up in it, or by ``fsum``, never by ``sum``, whose
rounding differs between versions of Python: the same inputs give the same bits (law 2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

from greencloud.allocation.capacity import MassClaim
from greencloud.allocation.claims import Claim
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import Leaf
from greencloud.allocation.overhead import Overhead
from greencloud.allocation.passed_on import PassedOn, reallocated
from greencloud.allocation.postings import EMISSION_LINES
from greencloud.allocation.tree import Slots, Tree
from greencloud.allocation.uncertainty import Load, Scaled, Share, add_to, total

__all__ = ["AccountComponent", "Settled", "SettledMass", "Spread"]

_EMBODIED = "scope3_embodied_ug"

Group = TypeVar("Group", bound=tuple[object, ...])
Widths = dict[str, dict[str, float]]
"""Half-width by measure and source."""
AccountComponent = tuple[str, str]
Name = TypeVar("Name", AccountComponent, EntryKey)
_Naming = Callable[[Leaf, str], Name]
"""Of a leaf, on a component."""
_Entries = Iterator[tuple[EntryKey, float, Scaled, float]]
"""Entry, amount, and the claim's vectors with the fraction of them."""


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

    def entries(self) -> _Entries:
        """By leaf; amounts are energy."""
        own = [claim.spread for claim in self.claims]
        beyond, rides = self._beyond(), self._rides()
        for index, leaf, fraction in zip(self.tree.claims, self.tree.leaves, self.tree.fractions(), strict=True):
            if fraction:
                claim = self.claims[index]
                yield EntryKey.of(leaf, claim.component), claim.energy_mj * fraction, own[index], fraction
                yield EntryKey.of(leaf, "overhead"), beyond[index] * fraction, rides[index], fraction

    def shares(self, named: _Naming[Name], by_leaf: Set[str]) -> dict[Name, Share]:
        """Added up by name; leaves of one account have one name, but for the accounts of ``by_leaf``."""
        found: dict[Name, Share] = defaultdict(Share)
        riding: dict[Name, tuple[Share, list[float]]] = defaultdict(lambda: (Share(), [0.0]))
        for claim, beyond in zip(self.claims, self._beyond(), strict=True):
            for leaf, fraction in _fractions(claim.slots, claim.leaves, by_leaf):
                energy = claim.energy_mj * fraction
                found[named(leaf, claim.component)].add(energy, claim.spread, fraction)
                if beyond:
                    rides, energies = riding[named(leaf, "overhead")]
                    rides.add(beyond * fraction, claim.spread, fraction)
                    energies[0] += energy
        for name in list(riding):
            rides, (energy,) = riding.pop(name)  # one at a time, since what is made of it is as large
            found[name].add(rides.amount, self.overhead.spread(energy, tuple(rides.vectors.values())), 1.0)
        return found

    def _beyond(self) -> Sequence[int]:
        # Emissions of a load without energy are all the last claim's, nobody's: let it have a share of 1 in them.
        return self.beyond if self.load.energy_mj else [*self.beyond[:-1], 1]

    def _rides(self) -> list[Scaled]:
        return [
            self.overhead.spread(claim.energy_mj, claim.spread) if beyond else ()
            for claim, beyond in zip(self.claims, self.beyond, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class SettledMass:
    """Embodied mass that was posted."""

    claims: Sequence[MassClaim]
    tree: Tree

    def entries(self) -> _Entries:
        """By leaf; amounts are micrograms."""
        for index, leaf, fraction in zip(self.tree.claims, self.tree.leaves, self.tree.fractions(), strict=True):
            claim = self.claims[index]
            yield EntryKey.of(leaf, claim.component), claim.micrograms * fraction, claim.spread, fraction

    def shares(self, named: _Naming[Name], by_leaf: Set[str]) -> dict[Name, Share]:
        """As of energy."""
        found: dict[Name, Share] = defaultdict(Share)
        for claim in self.claims:
            for leaf, fraction in _fractions((), claim.leaves, by_leaf):
                found[named(leaf, claim.component)].add(claim.micrograms * fraction, claim.spread, fraction)
        return found


def _fractions(slots: Slots, leaves: Sequence[Leaf], by_leaf: Set[str]) -> Iterable[tuple[Leaf, float]]:
    """The fractions of a claim by account, each with some leaf of it; by leaf for the accounts named."""
    if not slots and leaves[0].account not in by_leaf:  # leaves without slots are of one account
        return ((leaves[0], 1.0),)
    found: dict[object, tuple[Leaf, float]] = {}
    slots = slots or ((1, tuple(leaves)),)
    whole = sum(weight for weight, _ in slots) or 1
    for weight, within in slots:
        of_slot = sum(leaf.weight for leaf in within) or 1
        for leaf in within:
            if leaf.weight and weight:
                name = leaf if leaf.account in by_leaf else leaf.account
                before = found[name][1] if name in found else 0.0
                found[name] = leaf, before + weight * leaf.weight / (whole * of_slot)
    return found.values()


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
            for name, held in _grouped(settled.entries(), group, self.passed_on).items():
                _add_energy(found[name], settled.load, held)
        for settled_mass in self.mass:
            for name, held in _grouped(settled_mass.entries(), group, self.passed_on).items():
                add_to(found[name][_EMBODIED], total(held.vectors.values()), 1.0)
        return found

    def shares(self) -> Iterator[tuple[Load | None, dict[AccountComponent, Share]]]:
        """For each load, and for each lot of embodied mass (None), what each account bears of it on each component."""
        if self.passed_on is None:
            for settled in self.energy:
                yield settled.load, settled.shares(_account_component, frozenset())
            for settled_mass in self.mass:
                yield None, settled_mass.shares(_account_component, frozenset())
            return
        passed_on = self.passed_on.by_component()
        for settled in self.energy:
            yield settled.load, _by_component(reallocated(settled.shares(passed_on.named, passed_on.in_part), passed_on))
        for settled_mass in self.mass:
            yield None, _by_component(reallocated(settled_mass.shares(passed_on.named, passed_on.in_part), passed_on))


def _account_component(leaf: Leaf, component: str) -> AccountComponent:
    return leaf.account, component


def _by_component(shares: Mapping[EntryKey, Share]) -> dict[AccountComponent, Share]:
    found: dict[AccountComponent, Share] = defaultdict(Share)
    for key, share in shares.items():
        found[key.account, key.component].take(share, 1.0)
    return found


def _grouped(entries: _Entries, group: Callable[[EntryKey], Group], passed_on: PassedOn | None) -> dict[Group, Share]:
    groups: dict[Group, Share] = defaultdict(Share)
    if passed_on is None:
        for key, amount, scaled, fraction in entries:
            groups[group(key)].add(amount, scaled, fraction)
        return groups
    sums: dict[EntryKey, Share] = defaultdict(Share)
    for key, amount, scaled, fraction in entries:
        sums[key].add(amount, scaled, fraction)
    for key, held in reallocated(sums, passed_on).items():
        groups[group(key)].take(held, 1.0)
    return groups


def _add_energy(found: Widths, load: Load, held: Share) -> None:
    energy = total(held.vectors.values())
    add_to(found["energy_mj"], energy, 1.0)
    share = held.amount / (load.energy_mj or 1)
    for line in EMISSION_LINES:
        if line in load.lines:
            per_mj = load.lines[line] / (load.energy_mj or 1)
            add_to(found[line], energy, per_mj)
            add_to(found[line], load.vector, share * (load.slopes.get(line, 0.0) - per_mj))
            add_to(found[line], load.own.get(line, {}), share)
