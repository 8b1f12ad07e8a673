"""The kept record of restatements: one file for each, in ``restatements/`` of the ledger's folder, found from what is visible.

A file has the lines that differ (``greencloud.ledger.restatement.LINES``), both headers whole, the changes of the facility book,
and its place in the chain (1 is the first restatement of a site and window). It is whole and durable before the commit that
supersedes; a process that dies in between leaves a file that no visible batch leads to.

A visible batch that is a restatement (its header has causes) leads to the file of its old batch's id and its own; the old header in
it leads to the file before, and so on. So a restatement is found without the segments that it replaced, which may be gone.

The name is ``OLD-NEW-NUMBER-DIGEST.parquet``; the digest is of the content, so that one posted twice (A, B, A, B) has a file each
time, and a file that was changed is found out.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from greencloud.errors import StoreError
from greencloud.ledger.batch import hash_column
from greencloud.ledger.header import HEADER_KEY, Header, canonical_json, decode_headers, encode_headers
from greencloud.ledger.objects import LOCAL, Objects
from greencloud.ledger.restatement import LINES, lines_of
from greencloud.ledger.segments import sync
from greencloud.results import BatchSummary, BookChange, Restatement

__all__ = ["FOLDER", "Link", "RestatementFiles", "restatement_of"]

FOLDER: Final = "restatements"
_FORMAT: Final = 1
_KEY: Final = b"greencloud.restatement"


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
        """The file's name, which stands for the content."""
        digest = sha256(encode_headers([self.old, self.new]) + self.metadata())
        for column in self.lines.columns:
            hash_column(digest, column)
        return f"{self.old.summary.id}-{self.new.summary.id}-{self.number}-{digest.hexdigest()[:32]}.parquet"

    def metadata(self) -> bytes:
        changes = [[change.path, change.old, change.new, change.account] for change in self.changes]
        content = {"format": _FORMAT, "number": self.number, "changes": changes, "changes_left_out": self.changes_left_out}
        return canonical_json(content).encode()


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
                    writer.write_table(link.lines)
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

    def listing(self, of: BatchSummary | None = None) -> dict[tuple[str, str], list[tuple[int, str]]]:
        """Number and name of every file by (old id, new id), the highest number first; or of those that made one batch."""
        found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        names = self.objects.names(self.folder, f"{of.supersedes}-{of.id}-" if of else "")
        for name in names:
            parts = name.removesuffix(".parquet").split("-")
            if len(parts) == 4 and parts[2].isdigit() and not name.startswith("."):
                found[parts[0], parts[1]].append((int(parts[2]), name))
        return {key: sorted(each, reverse=True) for key, each in found.items()}

    def read(self, name: str) -> Link:
        """Raises StoreError: missing, torn, changed, or of a newer format."""
        path = self.folder / name
        return self.objects.read([path], lambda: self._read(path))

    @staticmethod
    def _read(path: Path) -> Link:
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                metadata = file.metadata.metadata or {}
                lines = file.read().select(LINES.names).cast(LINES)
            old, new = decode_headers(metadata[HEADER_KEY], path=str(path))
            content = json.loads(metadata[_KEY])
            if content["format"] != _FORMAT:
                raise StoreError(
                    f"{path}: a restatement of format {content['format']!r}", path=str(path), advice="upgrade greencloud"
                )
            changes = tuple(BookChange(*change) for change in content["changes"])
            link = Link(old, new, content["number"], lines, changes, content["changes_left_out"])
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise StoreError(
                f"{path}: the restatement cannot be read: {error}", path=str(path), advice="restore the file from a backup"
            ) from error
        if link.name != path.name:
            raise StoreError(f"{path}: the content is not what its name stands for", path=str(path), advice="restore the file")
        return link

    def chain(self, visible: BatchSummary, listing: dict[tuple[str, str], list[tuple[int, str]]]) -> Iterator[Link]:
        """The restatements behind a visible batch, the newest first.

        Raises:
            StoreError: a file is not there or cannot be read; those before it were given.
        """
        wanted, number = visible, None
        while wanted.causes:
            link = self._find(wanted, number, listing)
            yield link
            wanted, number = link.old.summary, link.number - 1

    def _find(self, wanted: BatchSummary, number: int | None, listing: dict[tuple[str, str], list[tuple[int, str]]]) -> Link:
        trouble: StoreError | None = None
        for at, name in listing.get((wanted.supersedes, wanted.id), ()):
            if number not in {None, at}:
                continue
            try:
                link = self.read(name)
            except StoreError as error:
                trouble = trouble or error
                continue
            if link.new.summary == wanted:
                return link
        if trouble:
            raise trouble
        raise StoreError(
            f"{self.folder}: the restatement of batch {wanted.supersedes} by {wanted.id} is missing",
            path=str(self.folder),
            advice="restore the folder from a backup",
        )

    def restored(self, batch_id: str) -> BatchSummary | None:
        """The header of a restatement as it was posted last, for a batch that is posted again because its segment is lost."""
        names = [each for (_, new), found in self.listing().items() if new == batch_id for each in found]
        for _, name in sorted(names, reverse=True):
            try:
                return self.read(name).new.summary
            except StoreError:
                continue
        return None


def restatement_of(link: Link, accounts: Collection[str] | None = None) -> Restatement:
    """The link as a value, with the lines of these accounts."""
    return replace(
        heading(link.new.summary),
        lines=lines_of(link.lines, accounts),
        changes=link.changes,
        changes_left_out=link.changes_left_out,
        kept=True,
    )


def heading(new: BatchSummary) -> Restatement:
    """What the header of a restatement says of it by itself."""
    return Restatement(
        site=new.site,
        start=new.start,
        end=new.end,
        old_batch=new.supersedes,
        new_batch=new.id,
        restated=new.created,
        causes=new.causes,
        requested_by=new.requested_by,
        reason=new.reason,
        kept=False,
    )
