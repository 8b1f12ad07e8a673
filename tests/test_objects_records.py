"""Records that are created one after the other: one sequence, whoever adds to it, wherever it lies."""

from __future__ import annotations

import stat
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import StoreError
from greencloud.objects.objects import LOCAL, Objects
from greencloud.objects.records import Records
from object_places import kept, machine, put_over, take_out
from object_store import Lake, fresh_uri, requests

SCHEDULE = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=14)  # who, and whether they add or read


def text_of(number: int, content: bytes) -> str:
    told, _, text = content.decode().partition(":")
    if told != str(number):
        raise StoreError(f"record {number} says that it is {told}")
    return text


class Writer:
    """Somebody who adds to what they know, and reads on where another was first."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self.records, self.known = Records(folder, objects), list[str]()

    def read(self) -> None:
        self.known += self.records.after(len(self.known), text_of)

    def add(self, text: str) -> None:
        while not self.records.create(len(self.known) + 1, f"{len(self.known) + 1}:{text}".encode()):
            before = len(self.known)
            self.read()
            assert len(self.known) > before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=SCHEDULE, remote=st.booleans())
def test_any_interleaving_makes_one_sequence_that_lacks_nothing(
    lake: Lake, tmp_path: Path, schedule: list[tuple[int, bool]], remote: bool
) -> None:
    work, uri = tmp_path / uuid4().hex, fresh_uri()
    writers = [
        Writer(work / f"{at}" / "r", machine(work / f"{at}", uri)) if remote else Writer(work / "r", LOCAL) for at in range(3)
    ]
    added = []
    for at, (who, adds) in enumerate(schedule):
        if adds:
            writers[who].add(f"{at}")
            added.append(f"{at}")
        else:
            writers[who].read()
            assert writers[who].known == added
    for writer in writers:
        writer.read()
        assert writer.known == added
        assert writer.records.numbers() == list(range(1, len(added) + 1))
        assert [content.decode().partition(":")[2] for _, content in writer.records.stored()] == added


def filled(folder: Path, uri: str, count: int) -> Writer:
    writer = Writer(folder / "audit", machine(folder, uri))
    for at in range(count):
        writer.add(f"{at}")
        writer.known.append(f"{at}")
    return writer


def test_to_ask_for_more_is_one_request_and_what_was_read_is_not_asked_for_again(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "a", uri, 40)
    with requests(lake, monkeypatch) as seen:
        reader = Writer(tmp_path / "b" / "audit", machine(tmp_path / "b", uri))
        reader.read()
        assert (len(reader.known), len(seen)) == (40, 1 + 40 + 1)  # listed, fetched, and one more asked for
        del seen[:]
        for _ in range(3):
            reader.read()
        assert len(seen) == 3
        del seen[:]
        again = Writer(tmp_path / "b" / "audit", machine(tmp_path / "b", uri))  # as another process of the machine
        again.read()
        assert (again.known, len(seen)) == (reader.known, 2)
    assert stat.S_IMODE((tmp_path / "b" / "audit").stat().st_mode) == 0o700


def test_who_is_far_behind_fetches_the_rest_at_once(lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = filled(tmp_path / "a", uri, 1)
    with requests(lake, monkeypatch) as seen:
        reader = Writer(tmp_path / "b" / "audit", machine(tmp_path / "b", uri))
        reader.read()
        for at in range(1, 30):
            writer.add(f"{at}")
            writer.known.append(f"{at}")
        del seen[:]
        reader.read()
    assert reader.known == writer.known
    assert [line for line in seen if b"list-type" in line]
    assert len(seen) == 1 + 29 + 1


def test_a_copy_that_is_damaged_is_fetched_again_and_the_store_is_believed(uri: str, tmp_path: Path) -> None:
    filled(tmp_path / "a", uri, 3)
    reader = Writer(tmp_path / "b" / "audit", machine(tmp_path / "b", uri))
    reader.read()
    copy = reader.records.path(2)
    copy.chmod(0o600)
    copy.write_bytes(b"9:harm")
    assert list(reader.records.after(0, text_of)) == ["0", "1", "2"]
    assert copy.read_bytes() == b"2:1"
    put_over(uri, "audit/000000000002.json", b"9:harm")
    assert [content for _, content in reader.records.stored()] == [b"1:0", b"9:harm", b"3:2"]
    with pytest.raises(StoreError, match="record 2 says that it is 9"):
        list(Records(tmp_path / "c" / "audit", machine(tmp_path / "c", uri)).after(0, text_of))
    take_out(uri, "audit/000000000002.json")
    assert reader.records.numbers() == [1, 3]
    assert sorted(kept(uri)) == ["audit/000000000001.json", "audit/000000000003.json"]
    take_out(uri, "audit/000000000003.json")
    assert list(reader.records.after(0, text_of)) == ["0"]  # of the others there are but copies
    assert list(reader.records.after(1, text_of)) == []
