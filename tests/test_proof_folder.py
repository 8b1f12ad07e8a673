"""A closed period on disk: any statement can be made from it later, and damage is found."""

from __future__ import annotations

import os
import random
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from greencloud.errors import NotFoundError, ProofError, StoreError
from greencloud.proof import SumTree, build, damaged, verify
from greencloud.proof.folder import write_pieces
from proof_world import NOVEMBER, SECRET, Book, World, accounts_of, body_of, closed

BOOK = {f"account-{at}": [({"service": f"s{k}"}, (at + 10**9, k, 3, 4, 5, 6, 7)) for k in range(at % 4)] for at in range(40)}
WORLD = closed(accounts_of(BOOK))
STATEMENTS = [WORLD.statement(account) for account in BOOK]
FILES = ("accounts", "levels", "lines", "tree.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    WORLD.tree.write(tmp_path / "closes" / "2026-11")
    return tmp_path / "closes" / "2026-11"


def test_a_tree_that_is_opened_gives_the_same_statements(folder: Path) -> None:
    tree = SumTree.open(folder)

    assert (tree.root, tree.totals, tree.depth) == (WORLD.tree.root, WORLD.tree.totals, WORLD.tree.depth)
    assert body_of(tree) == body_of(WORLD.tree)
    for account in BOOK:
        assert World(tree, WORLD.log).statement(account) == WORLD.statement(account)
    assert list(damaged(folder)) == []
    with pytest.raises(NotFoundError, match="no account 'account-40'"):
        tree.statement("account-40", WORLD.root)


def test_only_the_owner_reads_it_and_nothing_is_left_beside_it(folder: Path) -> None:
    assert {path.name for path in folder.parent.iterdir()} == {"2026-11"}
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_close_is_never_overwritten(folder: Path) -> None:
    with pytest.raises(StoreError, match="never overwritten"):
        WORLD.tree.write(folder)


def test_a_folder_that_cannot_be_finished_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        WORLD.tree.write(tmp_path / "2026-11")
    assert list(tmp_path.iterdir()) == []


def test_a_statement_is_made_of_its_own_close_only(folder: Path) -> None:
    other = closed(accounts_of(BOOK), secret=bytes(32))

    with pytest.raises(ProofError, match="another root"):
        SumTree.open(folder).statement("account-1", other.root)
    with pytest.raises(ProofError, match="another root"):
        SumTree.open(folder).statement("account-1", WORLD.log[0])


@pytest.mark.parametrize("name", FILES)
def test_damage_is_found_and_no_false_statement_is_given_out(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    rand = random.Random(name)
    for _ in range(60):
        at = rand.randrange(len(content))
        (folder / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << rand.randrange(8)]) + content[at + 1 :])
        # StoreError is the only way out, but for damage that touches no statement: of a node beside no account's path.
        with suppress(StoreError):
            tree = SumTree.open(folder)
            assert [tree.statement(account, WORLD.root) for account in BOOK] == STATEMENTS
        with suppress(StoreError):
            assert [error.path for error in damaged(folder)] == [str(folder / name)]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_or_missing_is_found(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2])
    with pytest.raises(StoreError):
        SumTree.open(folder)
    (folder / name).unlink()
    with pytest.raises(StoreError, match="no closed period"):
        SumTree.open(folder)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "newer"
    write_pieces(folder, {"format": "greencloud-tree/2"}, {"accounts": b"a", "levels": b"b", "lines": b"c"})
    with pytest.raises(StoreError, match="'greencloud-tree/2'"):
        SumTree.open(folder)


def test_many_shares_of_few_accounts() -> None:
    book: Book = {"a": [({}, (9,) * 7)], "b": [({}, (1, 0, 0, 0, 0, 0, 0))]}
    tree = build(NOVEMBER, accounts_of(book), secret=SECRET, shares=255)
    world = closed(accounts_of({"a": [({}, (9,) * 7)]}), shares=255)

    assert tree.depth == 9
    assert not [each for each in verify(world.statement("a"), world.root) if each.status == "fault"]
