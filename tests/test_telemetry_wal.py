"""The write-ahead log keeps what it acknowledged, and says what is wrong with what it cannot read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import StorageFullError, StoreError
from greencloud.telemetry import Record, WriteAheadLog, read_log, scan_log
from greencloud.telemetry.record import ROLES, SIGNALS, pack, unpack
from profiles import examples

WRITER = Path(__file__).with_name("telemetry_wal_writer.py")

records = st.builds(
    Record,
    st.sampled_from(SIGNALS),
    st.sampled_from(ROLES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 2**62),
    st.binary(max_size=200),
    st.booleans(),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
)


def numbered(number: int, size: int = 100) -> Record:
    return Record("traces", "tenant", "alice", number, number.to_bytes(8, "big") * (size // 8))


def filled(directory: Path, count: int) -> Path:
    with WriteAheadLog(directory, min_free_bytes=0) as log:
        for number in range(1, count + 1):
            log.append(numbered(number))
    (path,) = directory.glob("*.wal")
    return path


@given(st.lists(records, max_size=8))
def test_records_laid_end_to_end_are_read_back(found: list[Record]) -> None:
    assert list(unpack(memoryview(b"".join(piece for record in found for piece in pack(record))))) == found


@given(cut=st.integers(0, 700))
@settings(max_examples=examples(25), deadline=None)
def test_a_segment_cut_anywhere_gives_its_whole_records_and_no_error(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    directory = tmp_path_factory.mktemp("log")
    path = filled(directory, 5)
    size = path.stat().st_size
    frame = (size - 16) // 5
    os.truncate(path, min(cut, size))
    whole = max(0, (min(cut, size) - 16) // frame)
    assert [record.received_ns for record in read_log(directory)] == list(range(1, whole + 1))


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(max_examples=examples(30), deadline=None)
def test_a_byte_changed_before_the_last_frame_is_never_silent(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    directory = tmp_path_factory.mktemp("log")
    path = filled(directory, 5)
    data = bytearray(path.read_bytes())
    frame = (len(data) - 16) // 5
    at = 16 + at % (4 * frame)
    data[at] ^= flip
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        list(read_log(directory))
    assert str(path) in caught.value.message
    assert f"byte {16 + (at - 16) // frame * frame}" in caught.value.message
    assert scan_log(directory).faults == (caught.value.message,)


def test_a_payload_that_says_next_to_nothing_takes_little_room_and_comes_back_whole(tmp_path: Path) -> None:
    hollow = Record("traces", "tenant", "alice", 1, bytes(8 << 20))
    dense = Record("traces", "tenant", "alice", 2, os.urandom(1 << 20))
    with WriteAheadLog(tmp_path, min_free_bytes=0) as log:
        log.append(hollow)
        log.append(dense)
    assert list(read_log(tmp_path)) == [hollow, dense]
    assert scan_log(tmp_path).bytes < (1 << 20) + (64 << 10)


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert list(read_log(tmp_path / "none")) == []
    assert scan_log(tmp_path / "none").segments == 0


def test_a_segment_of_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    data = bytearray(path.read_bytes())
    data[6] = 9
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"format 9[\s\S]*upgrade"):
        list(read_log(tmp_path))


def test_a_file_that_is_no_segment_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.wal").write_bytes(b"these are not the records that you look for")
    with pytest.raises(StoreError, match=r"notes\.wal is not a telemetry log"):
        list(read_log(tmp_path))


def test_sixteen_threads_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path, min_free_bytes=0)
    ready = threading.Barrier(16)

    def write(first: int) -> None:
        ready.wait()
        for number in range(first, first + 50):
            log.append(numbered(number, 4000))

    threads = [threading.Thread(target=write, args=(1000 * thread,)) for thread in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = [record.received_ns for record in read_log(tmp_path)]
    assert sorted(found) == sorted(1000 * thread + number for thread in range(1, 17) for number in range(50))
    assert log.syncs < len(found)


def test_segments_rotate_and_are_read_in_the_order_of_writing(tmp_path: Path) -> None:
    with WriteAheadLog(tmp_path, min_free_bytes=0, segment_bytes=1000) as log:
        for number in range(1, 41):
            log.append(numbered(number))
    assert len(list(tmp_path.glob("*.wal"))) > 4
    assert [record.received_ns for record in read_log(tmp_path)] == list(range(1, 41))
    state = scan_log(tmp_path)
    assert (state.records, state.oldest_ns, state.newest_ns, state.torn, state.faults) == (40, 1, 40, (), ())
    assert state.bytes == sum(path.stat().st_size for path in tmp_path.glob("*.wal"))


def test_writers_with_the_same_clock_never_share_a_segment(tmp_path: Path) -> None:
    logs = [WriteAheadLog(tmp_path, min_free_bytes=0, clock_ns=lambda: 7) for _ in range(3)]
    for number, log in enumerate(logs, 1):
        log.append(numbered(number))
        log.close()
    assert len(list(tmp_path.glob("*.wal"))) == 3
    assert [record.received_ns for record in read_log(tmp_path)] == [1, 2, 3]


def test_nothing_is_created_before_the_first_append_and_nothing_taken_after_closing(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path / "deep" / "log")
    log.close()
    log.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="closed"):
        log.append(numbered(1))


def test_killing_the_writer_loses_no_acknowledged_record(tmp_path: Path) -> None:
    for round_number in range(3):
        directory = tmp_path / str(round_number)
        writer = subprocess.Popen([sys.executable, str(WRITER), str(directory)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        acknowledged = {int(writer.stdout.readline()) for _ in range(300 + 100 * round_number)}
        live = {record.received_ns for record in read_log(directory)}
        assert acknowledged <= live, "a reader beside a live writer sees what was acknowledged"
        writer.kill()
        rest = writer.stdout.read().split(b"\n")
        writer.wait()
        writer.stdout.close()
        acknowledged |= {int(line) for line in rest[:-1]}
        found = list(read_log(directory))
        assert acknowledged <= {record.received_ns for record in found}
        for record in found:
            number = record.received_ns
            assert record.payload == number.to_bytes(8, "big") * (1 + number % 500)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB. It is unmounted at once and lives on behind one open descriptor, so that nothing is left of it
    however the tests end."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"mounting a small file system is not permitted here: {made.stderr.decode().strip()}")
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def test_a_full_disk_is_answered_and_the_log_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300 << 10))
    log = WriteAheadLog(small_disk / "log", min_free_bytes=0)
    kept = 0
    with pytest.raises(StorageFullError) as caught:  # noqa: PT012  (how many fit is not known before)
        while True:
            log.append(numbered(kept + 1, 50_000))
            kept += 1
    assert kept > 5
    assert caught.value.retry_after_s > 0
    state = scan_log(small_disk / "log")
    assert (state.records, state.torn, state.faults) == (kept, (), ())
    ballast.unlink()
    log.append(numbered(kept + 1, 50_000))
    log.close()
    assert [record.received_ns for record in read_log(small_disk / "log")] == list(range(1, kept + 2))


def test_a_disk_that_fills_in_the_middle_of_a_write_leaves_whole_records_only(small_disk: Path) -> None:
    log = WriteAheadLog(small_disk / "log", min_free_bytes=-(1 << 40))  # so that the system itself says that it is full
    log.append(numbered(1, 50_000))
    with pytest.raises(StorageFullError, match="No space left"):
        log.append(Record("traces", "tenant", "alice", 2, os.urandom(2_000_000)))
    (path,) = (small_disk / "log").glob("*.wal")
    assert scan_log(small_disk / "log").torn == ()
    log.append(numbered(3, 50_000))
    log.close()
    assert [record.received_ns for record in read_log(small_disk / "log")] == [1, 3]
    assert list((small_disk / "log").glob("*.wal")) == [path]


def test_free_space_below_the_reserve_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path / "log", min_free_bytes=1 << 60)
    with pytest.raises(StorageFullError, match=r"kept back[\s\S]*free some space"):
        log.append(numbered(1))
    log.close()
    assert list(tmp_path.iterdir()) == []
