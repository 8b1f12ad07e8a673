"""The values of a dimension: what the postings can be told apart by, and what those with each value come to.

A posting has one value of each dimension, "" where it has none, so that the values add up to the whole. The keys of labels are no
dimension of that kind: a posting counts for every key that it has, and for "" where it has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from greencloud.ledger.availability import Readable
from greencloud.ledger.stop import Stop
from greencloud.results import DimensionValue, FootprintQuery, FootprintRow, Granularity
from greencloud.units import Emissions, Energy

__all__ = ["LABEL_KEYS", "dimension_values"]

LABEL_KEYS: Final = "label"
"""In the place of a dimension: the keys of labels."""

_LABELS: Final = "labels"


def dimension_values(
    snapshot: Readable, dimension: str, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None
) -> list[DimensionValue]:
    """The values among the postings that a query leaves, in descending order of the location-based total, then by value.

    ``dimension``: one of ``GROUPABLE`` but scope, ``label:<key>``, or ``LABEL_KEYS``. How the query is grouped does not count.

    Raises:
        QuantityError: an unknown dimension.
        TooLargeError: there are more than ``most`` values, or sets of labels.
        StoppedError: ``stop`` was set.
        StoreError: a segment is missing or torn.
    """
    column = _LABELS if dimension == LABEL_KEYS else dimension
    rows = snapshot.footprint(replace(query, group_by=(column,), granularity=Granularity.ALL), most=most, stop=stop)
    found: dict[str, list[int]] = {}
    for row in rows:
        amounts = (row.energy.millijoules, row.total_location_based.micrograms, row.total_market_based.micrograms)
        for value in _values(row, column):
            sums = found.setdefault(value, [0, 0, 0])
            for place, amount in enumerate(amounts):
                sums[place] += amount
    ordered = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
    return [
        DimensionValue(value, Energy(energy), Emissions(location), Emissions(market))
        for value, (energy, location, market) in ordered
    ]


def _values(row: FootprintRow, column: str) -> Iterable[str]:
    value = row.dimensions[column]
    return (json.loads(value or "{}") or ("",)) if column == _LABELS else (value,)
