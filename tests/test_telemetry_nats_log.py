"""A shared log in a real NATS server keeps what it acknowledged, once, through the loss of the server and of connections."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from greencloud.errors import ConfigError, LogLostError, LogUnavailableError, MissingExtraError, StorageFullError
from greencloud.telemetry import Record, WriteAheadLog, read_log
from greencloud.telemetry.followed import Followed
from greencloud.telemetry.follower import Follower, catch_up, follow
from greencloud.telemetry.log_uri import open_log
from greencloud.telemetry.record import PLACED_FORMAT
from greencloud.telemetry.shared_log import SharedLog
from nats_broker import Broker, brokering


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with brokering(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def log(broker: Broker, request: pytest.FixtureRequest) -> Iterator[SharedLog]:
    """A log of the test's own."""
    opened = open_log(broker.uri(f"t{abs(hash(request.node.name))}"), {})
    yield opened
    opened.close()


def numbered(number: int, size: int = 64) -> Record:
    return Record("traces", "tenant", "alice", number, number.to_bytes(8, "big") * (size // 8))


def followed_by(place: Path, log: SharedLog) -> list[Record]:
    """Follow up to the end, and give all that the directory holds."""
    followed = Followed(place / "wal", place / "telemetry")
    catch_up(log, followed, lambda: WriteAheadLog(place / "wal", min_free_bytes=0, version=PLACED_FORMAT))
    return list(read_log(place / "wal"))


def asked(broker: Broker, question: Callable[[Any], Any]) -> Any:
    """What a client of its own is answered by JetStream."""
    import nats

    async def ask() -> Any:
        client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        try:
            return await question(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(ask())


def test_what_was_put_comes_out_in_order_for_every_follower(log: SharedLog, tmp_path: Path) -> None:
    records = [numbered(number, 8 * number) for number in range(1, 300)]
    for record in records[:200]:
        log.append(record)
    assert followed_by(tmp_path / "a", log) == records[:200]
    for record in records[200:]:
        log.append(record)
    assert followed_by(tmp_path / "a", log) == followed_by(tmp_path / "b", log) == records
    assert log.bounds() == (1, 299)


def test_an_otlp_request_of_64_mib_goes_in_parts_of_less_than_1_mib(log: SharedLog, tmp_path: Path) -> None:
    largest = Record("traces", "tenant", "alice", 1, os.urandom(64 << 20))
    log.append(largest)
    assert followed_by(tmp_path, log) == [largest]
    assert 64 < log.bounds().last < 70


def test_the_same_message_sent_twice_is_there_once(log: SharedLog, tmp_path: Path) -> None:
    from greencloud.telemetry.record import pack

    packed = b"".join(pack(numbered(1)))
    assert {log.publish(packed, "one") for _ in range(20)} == {1}
    assert followed_by(tmp_path, log) == [numbered(1)]


def test_what_comes_by_another_subject_of_the_stream_is_passed_over_and_not_believed(broker: Broker, tmp_path: Path) -> None:
    from nats.js.api import StreamConfig

    from greencloud.telemetry.record import pack
    from greencloud.telemetry.shared_log import _WHOLE, _message

    config = StreamConfig(name="shared", subjects=["greencloud.log.shared", "others"], allow_direct=True)
    asked(broker, lambda js: js.add_stream(config))
    log = open_log(broker.uri("shared"), {})
    forged = _message(_WHOLE, b"".join(pack(numbered(2))))

    def intrude(message: bytes) -> None:
        asked(broker, lambda js: js.publish("others", message))

    try:
        log.append(numbered(1))
        intrude(b"hello")
        intrude(forged)
        log.append(numbered(3))
        intrude(forged)
        for _ in range(2):  # the second time from the message of a stranger
            assert followed_by(tmp_path, log) == [numbered(1), numbered(3)]
            intrude(b"")
        assert log.strangers == 4
    finally:
        log.close()


@pytest.mark.stress
@pytest.mark.parametrize("round_number", range(2))
def test_a_server_killed_under_load_keeps_all_that_it_acknowledged_once(tmp_path: Path, round_number: int) -> None:
    with brokering(tmp_path / "nats") as broker:
        log = open_log(broker.uri("load"), {})
        acknowledged: set[int] = set()
        enough, done = threading.Event(), threading.Event()

        def send(first: int) -> None:
            for number in range(first, first + 10_000):
                if done.is_set():
                    return
                try:
                    log.append(numbered(number, 8 * (number % 500 + 1)))
                except LogUnavailableError:
                    continue
                acknowledged.add(number)
                if len(acknowledged) > 200 * (1 + round_number):
                    enough.set()

        followed = Followed(tmp_path / "wal", tmp_path / "telemetry")
        threads = [threading.Thread(target=send, args=(10_000 * n,)) for n in range(1, 9)]
        with WriteAheadLog(tmp_path / "wal", min_free_bytes=0, version=PLACED_FORMAT) as wal, Follower(log, followed, wal):
            for thread in threads:
                thread.start()
            for _ in range(2):
                assert enough.wait(30)
                broker.kill()
                broker.start()
                enough.clear()
            assert enough.wait(30)
            done.set()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
        found = [record.received_ns for record in followed_by(tmp_path, log)]
        assert acknowledged <= set(found)
        assert len(found) == len(set(found))
        log.close()


def test_a_broker_that_is_away_is_told_and_found_again(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "nats")
    log = open_log(broker.uri("away"), {})
    with pytest.raises(LogUnavailableError, match=r"log away at nats://127\.0\.0\.1:\d+: no broker takes the connection"):
        log.bounds()
    with pytest.raises(LogUnavailableError):
        followed_by(tmp_path, log)
    began = time.monotonic()

    def turned_away(number: int) -> None:
        with pytest.raises(LogUnavailableError):
            log.append(numbered(number))

    with ThreadPoolExecutor(32) as pool:  # all threads that a server has are free again soon
        list(pool.map(turned_away, range(32)))
    assert time.monotonic() - began < 20
    try:
        broker.start()
        while True:
            try:
                log.append(numbered(1))
                break
            except LogUnavailableError:  # it is asked again a second later
                assert time.monotonic() - began < 60
        assert followed_by(tmp_path, log) == [numbered(1)]
    finally:
        broker.kill()
        log.close()
    log.close()
    with pytest.raises(LogUnavailableError, match="was closed"):
        log.bounds()


def test_retention_that_passed_a_follower_is_told(broker: Broker, log: SharedLog, tmp_path: Path) -> None:
    for number in range(1, 8):
        log.append(numbered(number))
    stream = log.name.split("/")[1]
    asked(broker, lambda js: js.purge_stream(stream, seq=4))
    with pytest.raises(LogLostError, match="the messages at 1 to 3 are gone"):
        followed_by(tmp_path, log)
    followed = Followed(tmp_path / "wal", tmp_path / "telemetry")
    with WriteAheadLog(tmp_path / "wal", min_free_bytes=0, version=PLACED_FORMAT) as wal:
        follow(log, followed, wal, lambda passage: passage.position < 7, skip_to=3)
    assert [record.received_ns for record in read_log(tmp_path / "wal")] == [4, 5, 6, 7]


def test_a_stream_made_anew_under_the_same_name_is_another_log(broker: Broker, tmp_path: Path) -> None:
    for number in (1, 2):
        log = open_log(broker.uri("again"), {})
        log.append(numbered(number))
        if number == 1:
            assert followed_by(tmp_path, log) == [numbered(1)]
            asked(broker, lambda js: js.delete_stream("again"))
        else:
            with pytest.raises(LogLostError, match="is another log"):
                followed_by(tmp_path, log)
        log.close()


def made(broker: Broker, name: str, **options: Any) -> None:
    from nats.js.api import StreamConfig

    config = StreamConfig(name=name, subjects=[f"greencloud.log.{name}"], allow_direct=True)
    asked(broker, lambda js: js.add_stream(config.evolve(**options)))


def test_a_stream_that_would_lose_what_it_acknowledged_is_refused(broker: Broker) -> None:
    from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType

    unfit: dict[str, tuple[dict[str, Any], str]] = {
        "memory": ({"storage": StorageType.MEMORY}, "in memory"),
        "queue": ({"retention": RetentionPolicy.WORK_QUEUE}, "only until"),
        "drops": ({"max_msgs": 5, "discard": DiscardPolicy.OLD}, "drops old messages"),
        "direct": ({"allow_direct": False}, "direct get"),
        "subject": ({"subjects": ["elsewhere"]}, "does not take"),
    }
    for name, (options, why) in unfit.items():
        made(broker, name, **options)
        log = open_log(broker.uri(name), {})
        with pytest.raises(ConfigError, match=why):
            log.append(numbered(1))
        log.close()


def test_a_full_stream_turns_what_comes_away_and_loses_nothing(broker: Broker, tmp_path: Path) -> None:
    from nats.js.api import DiscardPolicy

    made(broker, "full", max_msgs=3, discard=DiscardPolicy.NEW)
    log = open_log(broker.uri("full"), {})
    for number in (1, 2, 3):
        log.append(numbered(number))
    with pytest.raises(StorageFullError, match="the stream full is full"):
        log.append(numbered(4))
    assert followed_by(tmp_path, log) == [numbered(1), numbered(2), numbered(3)]
    log.close()


def test_credentials_come_from_the_environment_and_are_told_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with brokering(tmp_path / "nats", 'authorization { user: intake, password: "a-secret" }') as broker:
        right = open_log(broker.uri("auth"), {"NATS_USER": "intake", "NATS_PASSWORD": "a-secret"})
        right.append(numbered(1))
        wrong = open_log(broker.uri("auth"), {"NATS_USER": "intake", "NATS_PASSWORD": "another-secret"})
        with pytest.raises(LogUnavailableError, match=r"refuses our credentials[\s\S]*NATS_PASSWORD") as caught:
            wrong.bounds()
        assert "secret" not in str(caught.value) + caplog.text
        assert "secret" not in repr(vars(right)) + repr(right.name)
        right.close()
        wrong.close()


@pytest.mark.parametrize(
    "uri", ["nats://user:word@h:4222/s", "nats://h:4222", "nats://h:4222/a/b", "redis://h/s", "kafka://h/s?sasl=word", "nats:///s"]
)
def test_what_is_no_shared_log_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ConfigError, match="nats://HOST:PORT/STREAM") as caught:
        open_log(uri, {})
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(("uri", "module", "extra"), [("nats://h/s", "nats", "nats"), ("kafka://h/s", "confluent_kafka", "kafka")])
def test_without_the_library_the_advice_is_to_install_it(
    uri: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"greencloud\[{extra}\]"):
        open_log(uri, {})
