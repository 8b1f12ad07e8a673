"""The machinery of attacks on a server: a process that attacks until it is told to stop, and what it was answered.

An attack has a process of its own, so that it slows the one who measures by nothing but the server and the machine that both
share. What it costs to prepare (building payloads) is done before it has begun.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final

import grpc

from otlp import TRACES
from raw_http2 import Http2

__all__ = ["OPTIONS", "Attacker", "Attacking", "Outcome"]

OPTIONS: Final = (("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1))
_CODES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass
class Outcome:
    """Answers by status, with an example of each one's message; ``leaks``: answers in which a token was found."""

    answers: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    leaks: int = 0
    sent_bytes: int = 0


@dataclass
class Attacker:
    """What an attack needs. ``tokens`` are bad ones, by what is wrong with them; ``base_ns`` begins the hour that is reported."""

    target: str
    token: str
    tokens: dict[str, str]
    base_ns: int
    stopping: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome = field(default_factory=Outcome)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bearer(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)

    def note(self, code: str, message: str, told: bytes = b"", sent: int = 0) -> None:
        secrets = [self.token, *self.tokens.values()]
        with self.lock:
            self.outcome.answers[code] += 1
            self.outcome.messages.setdefault(code, message)
            self.outcome.sent_bytes += sent
            self.outcome.leaks += any(secret and (secret in message or secret.encode() in told) for secret in secrets)
        self.begun.set()

    def call(self, channel: grpc.Channel, payload: bytes, metadata: tuple[tuple[str, str], ...] | None = None) -> None:
        ask: Any = channel.unary_unary(TRACES)
        metadata = self.bearer if metadata is None else metadata
        call = ask.future(payload, metadata=metadata, timeout=60)
        error = call.exception()
        if error is None:
            self.note("OK", call.result().decode(errors="replace"), sent=len(payload))
        else:
            self.note(error.code().name, error.details() or "", repr(error.trailing_metadata()).encode(), len(payload))

    def raw(self, payload: bytes, *metadata: tuple[str, str]) -> None:
        """A gRPC frame as it is, on a connection of its own."""
        connection = None
        try:
            connection = Http2(self.target)
            stream = connection.open(TRACES, (*self.bearer, *metadata))
            connection.send(stream, payload)
            status, message, told = connection.answer()
            self.note(_CODES.get(status, "none"), message, told, len(payload))
        except OSError as error:
            self.note("closed", str(error), sent=len(payload))
        finally:
            if connection:
                connection.close()

    def on(self, threads: int, work: Callable[[], None], *, pause_s: float = 0.0) -> None:
        """Do the work again and again, several at once, until the end."""

        def again() -> None:
            while not self.stopping.wait(pause_s):
                work()

        _together([threading.Thread(target=again) for _ in range(threads)])

    def exports(self, threads: int, payload: bytes, *, pause_s: float = 0.0) -> None:
        channels = [grpc.insecure_channel(self.target, options=OPTIONS) for _ in range(threads)]
        turn = itertools.count()
        mine = threading.local()

        def work() -> None:
            if not hasattr(mine, "channel"):
                mine.channel = channels[next(turn)]
            self.call(mine.channel, payload)

        self.on(threads, work, pause_s=pause_s)


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _process(work: Callable[[Attacker], None], attacker_of: tuple[str, str, dict[str, str], int], pipe: Connection) -> None:
    attacker = Attacker(*attacker_of)
    attack = threading.Thread(target=work, args=(attacker,), daemon=True)
    attack.start()
    while not attacker.begun.wait(0.1):
        assert attack.is_alive(), "the attack failed"
    pipe.send("begun")
    pipe.recv()
    attacker.stopping.set()
    attack.join(timeout=90)
    with attacker.lock:
        pipe.send(attacker.outcome)
    os._exit(0)  # calls that hang are left to the server


class Attacking:
    """An attack that has begun when the block is entered, and has its ``outcome`` after it.

    Args:
        work: a function of a module, which the other process can find.
        attacker_of: the first four fields of ``Attacker``.
    """

    def __init__(self, work: Callable[[Attacker], None], *attacker_of: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_process, args=(work, attacker_of, theirs))
        self._process.start()
        theirs.close()
        self.outcome = Outcome()

    def __enter__(self) -> Attacking:
        assert self._pipe.poll(60), "the attack did not begin"
        assert self._pipe.recv() == "begun"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._pipe.send("stop")
                assert self._pipe.poll(120), "the attack did not end"
                self.outcome = self._pipe.recv()
        finally:
            self._process.kill()
            self._process.join(timeout=30)
