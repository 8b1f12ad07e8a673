"""Usage rows of one site-window as values: each account's use, added up and weighed.

Rows that differ only in their quality's grade or in how they were split are one ``Use``; its weight is floored once, after the
adding up, so that order and splitting cannot be seen in the result (law 2). Sums are Python integers: two rows at the end of
int64 are still only two large rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from greencloud import _uses
from greencloud.allocation.setting import Amounts, Setting
from greencloud.errors import UsageDataError
from greencloud.usage import MEASURES, QUALITIES, READING_QUALITIES, READINGS, ROWS, SOURCES, check_windows

__all__ = ["UNLISTED", "Use", "by_account", "checked_readings", "checked_rows", "in_order", "uses_of"]

UNLISTED = ""
"""The host of use on hosts that the book does not list at the site."""

_KEY = ("host", "account", "service", "sku", "operation", "labels", "caller_account", "source", "quality")


class Use(NamedTuple):
    """What one account used for one thing on one host. ``weight`` is core-nanosecond equivalents."""

    host: str
    account: str
    service: str
    sku: str
    operation: str
    labels: str
    caller: str
    provider: bool  # measured by the provider, rather than told by the tenant
    estimated: bool
    amounts: Amounts
    weight: int


def uses_of(rows: pa.Table, setting: Setting, memory_known: set[str]) -> list[Use]:
    """The rows of one site-window in canonical order; ``memory_known`` are the hosts whose memory use has been read."""
    ids = setting.host_ids()
    _note_elsewhere(rows, setting, ids)
    columns = [*(_shared(rows.column(name)) for name in _KEY), *(rows.column(name).to_pylist() for name in MEASURES)]

    def mode_of(host: str) -> tuple[int, bool]:
        return setting.counting(host, memory_known=host in memory_known)

    return _uses.uses_of(columns, ids, UNLISTED, mode_of, setting.weigher.factors, Use, Amounts)


def _shared(column: pa.ChunkedArray) -> list[str]:
    """Texts, each of them one object however often it comes: it is hashed once, and takes its memory once."""
    found: list[str] = []
    for chunk in column.chunks:
        encoded = chunk.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        found += [words[index] for index in encoded.indices.to_pylist()]
    return found


def _note_elsewhere(rows: pa.Table, setting: Setting, ids: Mapping[str, str]) -> None:
    """One of the two is wrong, and while it is, the host's energy counts there and its use is priced here."""
    told = rows.filter(pc.equal(rows["source"], "provider"))["host"]
    for name in sorted(set(pc.unique(told).to_pylist()) - ids.keys()):
        host = setting.facility.host_named(name)
        if host is not None:
            setting.note(
                f"host {name}: the provider's rows say site {setting.site.id}, the book says site {host.site}; "
                "until one of them is corrected, its use here is use on an unlisted host"
            )


def in_order(use: Use) -> tuple[str | bool, ...]:
    """The canonical order of uses, that of ``uses_of``, as a key to sort by: the provider's before the tenant's."""
    return (
        use.host,
        use.account,
        use.service,
        use.sku,
        use.operation,
        use.labels,
        use.caller,
        not use.provider,
        use.estimated,
    )


def by_account(uses: Iterable[Use]) -> dict[str, list[Use]]:
    """Uses grouped by account, in account order."""
    groups: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        groups[use.account].append(use)
    return {account: groups[account] for account in sorted(groups)}


def checked_rows(table: pa.Table) -> pa.Table:
    """``table`` in the schema ``ROWS``.

    Raises:
        UsageDataError: a column is missing, or a row has a null, a negative amount, an unknown word, a pool for an account, or a
            window that is none.
    """
    table = _in_schema(table, ROWS)
    check_windows(table)
    for name in MEASURES:
        _refuse_first(table, pc.less(table[name], 0), name, "is negative", "amounts of use are zero or more")
    for name, words in (("source", SOURCES), ("quality", QUALITIES)):
        _refuse_unknown(table, name, words)
    pool = pc.or_(pc.equal(table["account"], ""), pc.starts_with(table["account"], "("))
    _refuse_first(table, pool, "account", "is not an account", "name the account that used this; parentheses are for pools")
    pool = pc.starts_with(table["caller_account"], "(")
    _refuse_first(table, pool, "caller_account", "is not an account", "leave it empty where the caller is not known")
    return table


def checked_readings(table: pa.Table) -> pa.Table:
    """``table`` in the schema ``READINGS``.

    Raises:
        UsageDataError: a column is missing, an amount is negative, a word is unknown, or a reading covers more than its window or
            is of a window that is none.
    """
    table = _in_schema(table, READINGS)
    check_windows(table)
    for name in ("energy_mj", "covered_us", "busy_cpu_ns", "memory_byte_s"):
        _refuse_first(table, pc.less(table[name], 0), name, "is negative", "what is not known is null, never negative")
    _refuse_unknown(table, "quality", READING_QUALITIES)
    whole = pc.multiply(table["window_s"].cast(pa.int64()), 1_000_000)
    too_long = pc.greater(table["covered_us"], whole)
    _refuse_first(table, too_long, "covered_us", "is longer than the window", "rebin readings to the facility's windows")
    blind = pc.and_(pc.equal(table["covered_us"], 0), pc.or_(table["energy_mj"].is_valid(), table["busy_cpu_ns"].is_valid()))
    _refuse_first(table, blind, "covered_us", "covers nothing, yet says something", "give the microseconds that were read")
    return table


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise UsageDataError(f"no column {', '.join(missing)}", advice="the columns are in greencloud.usage.columns")
    table = table.select(schema.names)
    for column in schema:
        if not column.nullable and table[column.name].null_count:
            _refuse_first(table, table[column.name].is_null(), column.name, "is null", "every row needs a value here")
    for column in schema:
        # A cast would take a time without a zone for UTC, a float for the integer that it may have been, and "5" for 5.
        given = table.schema.field(column.name).type
        if pa.types.is_timestamp(column.type) and (not pa.types.is_timestamp(given) or given.tz is None):
            raise _not_of_type(f"{column.name} is {given}, not a time in UTC")
        if pa.types.is_integer(column.type) and not (pa.types.is_integer(given) or pa.types.is_null(given)):
            raise _not_of_type(f"{column.name} is {given}, not an integer")
    try:
        return table.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _not_of_type(str(error)) from error


def _not_of_type(why: str) -> UsageDataError:
    return UsageDataError(f"a column does not have its type: {why}", advice="the types are in greencloud.usage.columns")


def _refuse_unknown(table: pa.Table, name: str, words: Sequence[str]) -> None:
    unknown = pc.invert(pc.is_in(table[name], pa.array(words, pa.string())))
    _refuse_first(table, unknown, name, "is not a known word", f"use one of {', '.join(words)}")


def _refuse_first(table: pa.Table, bad: pa.ChunkedArray, name: str, what: str, advice: str) -> None:
    row = pc.index(bad, pa.scalar(True)).as_py()
    if row >= 0:
        raise UsageDataError(f"{name} {table[name][row].as_py()!r} {what}", row=row, advice=advice)
