"""What an earlier release wrote is read as it was meant, and what a later one wrote is refused by name and not misread.

``golden/data-2`` was made by ``frozen.py`` when format 2 came, and is never made again: this release must read what that one wrote.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from frozen import DAY, LATER, QUERY, said
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.closes import period_named
from greencloud.engine.explain import Cell, explain_cell
from greencloud.engine.recomputation import recompute
from greencloud.errors import GreencloudError, ProofError, StoreError
from greencloud.ledger.header import HEADER_KEY
from greencloud.proof import canonical, verify

FROZEN = Path(__file__).parent / "golden" / "data-2"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.open(shutil.copytree(FROZEN / "data", tmp_path / "data"), create=False)


def test_it_says_what_it_said(data: DataDirectory) -> None:
    expected = json.loads((FROZEN / "expected.json").read_text(encoding="utf-8"))
    assert said(data) == expected
    assert len(expected["footprint"]["rows"]) > 20
    assert expected["restatements"]
    assert expected["closes"]


def test_it_examines_clean_and_proves_what_was_closed(data: DataDirectory) -> None:
    assert data.ledger.verify() == []
    assert list(data.closes.faults()) == []
    accounts = {row.dimensions["account"] for row in data.ledger.snapshot().footprint(QUERY)}
    for account in accounts:
        statement, root = data.closes.statement(account, DAY)
        found = verify(json.loads(canonical(statement)), root, data.closes.log())
        assert not [finding for finding in found if finding.status == "fault"]


def test_its_batches_are_computed_again_to_the_same_integers(data: DataDirectory) -> None:
    snapshot = data.ledger.snapshot()
    for batch in snapshot.batches():
        assert recompute(data, snapshot, batch).same, batch
    first = snapshot.batches()[0]
    account = next(row.dimensions["account"] for row in snapshot.footprint(QUERY) if not row.dimensions["account"].startswith("("))
    assert explain_cell(data, Cell(account, first.start, first.end)).windows


def test_it_is_written_on(data: DataDirectory) -> None:
    version = data.ledger.snapshot().version
    run = run_allocation(data, now=LATER + timedelta(days=1))
    assert (run.posted, run.refused) == ((), ())
    run = run_allocation(data, now=LATER + timedelta(days=1), rule="used")
    assert run.posted
    assert not run.refused
    assert data.ledger.snapshot().version > version
    assert data.ledger.verify() == []
    assert data.closes.changed(data.ledger.snapshot()) == [DAY]


def newer_marker(data: DataDirectory) -> None:
    (data.path / "greencloud.json").write_text('{"format": 3}\n')


def newer_header(data: DataDirectory) -> None:
    segment = data.ledger.root / data.ledger.snapshot().contents.segments()[0].path
    table = pq.read_table(segment, partitioning=None)
    with pq.ParquetWriter(segment, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({HEADER_KEY: b'{"format":3,"batches":[]}'})


def newer_restatement(data: DataDirectory) -> None:
    for path in (data.ledger.root / "restatements").iterdir():
        metadata = pq.read_metadata(path).metadata
        told = json.loads(metadata[b"greencloud.restatement"]) | {"format": 99}
        table = pq.read_table(path, partitioning=None)
        with pq.ParquetWriter(path, table.schema) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({HEADER_KEY: metadata[HEADER_KEY], b"greencloud.restatement": json.dumps(told).encode()})


def newer_log(data: DataDirectory) -> None:
    content = (data.closes.folder / "log.jsonl").read_text(encoding="utf-8")
    (data.closes.folder / "log.jsonl").write_text(content.replace("greencloud-log/1", "greencloud-log/2"), encoding="utf-8")


NEWER: dict[str, tuple[Callable[[DataDirectory], None], Callable[[DataDirectory], object], type[GreencloudError]]] = {
    "directory": (newer_marker, lambda data: DataDirectory.open(data.path, create=False), StoreError),
    "segment": (newer_header, lambda data: data.ledger.snapshot().batches(), StoreError),
    "log": (newer_log, lambda data: data.closes.close(data.ledger, period_named(DAY), LATER, allow_gaps=True), ProofError),
}


@pytest.mark.parametrize("what", NEWER)
def test_a_newer_format_is_refused_with_what_to_do(data: DataDirectory, what: str) -> None:
    make_newer, use, kind = NEWER[what]
    fresh = DataDirectory(data.path)
    make_newer(fresh)
    with pytest.raises(kind) as caught:
        use(DataDirectory(data.path))
    assert "upgrade" in caught.value.advice or "version" in caught.value.advice, str(caught.value)


def test_a_restatement_of_a_newer_format_is_told_of_and_not_guessed_at(data: DataDirectory) -> None:
    newer_restatement(data)
    found = data.ledger.snapshot().restatements(QUERY.start, QUERY.end)
    assert [(each.kept, each.lines) for each in found] == [(False, ())] * len(found)
    assert any("format 99" in finding for finding in data.ledger.verify())
