"""Rounding that adds up: printed parts sum to their printed total, exactly.

A figure that is rounded by itself is off by half a unit at the most, but ten such figures do not add up to a total that was
rounded, too, and a reader who adds them up finds an error. By the method of the largest remainder (Hamilton's) each part is rounded
down first, and the units that are missing from the total go to the parts that lost most. Every part is then within one unit of its
exact amount, a part that is a whole number of units stays what it is, and no part changes its sign.

Where parts have parts of their own, the printed figure of the part is the total of the next call, so that a whole tree adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from greencloud.errors import QuantityError
from greencloud.units import round_half_even

__all__ = ["decimal_units", "rounded_parts", "rounded_total"]


def rounded_total(amounts: Sequence[int], unit: int) -> int:
    """The sum in whole units, half to even. ``unit`` is how much of what ``amounts`` count a unit is."""
    return round_half_even(Fraction(sum(amounts), unit))


def rounded_parts(amounts: Sequence[int], unit: int, total: int | None = None) -> list[int]:
    """Each amount in whole units, in the same order; they add up to ``total`` (by default ``rounded_total``).

    Of equal remainders the first gets the unit. ``total``, in units, is the exact sum rounded down or up.

    Raises:
        QuantityError: ``total`` is another, and no rounding of these amounts adds up to it.
    """
    wanted = rounded_total(amounts, unit) if total is None else total
    # Towards minus infinity, so that every remainder is a gain of less than one unit, whatever the sign.
    down = [divmod(amount, unit) for amount in amounts]
    missing = wanted - sum(whole for whole, _ in down)
    order = sorted((place for place, (_, rest) in enumerate(down) if rest), key=lambda place: (-down[place][1], place))
    if not 0 <= missing <= len(order):
        raise QuantityError(f"{len(amounts)} parts do not round to a total of {wanted}", advice="give the sum, rounded down or up")
    up = set(order[:missing])
    return [whole + (place in up) for place, (whole, _) in enumerate(down)]


def decimal_units(units: int, places: int) -> Decimal:
    """So many units of the last of ``places`` decimal places: 1234 with 3 places is 1.234."""
    return Decimal(f"{units}E{-places}")  # exact: arithmetic on decimals rounds at 28 digits
