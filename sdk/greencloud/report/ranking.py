"""The order of rows: as they came, or by a field, with what is equal in the order in which it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from greencloud.errors import QuantityError
from greencloud.report.changes import Pair, amount_of
from greencloud.report.totals import EMISSION_FIELDS, TOTAL_FIELDS

__all__ = ["Order", "sorted_pairs"]

_AMOUNTS = ("energy", *EMISSION_FIELDS, *TOTAL_FIELDS)
_CHANGES = ("change", "change_percent")


@dataclass(frozen=True, slots=True)
class Order:
    """By ``field``, the largest first where ``descending``."""

    field: str
    descending: bool = False

    @classmethod
    def of(cls, text: str) -> Order:
        """Read ``FIELD``, ``FIELD:asc`` or ``FIELD:desc``. A field may have a colon itself, as ``label:team`` does.

        Raises:
            QuantityError: there is no field.
        """
        for ending, descending in ((":desc", True), (":asc", False)):
            if text.endswith(ending):
                return cls(text.removesuffix(ending), descending)
        if not text:
            raise QuantityError("there is no field to sort by", advice="write FIELD or FIELD:desc, as energy:desc")
        return cls(text)


def sorted_pairs(pairs: Sequence[Pair], order: Order, names: Sequence[str], measure: str) -> list[Pair]:
    """``names`` are the dimensions; ``measure`` is that of changes. What is not known comes last in either order.

    Raises:
        QuantityError: there is no such field.
    """
    known = ("start", *names, *_AMOUNTS, "operations", *_CHANGES)
    if order.field not in known:
        raise QuantityError(f"rows cannot be sorted by {order.field!r}", advice=f"fields: {', '.join(known)}")
    values = [_value(pair, order.field, measure) for pair in pairs]
    places = [place for place, value in enumerate(values) if value is not None]
    # Sorting is stable in both directions, so that equal rows keep their order.
    places.sort(key=lambda place: values[place], reverse=order.descending)  # type: ignore[arg-type, return-value]
    return [pairs[place] for place in places] + [pair for pair, value in zip(pairs, values, strict=True) if value is None]


def _value(pair: Pair, field: str, measure: str) -> str | int | Decimal | datetime | None:
    row = pair.row
    if field in row.dimensions:
        return row.dimensions[field]
    match field:
        case "start":
            return row.start
        case "operations":
            return row.operation_count
        case "change":
            return pair.difference(measure)
        case "change_percent":
            return pair.ratio(measure)
        case _ if field in _AMOUNTS:
            return amount_of(row, field)
    return ""
