"""The leaves of an account's claim (see ``ext/greencloud/_leaves.pyx``; the meaning is in ``greencloud.allocation.leaves``)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

L = TypeVar("L", bound=tuple[object, ...])

def own_leaves(
    account: str, uses: Sequence[tuple[object, ...]], kind: type[L], apportion: Callable[[int, list[int]], list[int]]
) -> list[L]:
    """What an account's own uses (tuples of ``greencloud.allocation.uses.Use``) say, as leaves of ``kind`` in canonical order.

    Raises:
        ValueError, TypeError: what is given is no use.
    """
