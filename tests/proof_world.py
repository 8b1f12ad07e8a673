"""A provider with a log of roots and a closed period, for tests; as a script, writes the test vectors of ``tests/golden/proof``.

::

    python tests/proof_world.py
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from greencloud.proof import AccountLines, Line, Period, Signer, SumTree, audit, build, canonical, close_entry, key_entry, withhold
from greencloud.proof.hashes import ENTRY_BYTES

GOLDEN = Path(__file__).parent / "golden" / "proof"
NOVEMBER = Period("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
CLOSED = datetime(2026, 12, 3, 9, tzinfo=UTC)
SECRET = sha256(b"a secret of the test vectors").digest()
FIRST = Signer.from_seed(sha256(b"the first key").digest())
SECOND = Signer.from_seed(sha256(b"the second key").digest())

Book = Mapping[str, Sequence[tuple[Mapping[str, str], tuple[int, ...]]]]


def accounts_of(book: Book) -> list[AccountLines]:
    return [AccountLines(name, [Line(dimensions, amounts) for dimensions, amounts in lines]) for name, lines in book.items()]


def body_of(tree: SumTree, restates: int | None = None) -> dict[str, Any]:
    return tree.body(
        ledger_version="7",
        batches=sha256(b"batches").digest(),
        methodology_versions=["reserved_and_used/2"],
        notes=["hall-a has no batch from 2026-10-01T00:00:00Z to 2026-10-01T01:00:00Z"],
        restates=restates,
    )


def started(signer: Signer = FIRST) -> list[dict[str, Any]]:
    return [key_entry([], signer.public, signer, CLOSED)]


@dataclass(frozen=True, slots=True)
class World:
    """A tree, the log that published it last, and the entry."""

    tree: SumTree
    log: list[dict[str, Any]]

    @property
    def root(self) -> dict[str, Any]:
        return self.log[-1]

    def statement(self, account: str) -> dict[str, Any]:
        return self.tree.statement(account, self.root)


def closed(accounts: Iterable[AccountLines], *, secret: bytes = SECRET, shares: int = 2, period: Period = NOVEMBER) -> World:
    tree = build(period, accounts, secret=secret, shares=shares)
    log = started()
    return World(tree, [*log, close_entry(log, body_of(tree), FIRST, CLOSED)])


def copied(document: Any) -> Any:
    return json.loads(json.dumps(document))


VECTOR_BOOK: Book = {
    "acme": [
        ({"service": "compute", "region": "eu-1"}, (3_600_000_000, 0, 100_000_001, 90_000_000, 5_000_000, 4_000_000, 7)),
        ({"service": "storage", "region": "eu-1", "label:équipe": "α/β"}, (1_200_000, 1, 33_334, 30_000, 1_700, 1_300, 0)),
        ({"service": "gpu", "region": "us-2"}, (2**80 + 1, 2**64, 2**70, 2**69, 2**65, 2**63, 12_345_678_901_234_567_890)),
    ],
    "borealis": [({"service": "compute", "region": "eu-1"}, (7_000_000, 20, 300_000, 1, 2, 3, 4))],
    "cumulus": [({"service": "compute"}, (1, 0, 0, 0, 0, 0, 0)), ({"service": "queue"}, (99, 98, 97, 96, 95, 94, 93))],
    "dust": [],
    "everest": [({"service": "compute", "region": "us-2"}, (10**15, 10**14, 10**13, 10**12, 10**11, 10**10, 10**9))],
}


def vectors() -> dict[str, bytes]:
    """The files of ``tests/golden/proof``: a key, a close, a rotation, and a restatement of the close."""
    book = VECTOR_BOOK
    tree = build(NOVEMBER, accounts_of(book), secret=SECRET)
    log = started()
    log.append(close_entry(log, body_of(tree), FIRST, CLOSED))
    root = log[1]
    log.append(key_entry(log, SECOND.public, FIRST, CLOSED + timedelta(days=30)))
    later = {**book, "everest": [({"service": "compute", "region": "us-2"}, (10**15 - 1, *[10**n for n in range(14, 8, -1)]))]}
    again = build(NOVEMBER, accounts_of(later), secret=sha256(b"another secret").digest(), shares=3)
    log.append(close_entry(log, body_of(again, restates=1), SECOND, CLOSED + timedelta(days=31)))
    statement = tree.statement("acme", root)
    opened = tree.opened("acme")
    steps = {
        "account_digest": opened.digest.hex(),
        "fingerprints": [sha256(signer.public).hexdigest() for signer in (FIRST, SECOND)],
        "levels": [[tree.entry(level, at).hex() for at in range(1 << tree.depth - level)] for level in range(tree.depth + 1)],
        "line_hashes": [each.hex() for each in opened.hashes],
        "log_hashes": [sha256(canonical(entry)).hexdigest() for entry in log],
    }
    assert all(len(entry) == 2 * ENTRY_BYTES for level in steps["levels"] for entry in level)
    files: dict[str, Any] = {
        "root.json": root,
        "root-restated.json": log[3],
        "statement.json": statement,
        "statement-withheld.json": withhold(statement, lambda dimensions: dimensions["region"] == "eu-1"),
        "statement-restated.json": again.statement("everest", log[3]),
        "steps.json": steps,
    }
    return {
        **{name: canonical(document) + b"\n" for name, document in files.items()},
        "log.jsonl": b"".join(canonical(entry) + b"\n" for entry in log),
        "audit.jsonl": b"".join(audit(tree, root, named=True)),
    }


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for file, content in vectors().items():
        (GOLDEN / file).write_bytes(content)
