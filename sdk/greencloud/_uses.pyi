"""Rows of usage as uses (see ``ext/greencloud/_uses.pyx``; the meaning is in ``greencloud.allocation.uses``)."""

from collections.abc import Callable
from typing import TypeVar

U = TypeVar("U", bound=tuple[object, ...])

def uses_of(
    columns: list[list[object]],
    ids: dict[str, str],
    unlisted: str,
    mode_of: Callable[[str], tuple[int, bool]],
    factors: tuple[int, int, int, int, int, int],
    use: type[U],
    amounts: type[tuple[int, ...]],
) -> list[U]:
    """The rows as tuples of ``use``, in canonical order; those that differ in nothing but quality (estimated or not) are one.

    ``columns``: host, account, service, sku, operation, labels, caller, source and quality, then the six measures of usage, n items
    each. ``ids``: what a host's name means; else it is ``unlisted``. ``mode_of`` a host: the place of the measure that alone counts
    there, by the GiB, or -1; and whether memory counts. ``factors``: of each measure but the last, and their scale.

    Raises:
        ValueError: another number of columns or factors, or columns of different length.
    """
