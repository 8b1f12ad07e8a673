"""The kept record of restatements: one file for each, in ``restatements/`` of the ledger's folder.

A file has the lines that differ (``greencloud.ledger.restatement.LINES``), both headers whole, the changes of the facility book,
and its place in the chain (1 is the first restatement of a site and window). It is whole and durable before the commit that
supersedes; a process that dies in between leaves a file that no visible batch leads to.

The name is ``OLD-NEW-NUMBER-DIGEST.parquet``; the digest is of the content, so that one posted twice (A, B, A, B) has a file each
time, and a file that was changed is found out.

**Reading a part.** Lines are sorted by account and lie in row groups of some thousands. The metadata names the first and last
account and the digest of each group, and the file's digest is of the metadata. So the lines of one account are read and proved
without those of others, and what a restatement says beside its lines is proved by its *head* alone. (In format 1 the digest is of
all lines; such a file is read whole once, after which its groups are known.) Heads are kept while the file is the same one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.errors import StoreError
from greencloud.ledger.batch import hash_column
from greencloud.ledger.header import HEADER_KEY, Header, canonical_json, decode_headers, encode_headers
from greencloud.ledger.recent import Recent
from greencloud.ledger.restatement import LINES
from greencloud.ledger.segments import sync
from greencloud.objects.objects import LOCAL, Objects
from greencloud.results import BookChange

__all__ = ["FOLDER", "Head", "Link", "RestatementFiles"]

FOLDER: Final = "restatements"
_FORMAT: Final = 2
_KEY: Final = b"greencloud.restatement"
_ROW_GROUP: Final = 2048  # of 512 to 4096 the one with the quickest look-up of one account, in small files and large
_MOST_KEPT: Final = 16 << 20  # bytes of heads, as they are in files: some four thousand


@dataclass(frozen=True, slots=True)
class Link:
    """One restatement in the chain of its site and window. ``lines`` has the columns of ``LINES``."""

    old: Header
    new: Header
    number: int
    lines: pa.Table
    changes: tuple[BookChange, ...] = ()
    changes_left_out: int = 0

    @property
    def name(self) -> str:
        """The name of the file that is written of it."""
        digest = sha256(encode_headers([self.old, self.new]) + self.metadata())
        return _name(self.old, self.new, self.number, digest)

    def parts(self) -> list[pa.Table]:
        """The lines as they lie in row groups."""
        return [self.lines.slice(start, _ROW_GROUP) for start in range(0, self.lines.num_rows, _ROW_GROUP)]

    def metadata(self) -> bytes:
        changes = [[change.path, change.old, change.new, change.account] for change in self.changes]
        content = {
            "format": _FORMAT,
            "number": self.number,
            "changes": changes,
            "changes_left_out": self.changes_left_out,
            "groups": [asdict(_group(part)) for part in self.parts()],
        }
        return canonical_json(content).encode()


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: the accounts that it lies between, and the SHA-256 of its lines."""

    first: str
    last: str
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """All of a file but its lines, which its name was found to stand for."""

    name: str
    old: Header
    new: Header
    number: int
    changes: tuple[BookChange, ...]
    changes_left_out: int
    groups: tuple[Group, ...]
    size: int


@dataclass(frozen=True, slots=True)
class RestatementFiles:
    """The files under the ledger's folder ``root``."""

    root: Path
    objects: Objects = LOCAL

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def write(self, link: Link, *, token: str, checkpoint: Callable[[str], None] = lambda _: None) -> Path:
        """Write the file durably. One that is there already has the same content. Raises OSError as the system does."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync(self.root)
        path = self.folder / link.name
        aside = self.folder / f".{token}.part"
        try:
            with aside.open("xb") as file:
                with pq.ParquetWriter(file, LINES, compression="zstd", store_schema=False, write_page_checksum=True) as writer:
                    for part in link.parts():
                        writer.write_table(part, row_group_size=_ROW_GROUP)
                    writer.add_key_value_metadata({HEADER_KEY: encode_headers([link.old, link.new]), _KEY: link.metadata()})
                checkpoint("restatement_written")
                file.flush()
                os.fsync(file.fileno())
            checkpoint("restatement_synced")
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync(self.folder)
        self.objects.put([path])
        checkpoint("restatement_durable")
        return path

    def names(self, prefix: str = "") -> list[str]:
        """The name of every file that begins so."""
        found = self.objects.names(self.folder, prefix)
        return [name for name in found if name.endswith(".parquet") and not name.startswith(".")]

    def head(self, name: str) -> Head:
        """Raises StoreError: missing, torn, changed, or of a newer format."""
        path = self.folder / name
        return self.objects.read([path], lambda: self._head(path))

    def _head(self, path: Path) -> Head:
        with _reading(path):
            state = path.stat()
            key = (path, state.st_ino, state.st_size, state.st_mtime_ns)
            found = _HEADS.get(key)
            if found is None:
                with pq.ParquetFile(path, page_checksum_verification=True) as file:
                    found = _head(path.name, file)
                _HEADS.keep(key, found, found.size)
        return found

    def read(self, name: str) -> tuple[Head, pa.Table]:
        """The head, and every line. Nothing that was read before is believed. Raises StoreError as ``head``."""
        path = self.folder / name

        def whole() -> tuple[Head, pa.Table]:
            with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
                head = _head(name, file)
                return head, _lines(path, file, head.groups, range(len(head.groups)))

        return self.objects.read([path], whole)

    def lines(self, head: Head, accounts: Collection[str]) -> pa.Table:
        """The lines of the row groups that may hold these accounts, in their order. Raises StoreError as ``head``."""
        path = self.folder / head.name
        wanted = [at for at, group in enumerate(head.groups) if any(group.first <= each <= group.last for each in accounts)]
        if not wanted:
            return LINES.empty_table()

        def part() -> pa.Table:
            with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
                return _lines(path, file, head.groups, wanted)

        return self.objects.read([path], part)


_HEADS: Final[Recent[tuple[Path, int, int, int], Head]] = Recent(_MOST_KEPT)


@contextmanager
def _reading(path: Path) -> Any:
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise StoreError(
            f"{path}: the restatement cannot be read: {error}", path=str(path), advice="restore the file from a backup"
        ) from error


def _head(name: str, file: pq.ParquetFile) -> Head:
    metadata = file.metadata.metadata or {}
    headers, told = metadata[HEADER_KEY], metadata[_KEY]
    old, new = decode_headers(headers, path=name)
    content = json.loads(told)
    digest = sha256(headers + told)
    match content["format"]:
        case 1:
            parts = [
                file.read_row_group(at, use_threads=False).select(LINES.names).cast(LINES) for at in range(file.num_row_groups)
            ]
            for column in pa.concat_tables([LINES.empty_table(), *parts]).columns:
                hash_column(digest, column)
            groups = [_group(part) for part in parts if part.num_rows]
        case 2:
            groups = [Group(**group) for group in content["groups"]]
        case other:
            raise StoreError(f"{name}: a restatement of format {other!r}", path=name, advice="upgrade greencloud")
    changes = tuple(BookChange(*change) for change in content["changes"])
    size = len(headers) + len(told)
    head = Head(name, old, new, content["number"], changes, content["changes_left_out"], tuple(groups), size)
    if name != _name(old, new, head.number, digest):
        raise StoreError(f"{name}: the content is not what its name stands for", path=name, advice="restore the file")
    return head


def _lines(path: Path, file: pq.ParquetFile, groups: Sequence[Group], wanted: Iterable[int]) -> pa.Table:
    parts = [LINES.empty_table()]
    for at in wanted:
        part = file.read_row_group(at, use_threads=False).select(LINES.names).cast(LINES)
        if _group(part) != groups[at]:
            raise StoreError(f"{path}: the content is not what its name stands for", path=str(path), advice="restore the file")
        parts.append(part)
    return pa.concat_tables(parts)


def _group(lines: pa.Table) -> Group:
    digest = sha256()
    for column in lines.columns:
        hash_column(digest, column)
    account = lines["account"]
    return Group(account[0].as_py(), account[-1].as_py(), digest.hexdigest())


def _name(old: Header, new: Header, number: int, digest: hashlib._Hash) -> str:
    return f"{old.summary.id}-{new.summary.id}-{number}-{digest.hexdigest()[:32]}.parquet"
