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

def leaves_of(
    account: str,
    uses: Sequence[tuple[object, ...]],
    reserved: Sequence[tuple[str, int]],
    kind: type[L],
    apportion: Callable[[int, list[int]], list[int]],
) -> tuple[L, ...]:
    """As ``own_leaves``; where none has a weight, a leaf more for each of the ``reserved`` services with a weight, or for none."""
