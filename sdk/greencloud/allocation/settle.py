"""What passes through each internal service: the reciprocal system ``x = d + F x``, sparse, and exact to the integer.

``F_kj`` is the fraction of its cost that service k passes on to j, ``d_k`` its direct cost; ``x_k`` is all that it has to pass on
or keep. Equivalently an absorbing Markov chain: cost wanders from service to caller until somebody keeps it. Services are coupled
where one passes cost to another. Each coupled group is solved by itself; a service that is in none has ``x = d``.

**Proof of every digit.** Let X be the amounts found, on a binary scale of ``2**-scale``, and ``r = d + F X - X`` what they leave
unsettled, in exact integers. What any bearer ends up with is then wrong by what it would bear of r, which is at most ``sum |r|``,
because a unit of cost comes to rest once; however badly the system is conditioned. So X is corrected by ``Elimination`` until
``sum |r| <= 2**-bits``, and where its digits do not suffice they are doubled.

**Ties.** By Cramer's rule an exact amount has a denominator of at most ``prod w_k`` over the group (``w_k``: the common denominator
of k's fractions; the matrix ``diag(w) - N`` is dominant, so its determinant is at most the product of its diagonal), times two
``w_k`` more for what one keeps of another's. With ``2**bits`` twice beyond that, an amount found within ``2**-bits`` below an
integer *is* that integer, and rounding down is the exact floor. So it is where that takes no more than ``MOST_BITS``: for some
twenty coupled services whose work is counted in hours of nanoseconds, and for any number of them that are not coupled. In larger
groups ``2**-LEAST_BITS`` is the rule: an amount less than that below an integer counts as the integer. Even so nothing is given out
that is not there: the bearers' parts are integers, and their sum is less than one unit above their exact sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Final

from greencloud.allocation.elimination import FLOAT_DIGITS, Elimination

__all__ = ["MOST_BITS", "Passing", "Through", "endless", "reciprocal", "settled"]

LEAST_BITS: Final = 128
MOST_BITS: Final = 1024

Passing = Mapping[str, Mapping[str, Fraction]]
"""``passed[k][j]``: the fraction of its cost that k passes on to j; k keeps the rest, and who is no key keeps all."""


@dataclass(frozen=True, slots=True)
class Through:
    """Amounts that pass through one service, one for each measure, in units of ``2**-scale``, and good to ``2**-bits``.

    ``bits`` 0: they are exact.
    """

    amounts: tuple[int, ...]
    scale: int = 0
    bits: int = 0

    def part(self, fraction: Fraction, without: Sequence[int]) -> list[int]:
        """The floor of a fraction of each amount that is left without the given integers."""
        n, w = fraction.numerator, fraction.denominator
        near = w << (self.scale - self.bits) if self.bits else 0
        return [
            max(0, n * (amount - (less << self.scale)) + near) // (w << self.scale)
            for amount, less in zip(self.amounts, without, strict=True)
        ]


def settled(direct: Mapping[str, Sequence[int]], passed: Passing) -> dict[str, Through]:
    """What passes through each service of ``passed``, whose direct amounts, one for each measure, are not negative.

    No service may be ``endless``.
    """
    found = {name: Through(tuple(direct[name])) for name in passed}
    for names in _groups(passed):
        group = _Group(names, passed)
        bits = max(group.height + 2, LEAST_BITS) if group.height < MOST_BITS else LEAST_BITS
        columns = zip(*(direct[name] for name in names), strict=True)
        amounts = zip(*(group.solve(column, bits) for column in columns), strict=True)
        found |= {name: Through(tuple(own), group.scale(bits), bits) for name, own in zip(names, amounts, strict=True)}
    return found


def reciprocal(direct: Mapping[str, int | Fraction], passed: Passing) -> dict[str, Fraction]:
    """x of ``x = d + F x``, as exact rationals: for proofs and examples, since their digits grow with the size of the group."""
    whole = lcm(*(Fraction(amount).denominator for amount in direct.values()))
    found = {name: Fraction(direct.get(name, 0)) for name in passed}
    for names in _groups(passed):
        group = _Group(names, passed)
        bits = 2 * group.height + 2
        amounts = group.solve([int(found[name] * whole) for name in names], bits)
        for name, work, amount in zip(names, group.wholes, amounts, strict=True):
            # y = x / w is the only rational of so small a denominator that is so near.
            near = Fraction(amount, work << group.scale(bits)).limit_denominator(1 << group.height)
            found[name] = near * work / whole
    return found


def endless(passed: Passing) -> list[str]:
    """Services from which no cost can come to rest: they pass on all of it, and only to services like them."""
    callees: dict[str, list[str]] = defaultdict(list)
    ends = []
    for name, callers in passed.items():
        if sum(callers.values()) < 1 or any(fraction and caller not in passed for caller, fraction in callers.items()):
            ends.append(name)
        for caller, fraction in callers.items():
            if fraction:
                callees[caller].append(name)
    return sorted(passed.keys() - _reached(ends, callees))


def _groups(passed: Passing) -> list[list[str]]:
    """Services that are coupled, directly or through others."""
    coupled: dict[str, list[str]] = defaultdict(list)
    for name, callers in passed.items():
        for caller, fraction in callers.items():
            if fraction and caller in passed:
                coupled[name].append(caller)
                coupled[caller].append(name)
    groups = []
    seen: set[str] = set()
    for name in sorted(coupled):
        if name not in seen:
            found = _reached([name], coupled)
            seen |= found
            groups.append(sorted(found))
    return groups


def _reached(start: Iterable[str], links: Mapping[str, Iterable[str]]) -> set[str]:
    found = set(start)
    todo = sorted(found)
    while todo:
        for other in links.get(todo.pop(), ()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


class _Group:
    """Coupled services by number, in integers: ``w_k y_k = d_k + sum_m n_mk y_m``; ``x_k = w_k y_k`` and ``n_kj = w_k F_kj``."""

    def __init__(self, names: Sequence[str], passed: Passing) -> None:
        numbers = {name: number for number, name in enumerate(names)}
        self.wholes = [lcm(*(fraction.denominator for fraction in passed[name].values())) for name in names]
        self._work: list[dict[int, int]] = []
        self._ends: list[int] = []
        self._sources: list[list[tuple[int, int]]] = [[] for _ in names]
        for k, (name, whole) in enumerate(zip(names, self.wholes, strict=True)):
            work = {numbers[caller]: int(part * whole) for caller, part in passed[name].items() if part and caller in numbers}
            self._work.append(work)
            self._ends.append(whole - sum(work.values()))
            for j, n in work.items():
                self._sources[j].append((k, n))
        self.height = sum(whole.bit_length() for whole in self.wholes) + 2 * max(whole.bit_length() for whole in self.wholes)
        try:
            self._solver = Elimination(self._work, self._ends)
        except ArithmeticError:  # beyond the range of floats
            self._solver = Elimination(self._work, self._ends, 2 * FLOAT_DIGITS)

    def scale(self, bits: int) -> int:
        """Fractional bits, so that dropping what is finer leaves unsettled a quarter of ``2**-bits`` at most."""
        return bits + sum(self.wholes).bit_length() + 3

    def solve(self, direct: Sequence[int], bits: int) -> list[int]:
        """x on that scale, ``2**-bits`` near: sum |r| <= 2**-bits."""
        scale = self.scale(bits)
        goal = 1 << (scale - bits)
        given = [amount << scale for amount in direct]
        y = [0] * len(given)
        r, off = given, sum(given)
        while off > goal:
            after = [old + more for old, more in zip(y, self._correction(r), strict=True)]
            r_after = [
                d + sum(n * after[k] for k, n in sources) - whole * own
                for d, sources, whole, own in zip(given, self._sources, self.wholes, after, strict=True)
            ]
            off_after = sum(map(abs, r_after))
            if off_after > goal and off_after << 10 > off:
                self._solver = self._finer()
            if off_after < off:
                y, r, off = after, r_after, off_after
        return [whole * own for whole, own in zip(self.wholes, y, strict=True)]

    def _finer(self) -> Elimination:
        return Elimination(self._work, self._ends, 2 * self._solver.digits)

    def _correction(self, r: Sequence[int]) -> list[int]:
        """About the y of direct amounts r; what is small beside the largest is left for the next time."""
        while True:
            digits = self._solver.digits * 10 // 3 + max(self.wholes).bit_length()
            shift = max(0, max(map(abs, r)).bit_length() - digits - 8)
            try:
                return [int(amount) << shift for amount in self._solver.solve([amount >> shift for amount in r])]
            except (ArithmeticError, ValueError):  # beyond the range of floats
                self._solver = self._finer()
