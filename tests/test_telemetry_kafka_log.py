"""The Kafka adapter calls its library rightly, as far as librdkafka's own mock of a cluster can show; no broker ran here."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greencloud.errors import ConfigError, LogUnavailableError
from greencloud.telemetry import Record, WriteAheadLog, read_log
from greencloud.telemetry.followed import Followed
from greencloud.telemetry.follower import catch_up
from greencloud.telemetry.kafka_log import VARIABLE
from greencloud.telemetry.log_uri import open_log
from greencloud.telemetry.record import PLACED_FORMAT
from greencloud.telemetry.shared_log import SharedLog

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install 'greencloud[test]'")


class Mock:
    """librdkafka's mock of a cluster, by its own C interface: Python's can make no topic of one partition in it."""

    def __init__(self) -> None:
        (path,) = (Path(kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka-*.so*")
        self._library = library = ctypes.CDLL(str(path))
        for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(library, name).restype = ctypes.c_void_p
        library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        self._handle = ctypes.c_void_p(library.rd_kafka_new(0, None, None, ctypes.c_size_t(0)))
        self._cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(self._handle, 1))
        self.hosts = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a topic, and give its URI."""
        assert self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1) == 0
        return f"kafka://{self.hosts}/{name}"

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    made = Mock()
    yield made
    made.close()


def numbered(number: int, size: int = 64) -> Record:
    return Record("traces", "tenant", "alice", number, number.to_bytes(8, "big") * (size // 8))


def followed_by(place: Path, log: SharedLog) -> list[Record]:
    followed = Followed(place / "wal", place / "telemetry")
    catch_up(log, followed, lambda: WriteAheadLog(place / "wal", min_free_bytes=0, version=PLACED_FORMAT), patience_s=20)
    return list(read_log(place / "wal"))


def test_what_was_put_comes_out_with_positions_from_1(mock: Mock, tmp_path: Path) -> None:
    log = open_log(mock.topic("log"), {})
    records = [numbered(number) for number in range(1, 20)]
    for record in records:
        log.append(record)
    assert log.bounds() == (1, 19)
    assert followed_by(tmp_path / "a", log) == records
    log.append(numbered(20))
    assert followed_by(tmp_path / "a", log) == [*records, numbered(20)]
    log.close()
    log.close()


def test_a_large_record_goes_in_parts(mock: Mock, tmp_path: Path) -> None:
    log = open_log(mock.topic("parts"), {})
    record = Record("traces", "tenant", "alice", 1, os.urandom(3 << 20))
    log.append(record)
    assert followed_by(tmp_path, log) == [record]
    assert log.bounds().last == 5
    log.close()


@pytest.mark.parametrize(("topic", "partitions", "why"), [("three", 3, "has 3 partitions"), ("none", 0, "there is no topic none")])
def test_a_topic_that_is_not_there_or_has_several_partitions_is_refused(mock: Mock, topic: str, partitions: int, why: str) -> None:
    log = open_log(mock.topic(topic, partitions) if partitions else f"kafka://{mock.hosts}/{topic}", {})
    with pytest.raises(ConfigError, match=why):
        log.append(numbered(1))
    log.close()


def test_a_broker_that_is_away_is_told() -> None:
    log = open_log("kafka://127.0.0.1:9/log", {})
    with pytest.raises(LogUnavailableError, match=r"the shared log log at 127\.0\.0\.1:9"):
        log.bounds()
    log.close()


def test_properties_come_from_a_file_and_are_told_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("# ours\nsecurity.protocol=SASL_SSL\nsasl.password = a-secret=x\n")
    seen: list[dict[str, Any]] = []

    def consumer(settings: dict[str, Any]) -> Any:
        seen.append(settings)
        raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError._AUTHENTICATION))

    monkeypatch.setattr(kafka, "Consumer", consumer)
    log = open_log("kafka://h:1/log", {VARIABLE: str(path)})
    with pytest.raises(LogUnavailableError) as caught:
        log.bounds()
    assert seen[0]["sasl.password"] == "a-secret=x"
    assert "secret" not in str(caught.value)
    path.write_text("secret")
    with pytest.raises(ConfigError) as wrong:
        open_log("kafka://h:1/log", {VARIABLE: str(path)})
    assert "secret" not in str(wrong.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        open_log("kafka://h:1/log", {VARIABLE: str(tmp_path / "none")})
