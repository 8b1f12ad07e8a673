"""Moves: what internal accounts passed on, line by line, kept so that it can be explained. ``shared`` makes them and says how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.settle import Passing, Through

__all__ = ["Move", "Moves"]


@dataclass(frozen=True, slots=True)
class Move:
    """A line that ``bearer`` bears of what ``account`` passed on, under the name ``service``; amounts by measure.

    ``bears`` is the fraction of ``base`` that comes to rest with the bearer. With ``through``, the base is all that passed through
    the account, less what its named services show on lines of their own.
    """

    bearer: str
    account: str
    service: str
    bears: Fraction
    base: Sequence[int]
    amounts: Sequence[int]
    flags: frozenset[str]
    through: Through | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """``before``: entries as they were allocated; ``passing``: what of them their accounts hand on or keep; ``stays``: what came to
    rest there again. ``direct`` and ``kept`` are by account. Amounts are by measure.
    """

    before: Mapping[EntryKey, Sequence[int]]
    passing: Mapping[EntryKey, Sequence[int]]
    stays: Mapping[EntryKey, Sequence[int]]
    direct: Mapping[str, Sequence[int]]
    kept: Mapping[str, Sequence[int]]
    passed: Passing
    lines: Sequence[Move]
