"""A shared log in Kafka: a topic of one partition, whose offsets are the positions, counted from 1.

**Never run against a broker.** This adapter was tried with librdkafka's own mock of a cluster, which shows that the library is
called rightly, and nothing of durability. Where that matters, use NATS, or try it on your cluster first.

Producers are idempotent and wait for all replicas in sync (``acks=all``; make the topic with ``min.insync.replicas=2`` or more), so
that what is acknowledged is there once. A send that is given up is not known to have failed; its sender sends it again, and usage
counts copies once. There is no consumer group: a follower's position is in its own write-ahead log. The topic keeps by time or
size (``cleanup.policy=delete``), and no transactions write to it, so offsets follow each other.

What the client needs beyond the addresses (TLS, SASL) is in a file of librdkafka's properties, one ``key=value`` a line, that
``GREENCLOUD_KAFKA_CONFIG`` names. No value of it is ever logged.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from greencloud.errors import ConfigError, GreencloudError, LogUnavailableError, MissingExtraError
from greencloud.telemetry.shared_log import Bounds

__all__ = ["VARIABLE", "KafkaLog"]

VARIABLE: Final = "GREENCLOUD_KAFKA_CONFIG"

_ANSWER_S: Final = 5.0
_PUT_S: Final = 10.0
_IDLE_S: Final = 0.5
_BATCH: Final = 256
_PART_BYTES: Final = 900_000
"""A broker takes 1 MB by default (``message.max.bytes``), with the batch's own head."""


class KafkaLog:
    """The topic ``topic`` of the servers ``hosts``. It connects when it is first asked."""

    def __init__(self, hosts: Sequence[str], topic: str, environment: Mapping[str, str]) -> None:
        self._library = _kafka()
        self.part_bytes = _PART_BYTES
        self._topic = topic
        self._where = f"the shared log {topic} at {', '.join(hosts)}"
        self._name = ""
        self._common = {"bootstrap.servers": ",".join(hosts), "client.id": "greencloud", "log_level": 0, **_properties(environment)}
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._producer: Any = None
        self._consumer: Any = None
        self._ended = threading.Event()
        self._polling: threading.Thread | None = None

    @property
    def name(self) -> str:
        if not self._name:
            with self._asking, self._answered():
                found = self._asker().list_topics(self._topic, timeout=_ANSWER_S)
                topic = found.topics[self._topic]
                if topic.error is not None and topic.error.code() == self._library.KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise ConfigError(
                        f"there is no topic {self._topic}",
                        key="--log",
                        advice="make it with one partition: docs/several-servers.md",
                    )
                if topic.error is not None:
                    raise self._silent(str(topic.error.name()))
                if len(topic.partitions) != 1:
                    raise ConfigError(
                        f"the topic {self._topic} has {len(topic.partitions)} partitions",
                        key="--log",
                        advice="make a topic with one partition: a shared log is one order",
                    )
                self._name = f"kafka/{found.cluster_id}/{self._topic}"
        return self._name

    def put(self, message: bytes, number: str) -> int:
        _ = self.name
        done = threading.Event()
        answer: list[Any] = []

        def delivered(error: Any, sent: Any) -> None:
            answer.extend((error, sent))
            done.set()

        with self._answered():
            self._putter().produce(self._topic, message, key=number.encode(), partition=0, on_delivery=delivered)
        if not done.wait(_PUT_S + _ANSWER_S):
            raise self._silent("no answer in time")
        error, sent = answer
        if error is not None:
            raise self._silent(str(error.name()))
        return int(sent.offset()) + 1

    def get(self, position: int) -> bytes | None:
        first, last = self.bounds()
        if not first <= position <= last:
            return None
        with self._answered(), self._reader(position) as consumer:
            found = consumer.poll(_ANSWER_S)
            self._check(found)
            if found is None:
                raise self._silent("no answer in time")
            return found.value() if found.offset() + 1 == position else None

    def bounds(self) -> Bounds:
        with self._asking, self._answered():
            low, high = self._asker().get_watermark_offsets(self._partition(), timeout=_ANSWER_S, cached=False)
            return Bounds(low + 1, high)

    def read(self, after: int) -> Iterator[list[tuple[int, bytes]]]:
        with self._answered(), self._reader(after + 1) as consumer:
            while True:
                found = consumer.consume(_BATCH, _IDLE_S)
                for each in found:
                    self._check(each)
                yield [(each.offset() + 1, each.value() or b"") for each in found]

    def close(self) -> None:
        """Closing twice is no error."""
        self._ended.set()
        if self._polling:
            self._polling.join()
            self._producer.flush(_ANSWER_S)
            self._polling = None
        if self._consumer:
            self._consumer.close()
            self._consumer = None

    def _partition(self, position: int = 1) -> Any:
        return self._library.TopicPartition(self._topic, 0, position - 1)

    def _putter(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = self._library.Producer(
                    self._common
                    | {
                        "enable.idempotence": True,
                        "acks": "all",
                        "delivery.timeout.ms": int(_PUT_S * 1000),
                        "linger.ms": 1,
                        "message.max.bytes": _PART_BYTES + 100_000,
                    }
                )
                self._polling = threading.Thread(target=self._poll, name="greencloud-kafka", daemon=True)
                self._polling.start()
            return self._producer

    def _poll(self) -> None:
        while not self._ended.is_set():
            self._producer.poll(0.1)

    def _asker(self) -> Any:
        if self._consumer is None:
            self._consumer = self._library.Consumer(self._reading())
        return self._consumer

    def _reader(self, position: int) -> Any:
        """A consumer of its own from a position on, to be left by ``with``."""
        consumer = self._library.Consumer(self._reading())
        consumer.assign([self._partition(position)])
        return _Closing(consumer)

    def _reading(self) -> dict[str, Any]:
        # A group is asked for by the library, and never used: nothing is subscribed or committed.
        own = {"group.id": "greencloud", "enable.auto.commit": False, "auto.offset.reset": "error"}
        return self._common | own | {"isolation.level": "read_committed"}

    def _check(self, found: Any) -> None:
        if found is not None and found.error() is not None:
            raise self._silent(str(found.error().name()))

    def _answered(self) -> Any:
        return _Answered(self)

    def _silent(self, why: str) -> GreencloudError:
        return LogUnavailableError(
            f"{self._where}: {why}", advice=f"see that the broker can be reached, and what {VARIABLE} says; senders will try again"
        )


class _Closing:
    """A consumer that is closed at the end of a block."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __enter__(self) -> Any:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            self._consumer.close()


class _Answered:
    """The library's errors as ours."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, self._log._library.KafkaException):
            raise self._log._silent(str(error.args[0].name())) from error
        if isinstance(error, BufferError):
            raise self._log._silent("too many messages wait to be sent") from error


def _properties(environment: Mapping[str, str]) -> dict[str, str]:
    name = environment.get(VARIABLE)
    if not name:
        return {}
    found = {}
    try:
        lines = Path(name).read_text().splitlines()
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be read: {error.strerror}", key=VARIABLE, advice="check the file and its owner"
        ) from error
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            key, equals, value = text.partition("=")
            if not equals:
                raise ConfigError("this is no key=value", path=name, line=number, key=VARIABLE)
            found[key.strip()] = value.strip()
    return found


def _kafka() -> Any:
    try:
        import confluent_kafka
    except ImportError as error:
        raise MissingExtraError("--log kafka://", extra="kafka") from error
    return confluent_kafka
