"""docs/proof.md says enough to write a verifier, and the test vectors are what the code makes."""

from __future__ import annotations

import ast
import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proof_oracle
from greencloud.proof import MEASURES, parse, verify, verify_all
from proof_world import GOLDEN, VECTOR_BOOK, copied, vectors
from test_proof_laws import worlds

DOCS = (Path(__file__).parents[1] / "docs" / "proof.md").read_text()
ORACLE = Path(proof_oracle.__file__)


def golden(name: str) -> Any:
    return parse((GOLDEN / name).read_bytes(), name)


def golden_log() -> list[Any]:
    return [proof_oracle.read(line) for line in (GOLDEN / "log.jsonl").read_bytes().splitlines()]


def test_the_vectors_are_what_the_code_makes() -> None:
    made = vectors()

    assert {path.name for path in GOLDEN.iterdir()} == made.keys()
    assert {name: (GOLDEN / name).read_bytes() for name in made} == made


def test_the_oracle_is_short_and_stands_alone() -> None:
    tree = ast.parse(ORACLE.read_text())
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert not [name for name in names if name.startswith("greencloud")]
    assert sum(bool(line.strip()) for line in ORACLE.read_text().splitlines()) <= 80


@pytest.mark.parametrize("name", ["statement.json", "statement-restated.json"])
def test_the_oracle_verifies_the_vectors(name: str) -> None:
    content = (GOLDEN / name).read_bytes()
    root = proof_oracle.read((GOLDEN / name.replace("statement", "root")).read_bytes())
    log = golden_log()

    proof_oracle.check_statement(proof_oracle.read(content), root)
    for key in golden("steps.json")["fingerprints"]:
        proof_oracle.check_log(log, key)
    assert log[root["index"]] == root


def test_the_intermediate_hashes_follow_from_the_page() -> None:
    steps, said = golden("steps.json"), golden("statement.json")
    lines = [
        sha256(
            b"\2" + bytes.fromhex(line["salt"]) + proof_oracle.jcs({name: line[name] for name in ("amounts", "dimensions")})
        ).hexdigest()
        for line in said["lines"]
    ]
    levels = [[bytes.fromhex(entry) for entry in level] for level in steps["levels"]]

    assert lines == steps["line_hashes"]
    assert [sha256(proof_oracle.jcs(entry)).hexdigest() for entry in golden_log()] == steps["log_hashes"]
    for below, above in pairwise(levels):
        assert [sha256(b"\1" + one + two).digest() for one, two in zip(below[::2], below[1::2], strict=True)] == [
            entry[:32] for entry in above
        ]
    assert levels[-1][0][:32].hex() == golden("root.json")["body"]["root"]
    assert len(levels[0]) == 1 << golden("root.json")["body"]["depth"] >= 2 * len(VECTOR_BOOK)


def test_our_verifier_verifies_the_vectors() -> None:
    log = golden_log()
    for name in ("statement.json", "statement-withheld.json", "statement-restated.json"):
        root = golden("root-restated.json" if "restated" in name else "root.json")
        assert not [each for each in verify(golden(name), root, log) if each.status == "fault"]
    records = [json.loads(line) for line in (GOLDEN / "audit.jsonl").read_bytes().splitlines()]
    assert [each.status for each in verify_all(records, golden("root.json"))] == ["ok"]


@settings(max_examples=20, deadline=None)
@given(worlds(), st.data())
def test_the_oracle_verifies_fresh_trees_and_finds_what_ours_finds(made: Any, data: st.DataObject) -> None:
    world, book = made
    account = data.draw(st.sampled_from(sorted(book)))
    said = copied(world.statement(account))
    proof_oracle.check_statement(said, copied(world.root))
    proof_oracle.check_log(copied(world.log), sha256(bytes.fromhex(world.log[0]["key"])).hexdigest())

    share = data.draw(st.sampled_from(said["shares"]))
    step = data.draw(st.sampled_from(share["path"]))
    at = data.draw(st.integers(0, 6))
    step["amounts"][at] = str(int(step["amounts"][at]) + 1)
    with pytest.raises(ValueError, match=r"root|large|overflow"):
        proof_oracle.check_statement(said, copied(world.root))
    assert [each for each in verify(said, world.root) if each.status == "fault"]


def test_the_page_names_every_measure_and_format() -> None:
    for word in (*MEASURES, "greencloud-statement/1", "greencloud-log/1", "greencloud-audit/1"):
        assert word in DOCS
