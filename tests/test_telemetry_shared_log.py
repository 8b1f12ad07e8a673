"""What intake servers share in one log counts once, whoever took it, whoever follows it, and wherever either is cut off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import LogLostError, LogUnavailableError, StoreError
from greencloud.telemetry import Record, TelemetryStore, WriteAheadLog, collect, read_log
from greencloud.telemetry.followed import Followed
from greencloud.telemetry.follower import Follower, catch_up, follow
from greencloud.telemetry.record import FORMAT, PLACED_FORMAT, pack
from greencloud.telemetry.segment import read_segment
from greencloud.telemetry.shared_log import SharedLog
from list_broker import ListBroker
from profiles import examples
from telemetry_world import HOUR_NS, SECOND, T0, book, span, tenant, traces
from test_telemetry_collect import records_of, sent_points, sent_spans

BOOK = book()


class Server:
    """One that follows into the folder ``place``."""

    def __init__(self, place: Path, broker: ListBroker) -> None:
        self.wal, self.folder = place / "wal", place / "telemetry"
        self.log = SharedLog(broker)
        self.followed = Followed(self.wal, self.folder)

    def opened(self, segment_bytes: int = 64 << 20) -> WriteAheadLog:
        return WriteAheadLog(self.wal, min_free_bytes=0, version=PLACED_FORMAT, segment_bytes=segment_bytes)

    def follow(self, passages: int = 10_000, *, skip_to: int | None = None, segment_bytes: int = 64 << 20) -> None:
        """Follow so many passages, or up to the end."""
        left = iter(range(passages - 1, -1, -1))
        end = self.log.bounds().last
        with self.opened(segment_bytes) as wal:
            follow(self.log, self.followed, wal, lambda passage: next(left) > 0 and passage.position < end, skip_to=skip_to)

    def places(self) -> list[int]:
        """The positions of all records in the write-ahead log, as they lie there."""
        paths = sorted((*self.wal.glob("*.wal"), *(self.folder / "archive").glob("*.wal")))
        return [head.position for path in paths for _, head in read_segment(path).heads()]

    def records(self) -> list[Record]:
        return list(read_log(self.wal))

    def crash(self, passages: int, cut: float) -> None:
        """Follow, and be cut off in the middle of what was written since: nothing of it was noted, and its end is torn."""
        before = {path.name: path.stat().st_size for path in self.wal.glob("*.wal")}
        note = self.followed.path.read_bytes() if self.followed.path.exists() else None
        self.follow(passages)
        for path in self.wal.glob("*.wal"):
            old, size = before.get(path.name, 0), path.stat().st_size
            if size > old:
                os.truncate(path, old + round((size - old) * cut))
        if note is None:
            self.followed.path.unlink()
        else:
            self.followed.path.write_bytes(note)


def numbered(number: int, size: int = 16) -> Record:
    return Record("traces", "tenant", "alice", number, number.to_bytes(8, "big") * (size // 8))


@given(st.lists(sent_spans(), max_size=8), st.lists(sent_points(), max_size=6), st.data())
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_split_among_intake_servers_and_any_crash_of_a_follower_is_the_same_usage(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[tuple[str, dict[str, object]]],
    measured: list[Record],
    data: st.DataObject,
) -> None:
    place = tmp_path_factory.mktemp("servers")
    broker = ListBroker()
    intake = [SharedLog(broker) for _ in range(3)]
    steady, other = Server(place / "a", broker), Server(place / "b", broker)
    arriving = data.draw(st.permutations([*records_of(found), *measured]))
    for record in arriving:
        taker = data.draw(st.sampled_from(intake))
        broker.lost_answers = data.draw(st.sampled_from([0, 0, 1, 2]))
        while True:  # a sender sends again what was not acknowledged, to any server
            try:
                taker.append(record)
                break
            except LogUnavailableError:
                taker = data.draw(st.sampled_from(intake))
        if data.draw(st.booleans()):
            broker.missed.add(len(broker.messages))
        match data.draw(st.sampled_from(["on", "crash", "follow"])):
            case "crash":
                other.crash(data.draw(st.integers(1, 3)), data.draw(st.floats(0, 1)))
            case "follow":
                other.follow(data.draw(st.integers(1, 3)))
    for server in (steady, other):
        server.follow()
        places = server.places()
        assert len(places) == len(set(places)), "nothing is there twice"
        assert server.log.bounds().last == max([0, *server.followed.noted().logs["list/1"][:1]])
    assert sorted(steady.places()) == sorted(other.places())
    whole = collect(arriving, BOOK)
    for server in (steady, other):
        usage = TelemetryStore(server.wal, server.folder).collect(BOOK).usage
        assert usage.rows.equals(whole.usage.rows)
        assert usage.readings.equals(whole.usage.readings)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.integers(120, 400))
@settings(max_examples=examples(30))
def test_a_record_of_any_size_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], room: int
) -> None:
    broker = ListBroker(part_bytes=room)
    server = Server(tmp_path_factory.mktemp("sizes"), broker)
    records = [Record("traces", "tenant", "alice", number, os.urandom(size)) for number, size in enumerate(sizes)]
    for record in records:
        server.log.append(record)
    server.follow()
    assert server.records() == records
    assert all(len(message) <= room for message in broker.messages)
    assert server.log.syncs == len(records)


def test_parts_whose_sender_died_and_messages_of_strangers_are_left_out(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    broker.lost_answers = 1
    with pytest.raises(LogUnavailableError):
        server.log.append(numbered(1, 800))
    broker.put(b"hello", "x")
    server.log.append(numbered(2))
    broker.put(b"", "y")
    server.follow()
    assert server.records() == [numbered(2)]
    assert server.log.strangers == 2
    assert server.followed.noted().logs["list/1"][0] == 4


def test_following_goes_on_from_the_log_itself_when_the_note_is_lost(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    for number in range(1, 30):
        server.log.append(numbered(number))
        if number % 7 == 0:
            server.follow(segment_bytes=200)
            server.followed.path.unlink()
    server.follow()
    assert server.places() == list(range(1, 30))


def test_segments_that_were_settled_and_deleted_do_not_make_it_begin_anew(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    store = TelemetryStore(server.wal, server.folder)
    for number in range(1, 6):
        start = T0 + number * SECOND
        server.log.append(Record("traces", "tenant", "alice", start, traces([span(number, start, start + SECOND)])))
    server.crash(10, 1.0)  # nothing was noted of what is there
    assert store.settle(BOOK, T0 + 60 * 24 * HOUR_NS)
    archived = list((server.folder / "archive").glob("*.wal"))
    assert archived
    for path in archived:
        path.unlink()
    server.log.append(numbered(6))
    server.follow()
    assert server.places() == [6]


def test_what_a_reader_misses_on_the_way_is_asked_for_again(tmp_path: Path) -> None:
    broker = ListBroker(batch=4, missed={2, 3, 8})
    server = Server(tmp_path, broker)
    for number in range(1, 10):
        server.log.append(numbered(number))
    server.follow()
    assert server.places() == list(range(1, 10))


def test_messages_that_are_gone_are_told_and_not_passed_over(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    for number in range(1, 10):
        server.log.append(numbered(number))
    server.follow(1)
    broker.gone = 5
    with pytest.raises(LogLostError, match=r"the messages at 4 to 5 are gone .*\(2\)[\s\S]*--log-from 5"):
        server.follow()
    assert server.places() == [1, 2, 3]
    server.follow(skip_to=5)
    assert server.places() == [1, 2, 3, 6, 7, 8, 9]
    server.log.append(numbered(10))
    server.follow(skip_to=5)  # given once more it leaves nothing out
    assert server.places()[-1] == 10


def test_parts_that_are_gone_are_told(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1, 800))
    server.follow(1)
    broker.gone = 1
    with pytest.raises(LogLostError, match="the messages at 1 to 1 are gone"):
        server.follow()


def test_a_log_that_was_set_back_or_is_another_one_is_refused(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    for number in range(1, 6):
        server.log.append(numbered(number))
    server.follow()
    older = ListBroker(messages=broker.messages[:3])
    with pytest.raises(LogLostError, match="ends at 3, and was followed up to 5"):
        Server(tmp_path, older).follow()
    refilled = Server(tmp_path, older)
    for number in range(6, 12):
        refilled.log.append(numbered(number))
    with pytest.raises(LogLostError, match="another message is at 5"):
        refilled.follow()
    renamed = Server(tmp_path, ListBroker(name="list/2"))
    renamed.log.append(numbered(12))
    with pytest.raises(LogLostError, match=r"list/1 up to 5; list/2 is another log[\s\S]*--log-from 0"):
        renamed.follow()
    renamed.follow(skip_to=0)
    assert renamed.records()[-1] == numbered(12)
    assert server.places() == [1, 2, 3, 4, 5, 1]


def test_a_run_beside_a_follower_of_another_log_is_told_so(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1))
    server.follow()
    renamed = Server(tmp_path, ListBroker(name="list/2"))
    renamed.log.append(numbered(2))
    with server.followed.turn(), pytest.raises(LogLostError, match=r"list/1 up to 1; list/2 is another log"):
        catch_up(renamed.log, renamed.followed, renamed.opened, patience_s=0)


@pytest.mark.parametrize("at", [-1, 12])
def test_a_damaged_message_is_told(tmp_path: Path, at: int) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1))
    damaged = bytearray(broker.messages[0])
    damaged[at] ^= 1
    broker.messages[0] = bytes(damaged)
    with pytest.raises(StoreError, match="the message at 1 is damaged"):
        server.follow()


def test_a_message_of_a_newer_release_stops_the_follower(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1))
    newer = bytearray(broker.messages[0])
    newer[5] = FORMAT + 1
    broker.messages[0] = bytes(newer)
    with pytest.raises(StoreError, match=r"newer greencloud[\s\S]*upgrade this server"):
        server.follow()


def test_a_log_that_came_back_shorter_than_it_was_is_told(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1))
    server.follow()
    server.follow()
    (path,) = server.wal.glob("*.wal")
    os.truncate(path, 20)
    with pytest.raises(StoreError, match="would not be followed again"):
        server.follow()


def test_one_at_a_time_follows_for_a_directory(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    server.log.append(numbered(1))
    with server.followed.turn() as mine, server.opened() as wal:
        assert mine
        assert not follow(server.log, server.followed, wal, lambda _: False)
        with pytest.raises(LogUnavailableError, match="followed up to 0 of 1"):
            catch_up(server.log, server.followed, server.opened, patience_s=0)
    catch_up(server.log, server.followed, server.opened)
    assert server.records() == [numbered(1)]
    catch_up(server.log, server.followed, server.opened)
    assert server.records() == [numbered(1)]


def test_a_thread_follows_and_whoever_waits_for_it_has_all_that_was_there(tmp_path: Path) -> None:
    broker = ListBroker()
    server = Server(tmp_path, broker)
    with server.opened() as wal, Follower(server.log, server.followed, wal) as follower:
        for number in range(1, 40):
            server.log.append(numbered(number))
            if number % 13 == 0:
                catch_up(server.log, server.followed, server.opened)
                assert len(server.records()) >= number
                assert follower.failure is None
    assert server.places() == list(range(1, 40))


def test_what_was_taken_before_is_handed_over_and_every_server_has_it(tmp_path: Path) -> None:
    broker = ListBroker()
    first, other = Server(tmp_path / "a", broker), Server(tmp_path / "b", broker)
    before = [tenant(traces([span(number, T0, T0 + SECOND)])) for number in (1, 2, 3)]
    with WriteAheadLog(first.wal, min_free_bytes=0) as own:
        for record in before[:2]:
            own.append(record)
        with pytest.raises(StoreError, match="is being written"):
            first.follow()
        own.append(before[2])
    for server in (first, first, other):
        catch_up(server.log, server.followed, server.opened)
    assert set(first.places()) == set(other.places())
    for server in (first, other):
        assert {record.payload for record in server.records()} == {record.payload for record in before}
        assert TelemetryStore(server.wal, server.folder).collect(BOOK).span_count == 3
    assert not [path for path in first.wal.glob("*.wal") if path.read_bytes()[6] == FORMAT]
    end = first.log.bounds().last
    first.follow()
    assert first.log.bounds().last == end


def test_settled_hours_cannot_be_handed_over_and_are_told(tmp_path: Path) -> None:
    server = Server(tmp_path, ListBroker())
    with WriteAheadLog(server.wal, min_free_bytes=0) as own:
        own.append(tenant(traces([span(1, T0, T0 + SECOND)])))
    assert TelemetryStore(server.wal, server.folder).settle(BOOK, T0 + 60 * 24 * HOUR_NS)
    with pytest.raises(StoreError, match=r"settled hours[\s\S]*copy its wal/ and telemetry/"):
        server.follow()
    server.follow(skip_to=0)


def test_segments_of_both_formats_are_read_side_by_side(tmp_path: Path) -> None:
    server = Server(tmp_path, ListBroker())
    server.log.publish(b"".join(pack(tenant(traces([span(2, T0, T0 + SECOND)])))))
    server.follow()
    with WriteAheadLog(server.wal, min_free_bytes=0) as own:
        own.append(tenant(traces([span(1, T0, T0 + SECOND)])))
    server.follow()
    assert TelemetryStore(server.wal, server.folder).collect(BOOK).span_count == 2
    assert {path.read_bytes()[6] for path in server.wal.glob("*.wal")} == {2, 3}
