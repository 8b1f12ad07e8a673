"""The files of restatements: a part is read and proved without the rest, no changed byte is believed, none is read in vain."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greencloud.engine import DataDirectory
from greencloud.errors import StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.batch import hash_column
from greencloud.ledger.header import HEADER_KEY, Header, canonical_json, encode_headers
from greencloud.ledger.recent import Recent
from greencloud.ledger.restatement import LINES
from greencloud.ledger.restatement_files import Head, Link, RestatementFiles
from greencloud.results import BookChange
from ledger_builders import batch, hour

OLD, NEW = (Header(made.summary, made.totals) for made in (batch({"a": 1}), batch({"a": 2})))
ACCOUNTS = [f"tenant-{number:04}" for number in range(600)]


def link_of(accounts: list[str], lines: int, changes: tuple[BookChange, ...] = ()) -> Link:
    rows = [
        {"account": account, "service": f"{number:03}", "region": "r", "sku": "", "component": "dynamic", "measure": "energy_mj"}
        | {"old": number, "new": number + 1}
        for account in accounts
        for number in range(lines)
    ]
    return Link(OLD, NEW, 1, pa.Table.from_pylist(rows, LINES), changes)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[RestatementFiles, Link]:
    """A file of three row groups."""
    files = RestatementFiles(tmp_path_factory.mktemp("kept"))
    link = link_of(ACCOUNTS, 8, (BookChange("factors.DE.location", "1", "2"),))
    files.write(link, token="t")
    return files, link


def of(table: pa.Table, accounts: list[str]) -> pa.Table:
    return table.filter(pc.is_in(table["account"], pa.array(accounts, pa.string())))


@given(accounts=st.lists(st.one_of(st.sampled_from(ACCOUNTS), st.sampled_from(["", "nobody", "tenant-", "zz"])), max_size=3))
@example(accounts=ACCOUNTS)
def test_what_is_read_for_accounts_has_all_of_their_lines(kept: tuple[RestatementFiles, Link], accounts: list[str]) -> None:
    files, link = kept
    head = files.head(link.name)
    assert (head.old, head.new, head.number, head.changes) == (OLD, NEW, 1, link.changes)
    assert len(head.groups) == 3
    assert of(files.lines(head, accounts), accounts) == of(link.lines, accounts)
    assert files.read(link.name) == (head, link.lines)


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), account=st.sampled_from(ACCOUNTS))
def test_a_file_with_a_changed_bit_is_found_out_or_says_the_same(
    kept: tuple[RestatementFiles, Link], at: float, bit: int, account: str
) -> None:
    files, link = kept
    other = RestatementFiles(files.root / "changed")
    other.folder.mkdir(parents=True, exist_ok=True)
    content = bytearray((files.folder / link.name).read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    (other.folder / link.name).write_bytes(content)
    try:
        head = other.head(link.name)
        found = other.lines(head, [account])
    except StoreError:
        return
    assert head == files.head(link.name)
    assert of(found, [account]) == of(link.lines, [account])


def test_lines_of_others_are_not_read(kept: tuple[RestatementFiles, Link], tmp_path: Path) -> None:
    files, link = kept
    other = RestatementFiles(tmp_path)
    other.folder.mkdir()
    path = Path(shutil.copy(files.folder / link.name, other.folder))
    with pq.ParquetFile(path) as file:
        places = [file.metadata.row_group(group).column(0) for group in range(3)]
    content = bytearray(path.read_bytes())
    begin = places[1].dictionary_page_offset or places[1].data_page_offset
    content[begin : begin + places[1].total_compressed_size] = bytes(places[1].total_compressed_size)
    path.write_bytes(content)
    head = other.head(link.name)
    for account, group in ((ACCOUNTS[0], 0), (ACCOUNTS[-1], 2)):
        assert head.groups[group].first <= account <= head.groups[group].last
        assert of(other.lines(head, [account]), [account]) == of(link.lines, [account])
    with pytest.raises(StoreError, match="cannot be read"):
        other.lines(head, [head.groups[1].last])


@pytest.mark.parametrize("lines", [0, 2, 20])
def test_a_file_of_format_1_is_read_as_it_was_meant(tmp_path: Path, lines: int) -> None:
    files, link = RestatementFiles(tmp_path), link_of(ACCOUNTS, lines)
    files.folder.mkdir()
    told = canonical_json({"format": 1, "number": 1, "changes": [["p", "1", "2", "a"]], "changes_left_out": 3}).encode()
    headers = encode_headers([OLD, NEW])
    digest = sha256(headers + told)
    for column in link.lines.columns:
        hash_column(digest, column)
    name = f"{OLD.summary.id}-{NEW.summary.id}-1-{digest.hexdigest()[:32]}.parquet"

    def write(table: pa.Table) -> None:
        with pq.ParquetWriter(files.folder / name, LINES, compression="zstd", store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({HEADER_KEY: headers, b"greencloud.restatement": told})

    write(link.lines)
    head = files.head(name)
    assert (head.changes, head.changes_left_out) == ((BookChange("p", "1", "2", "a"),), 3)
    assert of(files.lines(head, [ACCOUNTS[7]]), [ACCOUNTS[7]]) == of(link.lines, [ACCOUNTS[7]])
    assert files.read(name) == (head, link.lines)
    if lines:
        write(link.lines.slice(1))
        for read in (files.head, files.read):
            with pytest.raises(StoreError, match="not what its name stands for"):
                read(name)
        with pytest.raises(StoreError, match="not what its name stands for"):
            files.lines(head, [ACCOUNTS[0]])  # by a head that was read before


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    files, link = RestatementFiles(tmp_path), link_of(["a"], 1)
    path = files.write(link, token="t")
    with pq.ParquetFile(path) as file:
        metadata = dict(file.metadata.metadata)
    metadata[b"greencloud.restatement"] = canonical_json(json.loads(link.metadata()) | {"format": 3}).encode()
    with pq.ParquetWriter(path, LINES) as writer:
        writer.add_key_value_metadata(metadata)
    with pytest.raises(StoreError, match="format 3"):
        files.head(link.name)


def test_a_list_opens_no_file_before_it_is_asked_for(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for amount in (1, 2):
        for number in range(3):
            ledger.post(batch({"a": amount, "b": 1}, window=hour(number)))
    for path in (tmp_path / "restatements").iterdir():
        if int(path.name.split("-")[2]) == 1:
            path.write_bytes(b"torn")
    records = ledger.snapshot().restatement_records()
    assert [record.new.start for record in records] == [hour(number).start for number in range(3)]
    assert [record.read(["a"]).kept for record in records] == [False] * 3


def test_an_account_is_told_the_same_as_out_of_the_whole(tmp_path: Path) -> None:
    frozen = Path(__file__).parent / "golden" / "data-2" / "data"
    data = DataDirectory.open(shutil.copytree(frozen, tmp_path / "data"), create=False)
    whole = data.ledger.snapshot().restatements()
    accounts = {line.account for each in whole for line in each.lines}
    assert accounts
    for account in accounts:
        own = data.ledger.snapshot().restatements(accounts=[account])
        expected = [tuple(line for line in each.lines if line.account == account) for each in whole]
        assert [each.lines for each in own] == [lines for lines in expected if lines]


@given(sizes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=30))
def test_what_is_kept_is_what_was_wanted_last_and_no_more_than_the_room(sizes: list[tuple[int, int]]) -> None:
    recent: Recent[int, int] = Recent(10)
    order: list[tuple[int, int]] = []
    for key, size in sizes:
        recent.keep(key, size, size)
        order = [(other, held) for other, held in order if other != key] + [(key, size)]
        while sum(held for _, held in order) > 10:
            order.pop(0)
    assert {key: recent.get(key) for key in range(6)} == {key: dict(order).get(key) for key in range(6)}


def test_a_head_that_was_kept_is_not_believed_of_another_file(tmp_path: Path) -> None:
    files, link = RestatementFiles(tmp_path), link_of(["a"], 1)
    path = files.write(link, token="t")
    assert isinstance(files.head(link.name), Head)
    path.write_bytes(b"torn")
    with pytest.raises(StoreError, match="cannot be read"):
        files.head(link.name)
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        files.head(link.name)
