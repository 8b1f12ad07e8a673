"""How wide the interval of each posting is, for the ledger: one ratio for an account, a component and a measure.

The 95 % interval of what an account bears on a component is worked out as ``intervals`` does it, with sources correlated within
and independent of one another; its half-width over the amount, rounded up to a part per million, is the ratio of all its postings.
So the half-widths of the postings of an account and component add up to no less than its interval, and so do those of any accounts,
components, sites and windows together, since a sum of half-widths is never less than that of the sum. Two things a ratio cannot
tell, and ``intervals`` can. A finer line takes the ratio of its account and component, and its own may be wider, where it ran on
fewer hosts. And what is nothing has none, though it may be uncertain: the dynamic energy of a host that a model has at idle.

A total is one vector, ``T = a E + s D``: E is the energy borne, a the emissions per energy of its load, s the share in the load,
and D what the load's own sources add. Of long vectors that many accounts have in common (idle energy of all hosts, the load,
hardware) only the inner products are needed, each once; so the cost goes with claims, and not with accounts times sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil, fsum, sqrt
from typing import Final

import pyarrow as pa

from greencloud.allocation.postings import EMISSION_LINES, UNCERTAINTIES
from greencloud.allocation.spread import AccountComponent
from greencloud.allocation.uncertainty import Load, Share, Vector, add_to
from greencloud.allocation.window import WindowAllocation

__all__ = ["relative_half_widths", "with_uncertainties"]

_UNKNOWN: Final = -1
_MOST: Final = 2**31 - 1
_WIDE: Final = pa.decimal128(38, 0)
_LONG: Final = 8
"""A vector of more sources than that is multiplied once; shorter ones are added up."""

_OPERATIONAL: Final = (
    ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug"),
    ("scope1_ug", "scope2_market_ug", "scope3_upstream_market_ug"),
)
"""The lines of a load, of the location-based total and of the market-based."""

_EMBODIED: Final = "scope3_embodied_ug"

Ratios = tuple[int, int, int]
"""Of energy, of the location-based and of the market-based total, in parts per million."""


def with_uncertainties(window: WindowAllocation) -> pa.Table:
    """The postings with the columns ``UNCERTAINTIES`` (int32): each has the ratios of its account and component."""
    ratios = relative_half_widths(window)
    places = {key: place for place, key in enumerate(ratios)}
    keys = zip(window.postings["account"].to_pylist(), window.postings["component"].to_pylist(), strict=True)
    of_each = pa.array([places[key] for key in keys], pa.int32())
    table = window.postings
    for name, column in zip(UNCERTAINTIES, zip(*ratios.values(), strict=True) if ratios else ((), (), ()), strict=True):
        table = table.append_column(pa.field(name, pa.int32(), nullable=False), pa.array(column, pa.int32()).take(of_each))
    return table


def relative_half_widths(window: WindowAllocation) -> dict[AccountComponent, Ratios]:
    """By account and component of the postings: ``ceil(half-width / amount * 10**6)``, at most 2**31 - 1.

    0 where the amount is 0; -1, not known, where the window does not say where an amount came from.
    """
    amounts = _amounts(window.postings)
    widths = _half_widths(window)
    return {
        key: (_ratio(sums[0], found[0]), _ratio(sums[1], found[1]), _ratio(sums[2], found[2]))
        for key, sums in amounts.items()
        for found in [widths.get(key, (None, None, None))]
    }


def _ratio(amount: int, width: float | None) -> int:
    if not amount:
        return 0
    return _UNKNOWN if width is None else min(_MOST, ceil(width * 1_000_000 / amount))


def _amounts(postings: pa.Table) -> dict[AccountComponent, tuple[int, ...]]:
    """Energy and both totals, exactly."""
    keys, names = ("account", "component"), ("energy_mj", *EMISSION_LINES)
    wide = pa.table({name: postings[name] for name in keys} | {name: postings[name].cast(_WIDE) for name in names})
    sums = wide.group_by(list(keys)).aggregate([(name, "sum") for name in names])
    columns = {name: [int(amount) for amount in sums[f"{name}_sum"].to_pylist()] for name in names}
    location, market = (
        list(map(sum, zip(*(columns[name] for name in (*lines, _EMBODIED)), strict=True))) for lines in _OPERATIONAL
    )
    found = zip(*(sums[name].to_pylist() for name in keys), columns["energy_mj"], location, market, strict=True)
    return {(account, component): (energy, *totals) for account, component, energy, *totals in found}


def _half_widths(window: WindowAllocation) -> dict[AccountComponent, tuple[float, float, float]]:
    terms: dict[AccountComponent, list[_Term]] = defaultdict(list)
    products = _Products()
    for load, shares in window.spread.shares():
        made = (0.0, 0.0) if load is None else tuple(_per_mj(load, names) for names in _OPERATIONAL)
        beyond = (
            () if load is None else tuple(_beyond(load, names, per_mj) for names, per_mj in zip(_OPERATIONAL, made, strict=True))
        )
        for key in [*shares]:
            terms[key] += _terms(shares.pop(key), load, made, beyond)
    return {key: products.half_widths(found) for key, found in terms.items()}


_Term = tuple[Vector, tuple[float, float, float]]
"""A vector, and its coefficient in energy, the location-based and the market-based total."""


def _terms(share: Share, load: Load | None, per_mj: Sequence[float], beyond: Sequence[Vector]) -> Iterator[_Term]:
    short: dict[str, float] = defaultdict(float)
    coefficients = (0.0, 1.0, 1.0) if load is None else (1.0, per_mj[0], per_mj[1])
    for vector, scale in share.vectors.values():
        if len(vector) > _LONG:
            yield vector, (coefficients[0] * scale, coefficients[1] * scale, coefficients[2] * scale)
        else:
            add_to(short, vector, scale)
    if short:
        yield short, coefficients
    if load is not None and share.amount:
        part = share.amount / (load.energy_mj or 1)
        yield beyond[0], (0.0, part, 0.0)
        yield beyond[1], (0.0, 0.0, part)


def _per_mj(load: Load, names: Sequence[str]) -> float:
    return sum(load.lines[name] for name in names if name in load.lines) / (load.energy_mj or 1)


def _beyond(load: Load, names: Sequence[str], per_mj: float) -> Vector:
    """What a whole load's lines have beyond what its energy brings."""
    found: dict[str, float] = defaultdict(float)
    add_to(found, load.vector, fsum(load.slopes.get(name, 0.0) for name in names) - per_mj)
    for name in names:
        add_to(found, load.own.get(name, {}), 1.0)
    return found


class _Products:
    """Inner products, those of two long vectors worked out once. The vectors outlive this, so that ids are theirs alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], float] = {}

    def half_widths(self, terms: Sequence[_Term]) -> tuple[float, float, float]:
        """The length of each of the three sums of vectors."""
        squares: tuple[list[float], list[float], list[float]] = ([], [], [])
        for index, (one, ours) in enumerate(terms):
            for other, theirs in terms[index:]:
                pairs = [our * their for our, their in zip(ours, theirs, strict=True)]
                if any(pairs):
                    product = self._product(one, other) * (1 if one is other else 2)
                    for square, pair in zip(squares, pairs, strict=True):
                        square.append(pair * product)
        energy, location, market = (sqrt(max(0.0, fsum(square))) for square in squares)
        return energy, location, market

    def _product(self, one: Vector, other: Vector) -> float:
        if len(one) < len(other):
            one, other = other, one
        if len(other) <= _LONG:
            return _dot(one, other)
        key = (id(one), id(other)) if id(one) < id(other) else (id(other), id(one))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _dot(one, other)
        return found


def _dot(one: Vector, other: Vector) -> float:
    return fsum(width * one[source] for source, width in other.items() if source in one)
