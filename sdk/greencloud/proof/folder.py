"""The files of a closed period: pieces of bytes beside a head that names their length and SHA-256, and holds its own.

They are written whole or not at all.

A folder is written under another name beside its own, synced, and renamed. It is readable by its owner only: its head holds the
secret of the close. Opening maps the pieces and compares their lengths; ``damaged`` reads them through and compares their hashes.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from greencloud.durable import sync_directory
from greencloud.errors import StoreError
from greencloud.proof.canonical import canonical, parse, read_file

__all__ = ["Bytes", "damaged", "mapped", "open_pieces", "write_pieces"]

Bytes = bytes | mmap.mmap

HEAD: Final = "tree.json"
CHUNK: Final = 1 << 20
MAX_HEAD_BYTES: Final = 1 << 20
ADVICE: Final = "restore the folder of this close from a backup"


def mapped(file: IO[bytes]) -> Bytes:
    """The whole of an open file, read-only; it may be closed, or unlinked, after."""
    file.flush()
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def write_pieces(folder: Path, head: Mapping[str, Any], pieces: Mapping[str, Bytes]) -> None:
    """Write a folder that is not there yet.

    Raises:
        StoreError: it is there.
        OSError: no room, no permission. Nothing is left of it then.
    """
    if folder.exists():
        raise StoreError(f"{folder} is there already: a close is never overwritten", path=str(folder), advice="name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(mode=0o700)
    try:
        told = {name: {"bytes": len(piece), "sha256": _copy(aside / name, piece)} for name, piece in pieces.items()}
        whole = {**head, "pieces": told}
        _copy(aside / HEAD, canonical({**whole, "sha256": sha256(canonical(whole)).hexdigest()}) + b"\n")
        sync_directory(aside)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_directory(folder.parent)


def _copy(path: Path, piece: Bytes) -> str:
    digest = sha256()
    with path.open("xb") as file:
        path.chmod(0o600)
        for at in range(0, len(piece), CHUNK):
            chunk = piece[at : at + CHUNK]
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def open_pieces(folder: Path, *names: str) -> tuple[dict[str, Any], dict[str, Bytes]]:
    """The head of a folder, and its pieces mapped.

    Raises:
        StoreError: missing, cut off, or not canonical JSON.
    """
    try:
        head: dict[str, Any] = parse(read_file(folder / HEAD, "head", limit=MAX_HEAD_BYTES), str(folder / HEAD))
        if head.pop("sha256") != sha256(canonical(head)).hexdigest():
            raise StoreError(f"{folder / HEAD} is not what was written", path=str(folder / HEAD), advice=ADVICE)
        pieces = {}
        for name in names:
            with (folder / name).open("rb") as file:
                pieces[name] = mapped(file)
            if len(pieces[name]) != head["pieces"][name]["bytes"]:
                raise StoreError(f"{folder / name} has another length than was written", path=str(folder / name), advice=ADVICE)
    except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError) as error:
        raise StoreError(f"{folder} is no closed period, or damaged: {error}", path=str(folder), advice=ADVICE) from error
    return head, pieces


def damaged(folder: Path) -> Iterator[StoreError]:
    """Every file of a folder that is not what was written, by its hash."""
    head, _ = open_pieces(folder)
    for name, told in head["pieces"].items():
        digest = sha256()
        with (folder / name).open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != told["sha256"]:
            yield StoreError(f"{folder / name} is not what was written", path=str(folder / name), advice=ADVICE)
