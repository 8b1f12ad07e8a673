"""The lines of an account as they are closed: dimensions and seven amounts, in canonical text and canonical order.

The order of lines is that of their text, so that a close does not depend on the order in which they came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.fields import MAX_TEXT
from greencloud.proof.measures import ACCOUNT_LIMIT, MEASURES, pack, unpack
from greencloud.proof.statement import MAX_LINES

__all__ = ["AccountLines", "Line", "LineText", "record", "record_of"]

REMEMBERED: Final = 1 << 16
AMOUNTS: Final = '{"amounts":[' + ",".join(['"%d"'] * len(MEASURES)) + '],"dimensions":'
WHOLE: Final = {int}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is for, and seven amounts in the order of ``MEASURES``."""

    dimensions: Mapping[str, str]
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccountLines:
    """All lines of one account in the period."""

    account: str
    lines: Sequence[Line]


class LineText:
    """Writes lines in canonical text; remembers that of dimensions, which come again and again."""

    def __init__(self) -> None:
        self._dimensions: dict[tuple[tuple[str, str], ...], bytes] = {}

    def of(self, account: str, lines: Iterable[Line]) -> tuple[list[bytes], int]:
        """The text of each line, in order, and their packed totals.

        Raises:
            ProofError: an amount that is not a whole number in [0, 2**96), or totals that are not; dimensions that are not texts.
        """
        texts = []
        totals = 0
        for line in lines:
            amounts = line.amounts
            if len(amounts) != len(MEASURES) or {*map(type, amounts)} != WHOLE or min(amounts) < 0 or max(amounts) >= ACCOUNT_LIMIT:
                raise _refused(account, line)
            totals += pack(amounts)
            key = tuple(line.dimensions.items())
            dimensions = self._dimensions.get(key) or self._remember(account, key)
            texts.append(AMOUNTS.encode() % amounts + dimensions)
        if len(texts) > MAX_LINES:
            raise ProofError(f"account {account!r} has more than {MAX_LINES:,} lines", account=account)
        if max(unpack(totals)) >= ACCOUNT_LIMIT:
            raise ProofError(f"account {account!r}: an amount is 2**96 or more", account=account)
        texts.sort()
        return texts, totals

    def _remember(self, account: str, key: tuple[tuple[str, str], ...]) -> bytes:
        if not all(type(name) is str and type(value) is str and len(name) + len(value) <= MAX_TEXT for name, value in key):
            raise ProofError(
                f"account {account!r}: dimensions are texts of at most {MAX_TEXT} characters: {key!r}", account=account
            )
        if len(self._dimensions) >= REMEMBERED:
            self._dimensions.clear()
        self._dimensions[key] = text = canonical(dict(key)) + b"}"
        return text


def _refused(account: str, line: Line) -> ProofError:
    for measure, amount in zip(MEASURES, line.amounts, strict=False):
        if type(amount) is not int or amount < 0:
            text = f"account {account!r}: {measure} of the line {dict(line.dimensions)} is {amount!r}"
            return ProofError(
                f"{text}, not a whole number of 0 or more",
                account=account,
                advice="sum a correction into the line that it corrects, or restate the period that it belongs to",
            )
    if len(line.amounts) == len(MEASURES):
        return ProofError(f"account {account!r}: an amount is 2**96 or more", account=account)
    return ProofError(f"account {account!r}: a line has {len(line.amounts)} amounts, not {len(MEASURES)}", account=account)


def record(name: bytes, texts: Sequence[bytes]) -> bytes:
    """What is kept of an account: canonical JSON; ``name`` is its canonical text."""
    return b'{"account":' + name + b',"lines":[' + b",".join(texts) + b"]}"


def record_of(content: bytes) -> tuple[str, list[dict[str, Any]], tuple[int, ...]]:
    """Account, lines (amounts, dimensions) and totals of a record.

    Raises:
        ValueError, KeyError, TypeError: damaged.
    """
    document = json.loads(content)
    lines: list[dict[str, Any]] = document["lines"]
    return document["account"], lines, unpack(sum(pack([int(text) for text in line["amounts"]]) for line in lines))
