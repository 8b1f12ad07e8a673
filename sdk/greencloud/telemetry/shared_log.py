"""A shared log: where several intake servers keep what they took, before they acknowledge it, and from where every server that
allocates follows it into its own write-ahead log.

**What is kept** is what the write-ahead log would have kept: a record as ``record.pack`` lays it out, judged at intake. A broker
(NATS JetStream, Kafka) keeps messages in one order, each at a position, 1 and up, and has a message durably when ``put`` returns.

**Large records.** A broker's messages are small (1 MiB by default), an OTLP request may be 64 MiB. What does not fit goes in parts,
and then an index message with the positions of the parts, which brokers tell when they acknowledge them. The record is where its
index is. Parts without one were never acknowledged, and mean nothing; so a follower needs no state but a position.

**Nothing is passed over in silence.** Positions follow each other. One that is missing (retention has passed it, somebody removed
it, another log has the name) is ``LogLostError`` with the positions. A message that is not ours (it lacks the magic word) was
acknowledged by none of us, and is counted and left out.

A message: magic word, kind (u8), format of the record in it (u8), CRC-32 of what follows (u32); little-endian. Of an index what
follows is: length and CRC-32 of the record (u64, u32), then the positions of its parts (u64 each).
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from uuid import uuid4

from isal import isal_zlib

from greencloud.errors import DecodeError, LogLostError, StoreError
from greencloud.telemetry.record import FORMAT, Record, heads, pack

__all__ = ["Bounds", "Broker", "Passage", "RecordLog", "SharedLog", "seal_of"]

_MAGIC: Final = b"GCSL"
_HEAD: Final = struct.Struct("<4sBBI")
_INDEX: Final = struct.Struct("<QI")
_WHOLE, _PART, _PARTS = 0, 1, 2
_PASSAGE_BYTES: Final = 16 << 20


class RecordLog(Protocol):
    """What a server keeps records in: its write-ahead log, or a shared log."""

    def append(self, record: Record) -> None:
        """Keep a record; returns when it is durable."""
        ...


class Bounds(NamedTuple):
    """The first position that is still there, and the last that there ever was; ``first`` is after ``last`` where none is."""

    first: int
    last: int


class Broker(Protocol):
    """One order of messages. Everything raises ``LogUnavailableError`` where the broker does not answer."""

    @property
    def part_bytes(self) -> int:
        """What a message may hold."""
        ...

    @property
    def name(self) -> str:
        """Which log it is: the same for as long as positions mean the same messages, and for no other one."""
        ...

    def put(self, message: bytes, number: str) -> int:
        """Keep a message, once however often it is sent with that ``number``; gives its position when it is durable.

        Raises:
            StorageFullError: the broker has no room for it.
        """
        ...

    def get(self, position: int) -> bytes | None:
        """The message there; None where there is none any more."""
        ...

    def bounds(self) -> Bounds: ...

    def read(self, after: int) -> Iterator[list[tuple[int, bytes]]]:
        """The messages after a position, in order, for ever; an empty list where none has come for a moment."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """What was read up to ``position``: packed records with their positions, and a seal of the last message (``seal_of``; 0 where
    no message was read)."""

    position: int
    seal: int
    records: list[tuple[int, bytes]]


def seal_of(message: bytes) -> int:
    """What tells a message from another one that may come to be at its position."""
    return int(isal_zlib.crc32(message))


class SharedLog:
    """The shared log behind a broker, from any number of threads.

    ``syncs``, ``sync_ns`` and ``synced_bytes`` say how many records were kept, in what time, and how large they were; ``strangers``
    how many messages were left out that are none of ours.
    """

    def __init__(self, broker: Broker, *, new_number: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._broker = broker
        self._new_number = new_number
        self._counting = threading.Lock()
        self.syncs = 0
        self.sync_ns = 0
        self.synced_bytes = 0
        self.strangers = 0

    @property
    def name(self) -> str:
        return self._broker.name

    def bounds(self) -> Bounds:
        return self._broker.bounds()

    def close(self) -> None:
        self._broker.close()

    def append(self, record: Record) -> None:
        """Keep a record; returns when the broker has it durably.

        Raises:
            LogUnavailableError: the broker does not answer; whether it has the record is not known. To send it again is right.
            StorageFullError: the broker has no room.
        """
        self.publish(b"".join(pack(record)))

    def publish(self, packed: bytes, number: str = "") -> int:
        """Keep a packed record, and give its position. Sent again under its ``number`` it is kept once. Raises as ``append``."""
        began = time.monotonic_ns()
        number = number or self._new_number()
        room = self._broker.part_bytes - _HEAD.size
        if len(packed) <= room:
            position = self._broker.put(_message(_WHOLE, packed), number)
        else:
            parts = [packed[at : at + room] for at in range(0, len(packed), room)]
            places = [self._broker.put(_message(_PART, part), f"{number}/{at}") for at, part in enumerate(parts)]
            index = _INDEX.pack(len(packed), isal_zlib.crc32(packed)) + struct.pack(f"<{len(places)}Q", *places)
            position = self._broker.put(_message(_PARTS, index), number)
        with self._counting:
            self.syncs += 1
            self.sync_ns += time.monotonic_ns() - began
            self.synced_bytes += len(packed)
        return position

    def follow(self, after: int, seal: int | None = None) -> Iterator[Passage]:
        """What comes after a position, for ever; a passage without records where nothing has come for a moment.

        ``seal``: of the message at that position, where it is known.

        Raises:
            LogLostError: messages after the position are gone, or the log was set back to before it.
            StoreError: a message of ours is damaged, or of a newer format.
        """
        self._check(after, seal)
        while True:
            for messages in self._broker.read(after):
                for passage in self._passages(after, messages):
                    yield passage
                    after = passage.position
                if messages and after < messages[-1][0]:
                    break  # one was left out that is there: read anew from it

    def _passages(self, after: int, messages: list[tuple[int, bytes]]) -> Iterator[Passage]:
        """The next messages, as many at a time as are well held; they end before one that is left out and there."""
        seal = size = 0
        found: list[tuple[int, bytes]] = []
        for position, message in messages:
            if position <= after:
                continue
            if position > after + 1:
                if self._broker.get(after + 1) is None:
                    raise self._lost(after + 1, position - 1)
                break
            record = self._record(position, message)
            if record is not None:
                found.append((position, record))
                size += len(record)
            after, seal = position, seal_of(message)
            if size >= _PASSAGE_BYTES:
                yield Passage(after, seal, found)
                size, found = 0, []
        yield Passage(after, seal, found)

    def _record(self, position: int, message: bytes) -> bytes | None:
        """The record at a position; None where there is a part, or a stranger's message."""
        if len(message) < _HEAD.size or message[: len(_MAGIC)] != _MAGIC:
            with self._counting:
                self.strangers += 1
            return None
        _, kind, version, checksum = _HEAD.unpack_from(message)
        if kind > _PARTS or version > FORMAT:
            raise StoreError(
                f"{self.name}: the message at {position} is of a newer greencloud",
                path=self.name,
                advice="upgrade this server: those that follow go first, then those that take telemetry",
            )
        body = message[_HEAD.size :]
        if isal_zlib.crc32(body) != checksum:
            raise self._damaged(position)
        if kind == _PART:
            return None
        packed = body if kind == _WHOLE else self._whole(position, body)
        try:
            if len(list(heads(memoryview(packed)))) == 1:
                return packed
        except DecodeError:
            pass
        raise self._damaged(position)

    def _whole(self, position: int, index: bytes) -> bytes:
        length, checksum = _INDEX.unpack_from(index)
        parts = []
        for (place,) in struct.iter_unpack("<Q", index[_INDEX.size :]):
            part = self._broker.get(place)
            if part is None:
                raise self._lost(place, place)
            parts.append(part[_HEAD.size :])
        packed = b"".join(parts)
        if len(packed) != length or isal_zlib.crc32(packed) != checksum:
            raise self._damaged(position)
        return packed

    def _check(self, after: int, seal: int | None) -> None:
        """Raises LogLostError where the log does not go on at that position."""
        first, last = self.bounds()
        if last < after:
            raise LogLostError(
                f"{self.name} ends at {last}, and was followed up to {after}: it was set back, as from an older backup",
                path=self.name,
                advice=_ANEW,
            )
        if first > after + 1:
            raise self._lost(after + 1, first - 1)
        message = self._broker.get(after) if after and seal is not None else None
        if message is not None and seal_of(message) != seal:
            raise LogLostError(
                f"{self.name}: another message is at {after} than was followed: it was set back, and written anew",
                path=self.name,
                advice=_ANEW,
            )

    def _lost(self, first: int, last: int) -> LogLostError:
        return LogLostError(
            f"{self.name}: the messages at {first} to {last} are gone before this server followed them ({last - first + 1:,})",
            path=self.name,
            advice="copy wal/ and telemetry/ from a server that has followed them; or " + _GO_ON.format(last),
        )

    def _damaged(self, position: int) -> StoreError:
        return StoreError(
            f"{self.name}: the message at {position} is damaged",
            path=self.name,
            advice="copy wal/ and telemetry/ from a server that has followed it; or " + _GO_ON.format(position),
        )


_ANEW: Final = "make a new stream or topic, name that one to all servers, and start each once with --log-from 0"
_GO_ON: Final = "start once with --log-from {0}, which leaves out what is missing: figures of its hours are then too low"


def _message(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(_MAGIC, kind, FORMAT, isal_zlib.crc32(body)) + body
