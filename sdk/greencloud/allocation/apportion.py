"""Exact sharing of one integer: the compiled kernel where amounts fit int64, Python's unbounded integers where they do not.

Both give the same parts: floors of the quotas, then one unit each to the largest remainders, ties to the earlier. A tenant can
send absurd numbers; they must cost it its own accuracy, never somebody else's window, so nothing here overflows.
"""

from __future__ import annotations

from collections.abc import Sequence

from greencloud import _apportion
from greencloud.units import INT64_MAX

__all__ = ["apportion"]


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Integer parts of ``total`` in proportion to ``weights``, in their order.

    Raises:
        ValueError: a negative total or weight, or a positive total with no positive weight.
    """
    if total == 0 and not weights:
        return []
    if total <= INT64_MAX and max(weights, default=0) <= INT64_MAX:
        return _apportion.apportion(total, weights).tolist()
    return _apportion_unbounded(total, weights)


def _apportion_unbounded(total: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    if total < 0 or min(weights, default=0) < 0:
        raise ValueError("totals and weights are not negative")
    if whole == 0:
        raise ValueError(f"total {total} has no positive weight to go to")
    parts = []
    remainders = []
    for index, weight in enumerate(weights):
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append((-remainder, index))
    for _, index in sorted(remainders)[: total - sum(parts)]:
        parts[index] += 1
    return parts
