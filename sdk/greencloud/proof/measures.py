"""Seven amounts of an account, and one integer that holds all of them.

Amounts are whole and never negative: energy in millijoules, emissions in micrograms CO2e, in the order of ``MEASURES``. Those of
one account are below 2**96. A packed integer has a lane of 128 bits for each measure, the first measure highest; as bytes it is the
112 bytes big-endian that hashes cover. A tree has at most 2**32 leaves, so no lane ever carries into the next, and the sums of a
node are one addition and one ``to_bytes``.

In documents an amount is a decimal string: JSON readers lose integers above 2**53 (RFC 8785, 3.2.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from greencloud.errors import ProofError

__all__ = [
    "ACCOUNT_LIMIT",
    "LANE_BITS",
    "LANE_LIMIT",
    "MEASURES",
    "SUMS_BYTES",
    "ZEROS",
    "decimals",
    "pack",
    "read_decimals",
    "unpack",
]

MEASURES: Final = (
    "energy_mj",
    "scope1_ug",
    "scope2_location_ug",
    "scope2_market_ug",
    "scope3_upstream_location_ug",
    "scope3_upstream_market_ug",
    "scope3_embodied_ug",
)
LANE_BITS: Final = 128
LANE_LIMIT: Final = 1 << LANE_BITS
ACCOUNT_LIMIT: Final = 1 << 96
SUMS_BYTES: Final = len(MEASURES) * LANE_BITS // 8
ZEROS: Final = bytes(SUMS_BYTES)
# int() also takes signs, spaces, underscores and other alphabets' digits. Above 39 digits there is no amount.
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,38}")
_SEVEN: Final = re.compile(",".join([f"(?:{_NUMBER.pattern})"] * len(MEASURES)))

Amounts = tuple[int, ...]


def pack(amounts: Sequence[int]) -> int:
    """Seven amounts, each in [0, 2**128), as one integer."""
    packed = 0
    for amount in amounts:
        packed = packed << LANE_BITS | amount
    return packed


def unpack(packed: int) -> Amounts:
    """The inverse of ``pack``."""
    return tuple(packed >> LANE_BITS * lane & LANE_LIMIT - 1 for lane in reversed(range(len(MEASURES))))


def decimals(packed: int) -> list[str]:
    """Packed amounts as documents show them."""
    return [str(amount) for amount in unpack(packed)]


def read_decimals(value: Any, where: str, *, limit: int = LANE_LIMIT) -> int:
    """Seven decimal strings, packed.

    Raises:
        ProofError: not seven plain decimal numbers, or one of them negative or not below ``limit``.
    """
    if type(value) is not list or len(value) != len(MEASURES):
        raise ProofError(f"{where}: not a list of the {len(MEASURES)} amounts {', '.join(MEASURES)}")
    if set(map(type, value)) == {str} and _SEVEN.fullmatch(",".join(value)):
        amounts = tuple(map(int, value))
        if max(amounts) < limit:
            return pack(amounts)
    raise _fault(value, where, limit)


def _fault(value: list[Any], where: str, limit: int) -> ProofError:
    for measure, text in zip(MEASURES, value, strict=True):
        if type(text) is not str or not _NUMBER.fullmatch(text):
            return ProofError(f"{where}: {measure} is {_shown(text)}, not a whole number of 0 or more in plain decimal digits")
        if int(text) >= limit:
            return ProofError(f"{where}: {measure} is {text}, which is 2**{limit.bit_length() - 1} or more")
    return ProofError(f"{where}: not {len(MEASURES)} amounts")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
