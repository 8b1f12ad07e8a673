"""A lake of usage: files laid out by site and window, for engines that work on many of them at once.

::

    LAKE/site=SITE/window_start=2026-07-01T00%3A00%3A00Z/*.parquet              rows of usage
    LAKE/readings/site=SITE/window_start=2026-07-01T00%3A00%3A00Z/*.parquet     readings of hosts

LAKE is a folder or ``s3://BUCKET/PREFIX``. The columns are those of usage interchange; ``site``, ``window_start`` and ``window_s``
may be left out of a file, because its place says them.

**What is written here** is one file of rows for a window, named ``EDITION-SECONDS-DIGEST.parquet``: the edition counts from 1, the
seconds are the window's length, the digest is that of rows and readings (``greencloud.usage.digest``). Where there are readings,
they are a file of the same name, put first. So a window is there when its file of rows is, whole, by one create; nobody can see
half of it, and what is read is compared with its name. A newer edition takes the place of the older, which stays for those that
are reading it, until ``lake_maintenance`` removes it. Of two that are of the same edition, because two wrote at once, the greater
name counts, whoever looks.

**What others wrote** under names of their own is all that lies in the window's two folders; that they are whole is up to
the writer. A window that holds both kinds is refused, since one may be a part of the other.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from greencloud.errors import QuantityError, StoreError, UsageDataError
from greencloud.objects.tree import Tree, tree_at
from greencloud.units import Window, format_instant, parse_instant
from greencloud.usage import READINGS, Usage, digest, merge, rebin, usage_from
from greencloud.usage.cells import UTC_US, first_row

__all__ = ["LakePartition", "is_readings", "own_place", "partitions", "read_partition", "write_partition"]

_File: TypeAlias = tuple[str, int]
"""Name and size."""

_READINGS: Final = "readings/"
_PLACE: Final = re.compile(r"(?:readings/)?site=([^/]+)/window_start=([^/]+)/([^/_.][^/]*\.parquet)")
_OWN: Final = re.compile(r"(\d{12})-(\d+)-([0-9a-f]{64})\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class LakePartition:
    """A site and window of a lake. ``files`` are names in the lake, rows first; ``bytes`` is the size of all of them."""

    site: str
    start: datetime
    window_s: int
    files: tuple[str, ...]
    bytes: int

    @property
    def window(self) -> Window:
        return Window(self.start, self.window_s)


def partitions(uri: str, *, window_s: int = 3600) -> list[LakePartition]:
    """The sites and windows of a lake, sorted by site and start. ``window_s``: of windows whose files do not say it in their names.

    Raises:
        UsageDataError: a folder's name says no window, or one that begins where none does; or a window holds files of both kinds.
        StoreError, StoreUnavailableError: the lake cannot be read.
    """
    places: dict[tuple[str, datetime], list[_File]] = defaultdict(list)
    for name, size in tree_at(uri).files():
        if found := _PLACE.fullmatch(name):
            places[unquote(found[1]), _start(found[2], uri)].append((name, size))
    made = []
    for (site, start), files in places.items():
        seconds, counting = _counting(files, uri)
        if counting:
            _check_window(start, seconds or window_s, f"{uri}/{counting[0][0]}")
            made.append(LakePartition(site, start, seconds or window_s, *_sized(counting)))
    return sorted(made)


def read_partition(uri: str, part: LakePartition) -> Usage:
    """The usage of a site and window, in canonical order.

    Raises:
        UsageDataError: it cannot be true, or is of another site or window than its place says.
        StoreError: a file is damaged.
        NotFoundError: a file was removed since it was listed.
        StoreUnavailableError: the object store does not answer.
    """
    tree = tree_at(uri)
    own = _OWN.fullmatch(_last(part.files[0]))
    if not own:
        return merge(rebin(_foreign(_table(tree, name), name, part), part.window_s) for name in part.files)
    tables = [_table(tree, name) for name in part.files]
    usage = Usage(tables[0], tables[1] if tables[1:] else READINGS.empty_table())
    try:
        whole = digest(usage) == own[3]
    except (KeyError, pa.ArrowException):
        whole = False
    if not whole:
        raise _damaged(f"{uri}/{part.files[0]}", "rows and readings are not what its name says")
    return merge([usage])


def write_partition(uri: str, site: str, window: Window, usage: Usage) -> LakePartition:
    """Put the usage of a site and window in the place of what is there; durable when this returns. The same again changes nothing.

    Raises:
        UsageDataError: it is not all of that site and window; or the window holds files of another writer.
        StorageFullError, StoreError, StoreUnavailableError: it could not be written; what is there is unharmed.
    """
    usage = merge([usage])
    # Colons encoded as Spark does: Hadoop's paths cannot hold them. Others may not have.
    place, plain = (
        f"site={quote(site, safe='')}/window_start={quote(format_instant(window.start), safe=safe)}" for safe in ("", ":")
    )
    where = f"{uri}/{place}"
    for table in (usage.rows, usage.readings):
        _check_place(table, site, window, where)
    tree = tree_at(uri)
    seconds, there = _counting(
        [file for at in (place, plain) for folder in (at, _READINGS + at) for file in tree.files(folder)], uri
    )
    if there and not seconds:
        advice = "choose another lake, or remove the window's files"
        raise UsageDataError("the window holds files of another writer", path=where, advice=advice)
    edition, made = 1, f"{window.seconds}-{digest(usage)}.parquet"
    if there:
        number, _, before = _last(there[0][0]).partition("-")
        if before == made:
            return LakePartition(site, window.start, window.seconds, *_sized(there))
        edition = int(number) + 1
    files = [(f"{place}/{edition:012}-{made}", _encoded(usage.rows))]
    if usage.readings.num_rows:
        files.append((f"{_READINGS}{files[0][0]}", _encoded(usage.readings)))
    for name, content in reversed(files):  # the rows last: they are what makes it seen
        tree.create(name, content)
    return LakePartition(site, window.start, window.seconds, *_sized((name, len(content)) for name, content in files))


def own_place(name: str) -> tuple[str, str, str] | None:
    """Site, window and file name of a file that was written here, of rows or of readings; None for any other."""
    found = _PLACE.fullmatch(name)
    return (found[1], unquote(found[2]), found[3]) if found and _OWN.fullmatch(found[3]) else None


def is_readings(name: str) -> bool:
    """Whether a file of a lake holds readings, and not rows."""
    return name.startswith(_READINGS)


def _counting(files: list[_File], uri: str) -> tuple[int, list[_File]]:
    """Of the files of a site and window those that count, and the seconds that they say in their names; 0 where they say none.

    Raises:
        UsageDataError: there are files of both kinds.
    """
    own = [(name, size) for name, size in files if _OWN.fullmatch(_last(name))]
    if not own:
        return 0, sorted(files, key=_rows_first)
    if len(own) < len(files):
        name = next(name for name, _ in files if not _OWN.fullmatch(_last(name)))
        advice = "keep the files of one writer"
        raise UsageDataError("a window holds this file beside those of lake shuffle", path=f"{uri}/{name}", advice=advice)
    newest = max((_last(name) for name, _ in own if not name.startswith(_READINGS)), default="")
    found = _OWN.fullmatch(newest)
    return int(found[2]) if found else 0, sorted((file for file in own if _last(file[0]) == newest), key=_rows_first)


def _foreign(table: pa.Table, name: str, part: LakePartition) -> Usage:
    """A file of another writer, with the columns that its place says."""
    said = {"window_start": pa.scalar(part.start, UTC_US), "window_s": pa.scalar(part.window_s, pa.int32()), "site": part.site}
    for column, value in said.items():
        if column not in table.schema.names:
            table = table.append_column(column, pa.repeat(value, table.num_rows))
    usage = usage_from((), table, path=name) if name.startswith(_READINGS) else usage_from(table, path=name)
    for found in (usage.rows, usage.readings):
        _check_place(found, part.site, part.window, name, finer=True)
    return usage


def _check_place(table: pa.Table, site: str, window: Window, where: str, *, finer: bool = False) -> None:
    start = table["window_start"]
    if finer:
        start = pc.floor_temporal(start, window.seconds, "second")
    right = [pc.equal(table["site"], site), pc.equal(start, pa.scalar(window.start, UTC_US))]
    if not finer:
        right.append(pc.equal(table["window_s"], window.seconds))
    row = first_row(pc.invert(reduce(pc.and_, right)))
    if row >= 0:
        said = ", ".join(f"{name} {table[name][row]}" for name in ("site", "window_start", "window_s"))
        advice = "lay rows out by their own site and window"
        raise UsageDataError(f"a row of {said} lies in the place of {site}, {window}", path=where, row=row, advice=advice)


def _table(tree: Tree, name: str) -> pa.Table:
    content = tree.content(name)
    try:
        return pq.read_table(pa.BufferReader(content), partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(f"{tree.uri}/{name}", str(error)) from error


def _encoded(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _start(text: str, uri: str) -> datetime:
    try:
        return parse_instant(unquote(text))
    except QuantityError as error:
        advice = "name it by an instant in UTC, as window_start=2026-07-01T00:00:00Z"
        raise UsageDataError(f"the folder window_start={text} {error.message}", path=uri, advice=advice) from error


def _check_window(start: datetime, seconds: int, where: str) -> None:
    try:
        _ = Window(start, seconds).end
    except (QuantityError, OverflowError) as error:
        advice = "lay rows out by the windows of the facility book"
        raise UsageDataError(f"no window of {seconds} s begins there: {error}", path=where, advice=advice) from error


def _sized(files: Iterable[_File]) -> tuple[tuple[str, ...], int]:
    found = list(files)
    return tuple(name for name, _ in found), sum(size for _, size in found)


def _rows_first(file: _File) -> tuple[bool, str]:
    return file[0].startswith(_READINGS), file[0]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _damaged(where: str, why: str) -> StoreError:
    return StoreError(f"{where} is damaged: {why}", path=where, advice="restore it from a copy, or write the window again")
