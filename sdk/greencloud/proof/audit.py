"""What an auditor gets with the provider's help: every leaf, so that the root can be computed anew and every account counted.

``audit.jsonl`` is a head, then one leaf a line in order of position, each canonical JSON::

    {"close": {"index", "period"}, "depth", "format": "greencloud-audit/1", "shares"}
    {"account": {"account", "blinding", "hashes", "totals"} or null, "amounts", "count", "digest", "index", "salt"}

``digest`` is the account's; leaves of one account share it. Where the provider names accounts, the first share of each (index 0)
carries what opens the digest, so that names are bound to figures and each name is seen to come once. A leaf of the padding has
count 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.draws import BLINDING_BYTES, MAX_SHARES, SALT_BYTES, padding_draw
from greencloud.proof.fields import hexadecimal, integer, listed, members, text
from greencloud.proof.hashes import HASH_BYTES, account_digest, leaf_hash, node_entry
from greencloud.proof.log import Close, parse_entry
from greencloud.proof.measures import ACCOUNT_LIMIT, SUMS_BYTES, ZEROS, decimals, read_decimals
from greencloud.proof.statement import MAX_LINES
from greencloud.proof.tree import Opened, SumTree
from greencloud.proof.verification import Finding

__all__ = ["audit", "verify_all"]

FORMAT: Final = "greencloud-audit/1"
REMEDY: Final = "ask the provider for the list of this close again, and keep both copies as evidence"
MAX_FAULTS: Final = 100


def audit(tree: SumTree, entry: Mapping[str, Any], *, named: bool) -> Iterator[bytes]:
    """The lines of ``audit.jsonl``; ``entry`` is the log's entry of this close, ``named`` whether accounts are named.

    Raises:
        StoreError: a record is damaged.
    """
    head = {
        "close": {"index": entry["index"], "period": tree.period.name},
        "depth": tree.depth,
        "format": FORMAT,
        "shares": tree.shares,
    }
    leaves: list[tuple[Opened, int] | None] = [None] * (1 << tree.depth)
    for opened in tree.all_opened():
        for index, position in enumerate(opened.positions):
            leaves[position] = (opened, index)
    empty = (padding_draw(tree.secret, at) for at in range((1 << tree.depth) - tree.shares * tree.count))
    padding = {leaf_hash(salt, digest, 0, 0, ZEROS): (salt, digest) for salt, digest in empty}
    yield canonical(head) + b"\n"
    for position, leaf in enumerate(leaves):
        yield canonical(_leaf(*leaf, named=named) if leaf else _padding(*padding[tree.entry(0, position)[:HASH_BYTES]])) + b"\n"


def _leaf(opened: Opened, index: int, *, named: bool) -> dict[str, Any]:
    drawn = opened.draw
    account = {
        "account": opened.account,
        "blinding": drawn.blinding.hex(),
        "hashes": [each.hex() for each in opened.hashes],
        "totals": decimals(opened.totals),
    }
    return {
        "account": account if named and index == 0 else None,
        "amounts": decimals(drawn.shares[index]),
        "count": len(drawn.shares),
        "digest": opened.digest.hex(),
        "index": index,
        "salt": drawn.leaf_salts[index].hex(),
    }


def _padding(salt: bytes, digest: bytes) -> dict[str, Any]:
    return {"account": None, "amounts": decimals(0), "count": 0, "digest": digest.hex(), "index": 0, "salt": salt.hex()}


def verify_all(records: Iterable[Any], root: Any) -> list[Finding]:
    """Compute the root anew from every leaf: ``records`` are the documents of ``audit.jsonl``, ``root`` the entry of the log.

    The signature of the root is for ``verify``. Of the faults the first hundred are told.
    """
    try:
        checked = _Audit(parse_entry(root).body)
        checked.read(iter(records))
    except ProofError as error:
        return [Finding("audit", "fault", error.message, REMEDY)]
    if checked.faults:
        return [Finding("audit", "fault", fault, REMEDY) for fault in checked.faults[:MAX_FAULTS]]
    naming = f"{len(checked.names):,} of them named, each once" if checked.names else "none of them named"
    return [Finding("audit", "ok", f"{len(checked.accounts):,} accounts, {naming}, lead to the root and add up to its totals")]


class _Audit:
    """Leaves in, faults out. ``stack`` holds one entry for each level whose right half is still to come."""

    def __init__(self, close: Any) -> None:
        if not isinstance(close, Close):
            raise ProofError("root: this entry of the log closes no period")
        self.close: Close = close
        self.faults: list[str] = []
        self.accounts: dict[bytes, tuple[list[int], int, int | None]] = {}  # indices, packed sum, packed totals if told
        self.names: set[str] = set()
        self.stack: list[tuple[int, bytes]] = []
        self.last = b""

    def read(self, records: Iterator[Any]) -> None:
        head = members(next(records, None), "head", "close", "depth", "format", "shares")
        told = members(head["close"], "head: close", "index", "period")
        if (head["format"], head["depth"], head["shares"], told["period"]) != (
            FORMAT,
            self.close.depth,
            self.close.shares,
            self.close.period,
        ):
            raise ProofError("head: this list is of another close than the root, or of another format")
        number = 0
        for number, record in enumerate(records, 1):
            self._leaf(record, f"leaf {number - 1}")
        if number != 1 << self.close.depth:
            self.faults.append(f"the list has {number:,} leaves, and the tree {1 << self.close.depth:,}")
        elif self.stack[0][1] != self.close.root + self.close.totals.to_bytes(SUMS_BYTES):
            self.faults.append("the leaves lead to another root or other totals: a leaf was changed, or exchanged for another")
        for digest, (indices, sums, totals) in self.accounts.items():
            if sorted(indices) != list(range(self.close.shares)):
                self.faults.append(
                    f"account {digest.hex()[:16]}...: its leaves are {sorted(indices)}, not each of {self.close.shares} once"
                )
            if totals is not None and totals != sums:
                self.faults.append(f"account {digest.hex()[:16]}...: its shares do not add up to its totals")
        if self.names and len(self.names) < len(self.accounts):
            self.faults.append(f"{len(self.accounts) - len(self.names):,} accounts are not named, or a name stands for several")

    def _leaf(self, record: Any, where: str) -> None:
        fields = members(record, where, "account", "amounts", "count", "digest", "index", "salt")
        digest = hexadecimal(fields["digest"], f"{where}: digest", HASH_BYTES)
        amounts = read_decimals(fields["amounts"], where, limit=ACCOUNT_LIMIT)
        count = integer(fields["count"], f"{where}: count", 0, MAX_SHARES)
        index = integer(fields["index"], f"{where}: index", 0, MAX_SHARES)
        sums = amounts.to_bytes(SUMS_BYTES)
        found = leaf_hash(hexadecimal(fields["salt"], f"{where}: salt", SALT_BYTES), digest, index, count, sums)
        if found <= self.last:
            self.faults.append(f"{where}: out of order: leaves go by their hash")
        self.last = found
        if count == 0 and (amounts or index or fields["account"] is not None):
            self.faults.append(f"{where}: it belongs to no account and is not empty")
        elif count:
            if count != self.close.shares:
                self.faults.append(f"{where}: it is a share of {count}, not of {self.close.shares}")
            indices, before, totals = self.accounts.get(digest, ([], 0, None))
            indices.append(index)
            if fields["account"] is not None:
                totals = self._named(fields["account"], digest, where)
            self.accounts[digest] = (indices, before + amounts, totals)
        self._push(found + sums, where)

    def _named(self, value: Any, digest: bytes, where: str) -> int:
        fields = members(value, f"{where}: account", "account", "blinding", "hashes", "totals")
        name = text(fields["account"], f"{where}: account")
        totals = read_decimals(fields["totals"], f"{where}: totals", limit=ACCOUNT_LIMIT)
        hashes = [hexadecimal(each, f"{where}: hashes", HASH_BYTES) for each in listed(fields["hashes"], where, 0, MAX_LINES)]
        blinding = hexadecimal(fields["blinding"], f"{where}: blinding", BLINDING_BYTES)
        if account_digest(blinding, name, self.close.period, totals, hashes) != digest:
            self.faults.append(f"{where}: the digest is not that of account {name!r} with these totals and lines")
        if name in self.names:
            self.faults.append(f"{where}: account {name!r} comes twice")
        self.names.add(name)
        return totals

    def _push(self, entry: bytes, where: str) -> None:
        level = 0
        while self.stack and self.stack[-1][0] == level:
            try:
                entry = node_entry(self.stack.pop()[1], entry)
            except OverflowError as error:
                raise ProofError(f"{where}: {error}") from error
            level += 1
        self.stack.append((level, entry))
