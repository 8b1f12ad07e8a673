"""The onward step: a tenant that sells services divides its own share among its customers, and conserves it.

Every posting of the seller is apportioned, each measure and the count of operations on its own, over the weights that fit it
(largest remainder, customers in order of their ids). So the customers' postings add up to the seller's line by line, to the unit,
and a customer may do the same for customers of its own: what leaves a meter is conserved over any number of tiers.

A customer's account is the seller's id, a slash, and the customer's id; an id of a customer has no slash, so the tiers can be read
from it. The seller knows what its weights are worth and the provider does not: postings made here carry the flag ``onward`` beside
those that they had.

**Which weights fit.** Weights are by customer, and optionally by any of ``KEYS``; where a column is missing they hold for all its
values, as a mapping from customer to weight does for everything. A null stands for every value that has no row of its own; of
several that fit, the rows that name more columns win, then those that name an earlier column of ``KEYS``. (So overhead or shared
services, which no operation of the seller's names, can go by a default.) A posting that no weight fits, or only weights of 0,
stays the seller's, as it is: it is its own use, and never lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation.apportion import apportion
from greencloud.allocation.postings import DIMENSIONS, POSTING_MEASURES, POSTINGS
from greencloud.errors import FacilityError, UsageDataError
from greencloud.facility import check_account_id

__all__ = ["KEYS", "onward"]

KEYS: Final = ("window_start", "site", "service", "sku", "operation", "labels")

_ONWARD: Final = "onward"
"""The flag of postings that a seller divided by weights of its own."""

_APPORTIONED: Final = ("count", *POSTING_MEASURES)

_Key = tuple[Any, ...]


def onward(postings: pa.Table, weights: pa.Table | Mapping[str, int], *, account: str) -> pa.Table:
    """Postings of the account's customers, and what stays its own, in canonical order.

    Args:
        postings: those of the account alone, of any windows and sites.
        weights: the seller's own use by customer: ``customer`` and ``weight`` (whole, not negative), and any of ``KEYS``.
        account: the seller.

    Raises:
        UsageDataError: a posting of another account, an unknown column, or a weight or customer that cannot be; the row is named.
    """
    lines = _lines(postings, account)
    named, shares = _weights(weights, account)
    patterns = _patterns(shares)
    found: list[dict[str, Any]] = []
    for line in lines:
        customers = _fitting(line, named, patterns, shares)
        if not customers:
            found.append(line)
            continue
        quality = ",".join(sorted({*line["quality"].split(","), _ONWARD} - {""}))
        columns = [apportion(line[name], list(customers.values())) for name in _APPORTIONED]
        for customer, amounts in zip(customers, zip(*columns, strict=True), strict=True):
            if any(amounts):
                own = {"account": f"{account}/{customer}", "quality": quality}
                found.append(line | own | dict(zip(_APPORTIONED, amounts, strict=True)))
    found.sort(key=lambda line: tuple(line[name] for name in DIMENSIONS))
    return pa.Table.from_pylist(found, schema=POSTINGS)


def _lines(postings: pa.Table, account: str) -> list[dict[str, Any]]:
    missing = [name for name in POSTINGS.names if name not in postings.column_names]
    if missing:
        raise UsageDataError(f"postings have no column {', '.join(missing)}", advice="give them as allocation or the ledger does")
    other = pc.index(pc.not_equal(postings["account"], account), pa.scalar(True)).as_py()
    if other >= 0:
        raise UsageDataError(
            f"a posting of account {postings['account'][other].as_py()!r}, not of {account!r}",
            row=other,
            advice="filter the postings by the account whose share is divided",
        )
    lines: list[dict[str, Any]] = postings.select(POSTINGS.names).cast(POSTINGS).to_pylist()
    for row, line in enumerate(lines):
        if empty := [name for name in POSTINGS.names if line[name] is None]:
            raise UsageDataError(f"{empty[0]} is null", row=row, advice="every posting has all its columns")
        if min(line[name] for name in _APPORTIONED) < 0:
            raise UsageDataError("a posting has a negative amount", row=row, advice="divide whole batches, not differences of them")
    return lines


def _weights(weights: pa.Table | Mapping[str, int], account: str) -> tuple[list[str], dict[_Key, dict[str, int]]]:
    """The columns of ``KEYS`` that there are, and positive weights by customer, in their order, for each row of values."""
    if isinstance(weights, Mapping):
        named: list[str] = []
        rows = [{"customer": customer, "weight": weight} for customer, weight in weights.items()]
    else:
        _check_columns(weights)
        named = [name for name in KEYS if name in weights.column_names]
        for name in named:
            weights = weights.set_column(weights.column_names.index(name), name, _as_posted(weights[name], name))
        rows = weights.to_pylist()
    shares: dict[_Key, dict[str, int]] = defaultdict(dict)
    for row, told in enumerate(rows):
        customer = _customer(told["customer"], account, row)
        of = shares[tuple(told[name] for name in named)]
        if customer in of:
            raise UsageDataError(f"a second weight of customer {customer!r}", row=row, advice="add up what belongs together")
        of[customer] = _whole(told["weight"], row)
    return named, {key: {customer: of[customer] for customer in sorted(of) if of[customer]} for key, of in shares.items()}


def _check_columns(weights: pa.Table) -> None:
    unknown = [name for name in weights.column_names if name not in {*KEYS, "customer", "weight"}]
    if unknown:
        raise UsageDataError(f"no such column of weights: {', '.join(unknown)}", advice=f"use customer, weight, {', '.join(KEYS)}")
    if missing := [name for name in ("customer", "weight") if name not in weights.column_names]:
        raise UsageDataError(f"weights have no column {', '.join(missing)}", advice="give customer and weight")
    if len(set(weights.column_names)) != len(weights.column_names):
        raise UsageDataError("weights have a column twice", advice="give each column once")


def _as_posted(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A column of ``KEYS`` in the type that postings have. A time without a zone would pass for UTC; a number never fits."""
    wanted, given = POSTINGS.field(name).type, column.type
    alike = given.tz is not None if pa.types.is_timestamp(given) else not pa.types.is_primitive(given)
    if pa.types.is_null(given) or (alike and pa.types.is_timestamp(given) == pa.types.is_timestamp(wanted)):
        try:
            return column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # said below, with the remedy
    raise UsageDataError(f"{name} of weights is {given}, not {wanted}", advice="give it in the type that postings have")


def _customer(customer: object, account: str, row: int) -> str:
    try:
        if not isinstance(customer, str) or "/" in customer:
            raise UsageDataError(
                f"customer {customer!r} is not an id", row=row, advice="the slash is what parts one tier from the next"
            )
        check_account_id(customer)
        check_account_id(f"{account}/{customer}")
    except FacilityError as error:
        raise UsageDataError(f"customer {customer!r}: {error.message}", row=row, advice=error.advice) from error
    return customer


def _whole(weight: object, row: int) -> int:
    try:
        if weight == int(weight) and weight >= 0 and not isinstance(weight, bool):  # type: ignore[call-overload, operator]
            return int(weight)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, ArithmeticError):  # None, a word, NaN, infinity
        pass
    raise UsageDataError(f"weight {weight!r} is not a whole number from 0", row=row, advice="scale weights until they are whole")


def _patterns(shares: Iterable[_Key]) -> list[tuple[bool, ...]]:
    """Which columns the rows of weights name, those first that win."""
    found = {tuple(value is not None for value in key) for key in shares}
    return sorted(found, key=lambda names: (-sum(names), [not name for name in names]))


def _fitting(
    line: Mapping[str, Any], named: list[str], patterns: list[tuple[bool, ...]], shares: Mapping[_Key, dict[str, int]]
) -> dict[str, int]:
    for names in patterns:
        key = tuple(line[column] if name else None for column, name in zip(named, names, strict=True))
        if key in shares:
            return shares[key]
    return {}
