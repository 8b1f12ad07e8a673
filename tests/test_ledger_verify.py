"""The examination names the file of every fault that can befall what is visible."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from greencloud.errors import StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.columns import SEGMENT
from greencloud.ledger.header import HEADER_KEY
from greencloud.ledger.version import Commit
from ledger_builders import EVER, batch, energy_of, hour


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1, "b": 2}, window=hour(0)))
    ledger.post(batch({"a": 3, "b": 4}, window=hour(1)))
    return ledger


def segment(ledger: Ledger, at: int = 0) -> Path:
    return ledger.root / ledger.snapshot().contents.segments()[at].path


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF  # in the first page of data
    path.write_bytes(content)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table], *, header: bool = True) -> None:
    table = change(pq.read_table(path, partitioning=None).cast(SEGMENT))
    kept = pq.read_metadata(path).metadata[HEADER_KEY]
    with pq.ParquetWriter(path, SEGMENT) as writer:
        writer.write_table(table)
        if header:
            writer.add_key_value_metadata({HEADER_KEY: kept})


def with_energy(table: pa.Table, *amounts: int) -> pa.Table:
    at = SEGMENT.get_field_index("energy_mj")
    return table.set_column(at, SEGMENT.field(at), pa.array(amounts, pa.int64()))


def inflate(path: Path) -> None:
    rewrite(path, lambda table: with_energy(table, 100, 2))


def swap(path: Path) -> None:
    rewrite(path, lambda table: with_energy(table, 2, 1))


def behead(path: Path) -> None:
    rewrite(path, lambda table: table, header=False)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (Path.unlink, "missing"),
    "cut": (cut, "cannot be read"),
    "empty": (empty, "cannot be read"),
    "flipped": (flip, "cannot be read"),
    "inflated": (inflate, "account|do not add up"),
    "beheaded": (behead, "no batch header"),
    "swapped": (swap, "is not what the batch id was made from|header's energy"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_segment_is_named(ledger: Ledger, fault: str) -> None:
    assert ledger.verify() == []
    path = segment(ledger)
    harm, said = FAULTS[fault]
    harm(path)
    (finding,) = ledger.verify()
    assert finding.startswith(f"segments/{path.name}: ")
    assert any(word in finding for word in said.split("|"))


@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_a_query_of_a_lost_segment_is_refused_and_not_short(ledger: Ledger, harm: Callable[[Path], None]) -> None:
    harm(segment(ledger))
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.snapshot().footprint(EVER)


@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_posting_the_same_batch_again_repairs_a_lost_segment(ledger: Ledger, harm: Callable[[Path], None]) -> None:
    harm(segment(ledger))
    assert ledger.post(batch({"a": 1, "b": 2}, window=hour(0)))
    assert ledger.verify() == []
    assert energy_of(ledger) == {"a": 4, "b": 6}


def test_a_window_that_counts_twice_is_named(ledger: Ledger) -> None:
    version = ledger.store.read()
    old = version.segments()[0]
    twin = segment(ledger).with_name(segment(ledger).name.replace("-1-", "-1-f"))
    twin.write_bytes(segment(ledger).read_bytes())
    assert ledger.store.commit(version, Commit([replace(old, path=f"segments/{twin.name}")]), ledger.clock())
    assert any("counted twice" in finding for finding in ledger.verify())


def test_a_file_that_no_version_names_is_no_finding_and_no_figure(ledger: Ledger) -> None:
    (ledger.root / "segments" / "stray-0.parquet").write_bytes(segment(ledger).read_bytes())
    assert ledger.verify() == []
    assert energy_of(ledger) == {"a": 4, "b": 6}


def test_a_log_that_is_torn_is_an_error_with_the_folder(ledger: Ledger) -> None:
    (ledger.root / "_delta_log" / f"{1:020}.json").write_text("{")
    with pytest.raises(StoreError, match=str(ledger.root)) as caught:
        Ledger(ledger.root).snapshot()
    assert "\x1b" not in caught.value.message


def test_a_lost_segment_is_never_sought_in_a_folder_of_a_like_name(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a[bc]*")
    ledger.post(batch({"a": 1}))
    decoy = tmp_path / "abc" / "segments"
    decoy.mkdir(parents=True)
    segment(ledger).rename(decoy / segment(ledger).name)
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.snapshot().footprint(EVER)
