"""What internal services pass on, in floats: the sources of the cost go where the cost goes.

All of it is linear, ``x = d + F x`` as for the amounts (``shared``), which is ample for a half-width. Entries, callers and accounts
are in canonical order, and floats are added up in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from math import fsum

from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.leaves import Leaf
from greencloud.allocation.moves import Moves
from greencloud.allocation.uncertainty import Share

__all__ = ["PassedOn", "reallocated"]

_ROUNDS = 1000
_SETTLED = 1e-9

_Shares = dict[EntryKey, Share]


@dataclass(frozen=True, slots=True)
class PassedOn:
    """What internal accounts passed on: the fraction of each of their entries, and to whom, by account and caller.

    ``moves`` has the same in integers. ``in_part``: accounts that do not pass on all of their entries, so that these must be told
    apart.
    """

    entries: Mapping[EntryKey, float]
    callers: Mapping[str, Mapping[str, float]]
    moves: Moves
    in_part: Set[str] = frozenset()

    def kept(self, account: str) -> float:
        """The fraction of what passes through an account that comes to rest there."""
        return max(0.0, 1.0 - fsum(self.callers.get(account, {}).values()))

    def by_component(self) -> PassedOn:
        """The same by account and component, but for the accounts that pass on in part."""
        entries: dict[EntryKey, float] = defaultdict(float)
        for key, fraction in self.entries.items():
            name = key if key.account in self.in_part else EntryKey.of(Leaf(key.account), key.component)
            entries[name] = max(entries[name], fraction)  # all are 1 but those of an entry without amounts
        return PassedOn(entries, self.callers, self.moves, self.in_part)

    def fraction_of(self) -> Callable[[EntryKey], float]:
        """The fraction of any entry, also of one that is nothing and uncertain all the same: it goes where its component goes."""
        whole = self.by_component().entries
        return lambda key: (
            self.entries.get(key, 0.0)
            if key.account in self.in_part
            else whole.get(EntryKey.of(Leaf(key.account), key.component), 0.0)
        )

    def named(self, leaf: Leaf, component: str) -> EntryKey:
        """The entry of a leaf, or, where its account passes on all or nothing, one for all of its leaves."""
        return EntryKey.of(leaf if leaf.account in self.in_part else Leaf(leaf.account), component)


def reallocated(sums: Mapping[EntryKey, Share], passed_on: PassedOn) -> _Shares:
    """What comes to rest on each entry of the shares in a load or mass."""
    moved: _Shares = defaultdict(Share)
    own: dict[str, dict[str, Share]] = {account: defaultdict(Share) for account in passed_on.callers}
    passing: dict[str, dict[EntryKey, float]] = defaultdict(dict)
    fraction_of = passed_on.fraction_of()
    for key, held in sums.items():
        fraction = fraction_of(key)
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
        whole = fsum(weights.values())
        for key, weight in weights.items():
            moved[key].take(through[account], passed_on.kept(account) * (weight / whole if whole else 1 / len(weights)))
    return moved


def _through(own: Mapping[str, Mapping[str, Share]], passed_on: PassedOn) -> dict[str, Share]:
    """What passes through each internal account: x = d + F x, by rounds until nothing moves that matters."""
    found: dict[str, Share] = {account: Share() for account in own}
    fresh: dict[str, Share] = {account: Share() for account in own}
    for account, services in own.items():
        for held in services.values():
            fresh[account].take(held, 1.0)
    most = fsum(abs(held.amount) for held in fresh.values())
    for _ in range(_ROUNDS):
        coming: dict[str, Share] = {account: Share() for account in own}
        for account, held in fresh.items():
            found[account].take(held, 1.0)
            for caller, fraction in passed_on.callers[account].items():
                if caller in coming:
                    coming[caller].take(held, fraction)
        fresh = {account: held for account, held in coming.items() if held.vectors}
        if fsum(abs(held.amount) for held in fresh.values()) <= _SETTLED * most:
            break
    return found
