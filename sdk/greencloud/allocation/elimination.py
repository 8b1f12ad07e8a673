"""Guesses at the solution of a reciprocal system; ``settle`` corrects them, and believes none that its integers do not confirm.

The unknowns are ``y_k = x_k / w_k``, where x_k is all that passes through service k and ``w_k`` its whole work in integers, of
which ``n_kj`` is for service j. They solve ``w_k y_k = d_k + sum_m n_mk y_m``. Eliminating m leaves a system of the same kind,
``n_ij + n_im n_mj / s_m``, and its pivot ``s_m`` is the sum of what m passes on to others and out of the system. Nothing is
subtracted (Grassmann, Taksar & Heyman 1985), so that even services which keep one part in 10^13 lose no digits.

Services are eliminated cheapest first (Markowitz 1957): what nobody calls, or what calls nobody, goes without any fill. Where many
call many at random, eliminating the last would fill the whole matrix; there the rest is iterated (Gauss-Seidel, to and fro), and
eliminated only if that does not converge.

``digits`` up to 15 are floats, which are fast; more are decimals, for systems that need more digits or wider exponents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from heapq import heapify, heappop, heappush
from math import inf
from operator import mul
from typing import Final, cast

__all__ = ["FLOAT_DIGITS", "Elimination"]

FLOAT_DIGITS: Final = 15

_CHEAP = 20
"""New links of one elimination, up to which it is always worth it."""

_WORK = 2_000_000
"""New links of all other eliminations, beyond which the rest is iterated."""

_LAPS = 300


class Elimination:
    """``work[k][j]``: integers that service k does for service j; ``ends[k]``: those that it does for itself and for all others.

    Raises:
        ArithmeticError: the numbers leave the range of floats; here, and where the system is solved.
    """

    def __init__(self, work: Sequence[Mapping[int, int]], ends: Sequence[int], digits: int = FLOAT_DIGITS) -> None:
        self.digits = digits
        # Floats that go by the name of decimals: what is done here is the same with both.
        self._number = cast("type[Decimal]", float) if digits <= FLOAT_DIGITS else Decimal
        self._context = Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN)
        self._steps: list[tuple[int, Decimal, list[tuple[int, Decimal]], list[tuple[int, Decimal]]]] = []
        with localcontext(self._context):
            self._out = [{j: self._number(n) for j, n in callers.items() if j != k and n} for k, callers in enumerate(work)]
            self._ends = [self._number(n) for n in ends]
            self._into: list[set[int]] = [set() for _ in work]
            for k, callers in enumerate(self._out):
                for j in callers:
                    self._into[j].add(k)
            self._left = set(range(len(work)))
            self._eliminate(_CHEAP)
            self._eliminate_or_restore()

    def solve(self, direct: Sequence[int]) -> list[Decimal]:
        """About y, for direct amounts of either sign."""
        with localcontext(self._context):
            y = [self._number(amount) for amount in direct]
            done = 0
            while True:
                for m, pivot, out, _ in self._steps[done:]:
                    if y[m]:
                        amount = y[m] / pivot
                        for j, n in out:
                            y[j] += amount * n
                done = len(self._steps)
                if not self._left or self._iterate(y):
                    break
                self._eliminate()
            for m, pivot, _, into in reversed(self._steps):
                total = y[m]
                for i, n in into:
                    total += n * y[i]
                y[m] = total / pivot
            return y

    def _eliminate_or_restore(self) -> None:
        before = (
            list(self._steps),
            [dict(row) for row in self._out],
            list(self._ends),
            [set(i) for i in self._into],
            set(self._left),
        )
        self._eliminate(work=_WORK)
        if self._left:
            self._steps, self._out, self._ends, self._into, self._left = before

    def _eliminate(self, dearest: float = inf, work: float = inf) -> None:
        """Eliminate services, cheapest first, while they cost no more than ``dearest`` each and ``work`` together."""
        heap = [(self._cost(m), m) for m in self._left]
        heapify(heap)
        while heap:
            cost, m = heappop(heap)
            if m not in self._left or cost != self._cost(m):
                continue
            if cost > dearest or cost * len(self._left) > 3 * work:  # a full matrix takes a third of that product
                return
            work -= cost
            self._left.discard(m)
            for touched in self._without(m):
                heappush(heap, (self._cost(touched), touched))

    def _cost(self, m: int) -> int:
        return len(self._into[m]) * len(self._out[m])

    def _without(self, m: int) -> set[int]:
        """Eliminate m; the services whose links changed."""
        out, into = sorted(self._out[m].items()), sorted(self._into[m])
        pivot = sum((n for _, n in out), self._ends[m])
        back = []
        for i in into:
            row = self._out[i]
            n_im = row.pop(m)
            back.append((i, n_im))
            part = n_im / pivot
            self._ends[i] += part * self._ends[m]
            for j, n in out:
                if j in row:
                    row[j] += part * n
                elif j != i:
                    row[j] = part * n
                    self._into[j].add(i)
        for j, _ in out:
            self._into[j].discard(m)
        self._out[m], self._into[m] = {}, set()
        self._steps.append((m, pivot, out, back))
        return {*into, *(j for j, _ in out)}

    def _iterate(self, y: list[Decimal]) -> bool:
        """Solve for the services that are left, in place; False, with ``y`` as it was, where that takes too long."""
        names = sorted(self._left)
        numbers = {name: number for number, name in enumerate(names)}
        rows = []
        for number, name in enumerate(names):
            callees = sorted(self._into[name])
            pivot = sum(self._out[name].values(), self._ends[name])
            rows.append((number, pivot, [numbers[i] for i in callees], [self._out[i][name] for i in callees]))
        direct = [y[name] for name in names]
        ends = [self._ends[name] for name in names]
        now = [amount / pivot for amount, (_, pivot, _, _) in zip(direct, rows, strict=True)]
        whole = sum(direct)
        enough = max(map(abs, direct)) * self._number(10) ** (4 - self.digits)
        for lap in range(1, _LAPS + 1):
            before = list(now)
            for k, pivot, callees, work in (*rows, *reversed(rows)):
                now[k] = sum(map(mul, work, [now[i] for i in callees]), direct[k]) / pivot
            steps = [after - old for after, old in zip(now, before, strict=True)]
            if sum(abs(step) * row[1] for step, row in zip(steps, rows, strict=True)) <= enough:
                for name, amount in zip(names, now, strict=True):
                    y[name] = amount
                return True
            # What is still to come lies nearly along the last steps, and how much it is follows from what has come to rest.
            resting = sum(map(mul, ends, steps))
            if lap % 3 == 0 and resting and (rest := (whole - sum(map(mul, ends, now))) / resting) > 0:
                now = [after + step * rest for after, step in zip(now, steps, strict=True)]
        return False
