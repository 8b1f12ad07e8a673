"""What a ledger says, to the bit: for comparing the ledgers that two engines leave."""

from __future__ import annotations

from hashlib import sha256

from greencloud.engine import DataDirectory
from greencloud.ledger.segments import content_in, count_in

__all__ = ["bits"]


def bits(data: DataDirectory) -> dict[str, str]:
    """The SHA-256 of every visible segment, by the content that its name tells; and of every restatement that is kept."""
    ledger = data.ledger
    root = ledger.store.root
    found = {}
    for segment in ledger.snapshot().contents.segments():
        path = root / segment.path
        name = f"{segment.site} {segment.first:%Y-%m-%dT%H:%M} {content_in(segment.path)}-{count_in(segment.path)}"
        assert name not in found, "two segments of one content are visible"
        found[name] = ledger.store.objects.read([path], lambda path=path: sha256(path.read_bytes()).hexdigest())  # type: ignore[misc]
    for path in sorted((root / "restatements").glob("*.parquet")):
        found[path.name] = sha256(path.read_bytes()).hexdigest()
    return found
