"""A batch: everything that one (site, window) charges, under one methodology and one revision of each input.

The header (``BatchSummary``) says what the batch was made from and what was metered; the postings say who was charged; the
totals are what the postings must add up to. The id is a SHA-256 over all of them in one canonical form, so that the same inputs
give the same id on every machine, in whatever order the rows came. What does not change what is charged stays out of it: when the
batch was made (``created``), what it takes the place of (``supersedes``), and why, by whom and in whose words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import StoreError
from greencloud.ledger.columns import ROWS, SEGMENT_ORDER, UNCERTAINTIES, UNKNOWN
from greencloud.ledger.header import canonical_json, summary_fields
from greencloud.results import BatchSummary
from greencloud.units import Energy, Window

__all__ = [
    "Allocated",
    "AnyBatch",
    "Batch",
    "batch_id",
    "canonical",
    "energy_by_account",
    "hash_column",
    "is_pool",
    "make_batch",
    "sum_of",
]

_WIDE: Final = pa.decimal128(38, 0)
_NOT_IN_ID: Final = ("id", "created", "supersedes", "causes", "requested_by", "reason")


class Allocated(Protocol):
    """What ``greencloud.allocation`` makes of one site and window."""

    @property
    def site(self) -> str: ...
    @property
    def window(self) -> Window: ...
    @property
    def rule(self) -> str: ...
    @property
    def methodology_version(self) -> str: ...
    @property
    def facility_revision(self) -> str: ...
    @property
    def postings(self) -> pa.Table: ...
    @property
    def totals(self) -> Mapping[str, int]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


class AnyBatch(Protocol):
    """A batch as it is posted: made here, or written as a segment elsewhere (``greencloud.ledger.written``)."""

    @property
    def summary(self) -> BatchSummary: ...
    @property
    def postings(self) -> pa.Table: ...
    @property
    def totals(self) -> dict[str, int]: ...
    @property
    def window(self) -> Window: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """A header, its postings, and the total of each measure that they must add up to."""

    summary: BatchSummary
    postings: pa.Table
    totals: dict[str, int]

    @property
    def window(self) -> Window:
        """Raises QuantityError when the header's start and end are not a window."""
        seconds = (self.summary.end - self.summary.start) / timedelta(seconds=1)
        return Window(self.summary.start, int(seconds))


def make_batch(allocated: Allocated, *, usage_revision: str, provisional: bool, created: datetime) -> Batch:
    """The batch of an allocated window. ``supersedes`` is empty until the ledger posts it.

    Raises:
        StoreError: the postings do not have the columns of the allocation's ``POSTINGS``.
    """
    postings = canonical(allocated.postings)
    totals = {name: int(value) for name, value in allocated.totals.items()}
    energy = energy_by_account(postings)
    summary = BatchSummary(
        id="",
        site=allocated.site,
        start=allocated.window.start,
        end=allocated.window.end,
        rule=allocated.rule,
        methodology_version=allocated.methodology_version,
        facility_revision=allocated.facility_revision,
        usage_revision=usage_revision,
        supersedes="",
        provisional=provisional,
        metered_energy=Energy(totals.get("energy_mj", 0)),
        account_energy=Energy(sum(amount for account, amount in energy.items() if not is_pool(account))),
        pool_energy={account: Energy(amount) for account, amount in sorted(energy.items()) if is_pool(account)},
        created=created,
        notes=tuple(allocated.notes),
    )
    return Batch(replace(summary, id=batch_id(summary, postings, totals)), postings, totals)


def batch_id(summary: BatchSummary, postings: pa.Table, totals: Mapping[str, int]) -> str:
    """SHA-256 of what is charged: of header, totals and ``postings`` (in canonical order)."""
    fields = {name: value for name, value in summary_fields(summary).items() if name not in _NOT_IN_ID}
    digest = hashlib.sha256(canonical_json({"summary": fields, "totals": dict(totals)}).encode())
    for column in postings.columns:
        hash_column(digest, column)
    return digest.hexdigest()


def canonical(postings: pa.Table) -> pa.Table:
    """The postings in the ledger's columns and order; intervals that are not there are not known.

    Raises:
        StoreError: a column is missing, of a type that does not fit, or holds a null.
    """
    try:
        for name in UNCERTAINTIES:
            if name not in postings.column_names:
                postings = postings.append_column(ROWS.field(name), pa.repeat(pa.scalar(UNKNOWN, pa.int32()), postings.num_rows))
        table = postings.select(ROWS.names).cast(ROWS)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"postings are not in the ledger's columns: {error}", advice="make them with allocate()") from error
    # Beyond the key, so that rows that differ in quality or amount alone have one order too.
    rest = (name for name in ROWS.names if name not in SEGMENT_ORDER)
    return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (*SEGMENT_ORDER, *rest)]))


def is_pool(account: str) -> bool:
    """Whether this is a pool: account ids cannot hold parentheses."""
    return account.startswith("(")


def sum_of(column: pa.ChunkedArray) -> int:
    """The exact sum. Arrow's sum of int64 wraps around without a word; that of 38 decimal digits does not."""
    total = pc.sum(pc.cast(column, _WIDE)).as_py()
    return 0 if total is None else int(total)


def energy_by_account(postings: pa.Table) -> dict[str, int]:
    """Exact millijoules by account or pool."""
    wide = pa.table({"account": postings["account"], "energy": pc.cast(postings["energy_mj"], _WIDE)})
    sums = wide.group_by("account").aggregate([("energy", "sum")])
    return {
        account: int(amount)
        for account, amount in zip(*(sums[name].to_pylist() for name in ("account", "energy_sum")), strict=True)
    }


def hash_column(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    """Add a column without nulls to a digest: numbers as they are, of texts the lengths and then the bytes, whatever the chunks."""
    if pa.types.is_string(column.type):
        for chunk in column.chunks:
            hash_column(digest, pa.chunked_array([pc.binary_length(chunk)]))
        for chunk in column.chunks:
            if len(chunk):
                offsets = memoryview(chunk.buffers()[1]).cast("i")
                start, end = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
                digest.update(memoryview(chunk.buffers()[2] or b"")[start:end])
        return
    width = column.type.bit_width // 8
    for chunk in column.chunks:
        if len(chunk):
            digest.update(memoryview(chunk.buffers()[1])[chunk.offset * width : (chunk.offset + len(chunk)) * width])
