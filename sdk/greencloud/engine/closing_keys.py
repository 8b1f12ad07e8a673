"""The keys that sign the log of roots: one file each, by fingerprint, for the owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greencloud.durable import sync_directory
from greencloud.errors import StoreError
from greencloud.proof import Signer, fingerprint

__all__ = ["ClosingKeys"]


@dataclass(frozen=True, slots=True)
class ClosingKeys:
    """The keys in ``folder``, which the first one makes."""

    folder: Path

    def keep(self, signer: Signer) -> Path:
        """Write a key, durably and whole or not at all, and return where. Raises OSError as the system does."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(signer.public)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(signer.pem())
                opened.flush()
                os.fsync(opened.fileno())
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync_directory(self.folder)
        return path

    def in_force(self, log: list[dict[str, Any]]) -> Signer:
        """The key that the log says is in force. Raises StoreError where it is not kept here."""
        key = next(bytes.fromhex(entry["body"]["key"]) for entry in reversed(log) if entry["kind"] == "key")
        path = self._path(key)
        try:
            signer = Signer.from_pem(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the key that is in force for closes cannot be read: {path}",
                path=str(path),
                advice="restore it from a backup, or from the server that made it: only it can sign the log, or name the next key",
            ) from error
        if signer.public != key:
            raise StoreError(f"{path} is not the key that its name says", path=str(path), advice="restore it from a backup")
        return signer

    def _path(self, public: bytes) -> Path:
        return self.folder / f"{fingerprint(public)}.pem"
