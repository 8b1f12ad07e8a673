"""Who is let in, and when: the limits of accounts, and the queue in which their calls wait for a thread.

A call enters with its headers (``enter``), where an account that holds too many calls or is over its quota is turned away before
anything of it is read. When its message is there it takes a place in the queue (``arrive``), where the bytes in hand are bounded
for each account and for all together. ``next`` gives a thread the next job by fair turns; ``overdue`` are those that waited too
long, to be turned away too. ``leave`` ends a call, whatever became of it.

Telemetry that is turned away is UNAVAILABLE with a delay of 1 to 3 s, because OTLP clients drop what they hold at anything else.
An account that asks more of the API than it may is told so with RESOURCE_EXHAUSTED. Exports last long, so that they have a limit
of their own (``export``). Of its other questions so many are answered at once, and the next wait for their turn: else one account
could have all the threads that answer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError, QuotaError
from greencloud.server.fair import FairQueue
from greencloud.server.quota import Bucket, Limits, Policy
from greencloud.server.roles import Side

__all__ = ["Account", "Gate", "Job"]

_REQUEST_COST: Final = 16 << 10
"""What a call costs beside its bytes, so that a million empty ones are not free."""

_UNSEEN_COST: Final = 32 << 20
"""What a call costs whose message never came, or was too large: gRPC has inflated up to the largest message for it by then."""

Job = Callable[[BusyError | None], None]
"""Does a call's work, or turns it away with the error."""


@dataclass(eq=False, slots=True)
class Account:
    """What one account (or the provider) has in hand."""

    key: str
    limits: Limits
    bucket: Bucket | None
    requests: Bucket | None = None
    calls: int = 0
    bytes: int = 0
    questions: int = 0
    exports: int = 0

    @property
    def spare(self) -> bool:
        """Whether nothing need be remembered of it."""
        return not (self.calls or self.questions or self.exports or self.bucket or self.requests)


class Gate:
    """Admission of calls to threads."""

    def __init__(self, policy: Policy, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._empty = threading.Condition(self._lock)
        self._accounts: dict[str, Account] = {}
        self._queue: FairQueue[Job] = FairQueue()
        self._handed: queue.SimpleQueue[tuple[Hashable, Job] | None] = queue.SimpleQueue()  # to threads that have nothing to do
        self._idle = 0  # of them, those that nothing was handed to; while there is one, nothing that may go waits
        self._draining = False
        self._exports = 0
        self.calls = 0
        self.bytes = 0

    def __len__(self) -> int:
        """Calls that wait for a thread."""
        return len(self._queue)

    def enter(self, principal: Principal, *, metered: bool) -> Account:
        """Let a call in of which the headers are there; ``metered`` when it is telemetry, whose bytes count against the quota.

        Raises:
            BusyError: the server drains, or the account holds too much telemetry or has sent too much.
            QuotaError: the account asks too much of the API.
        """
        with self._lock:
            if self._draining:
                raise BusyError("the server is going down; another takes its place", retry_after_s=1.0, cause="draining")
            account = self._account(principal.account, principal.side)
            if metered:
                self._let_send(account)
            else:
                self._let_ask(account)
            self.calls += 1
            return account

    def _let_send(self, account: Account) -> None:
        if account.calls >= account.limits.calls:
            raise BusyError("too many calls of one account are under way", retry_after_s=2.0, cause="calls")
        if account.bucket:
            delay = account.bucket.refusal(self._clock())
            if delay:
                rate = account.limits.rate / 1e6
                raise BusyError(f"the account sends more than {rate:g} MB/s", retry_after_s=delay, cause="quota")
        account.calls += 1

    def _let_ask(self, account: Account) -> None:
        limits = account.limits
        if account.questions >= min(limits.questions, limits.calls):
            most = min(limits.questions, limits.calls)
            raise QuotaError(account.key, f"{most} questions at once", retry_after_s=2.0, cause="questions of one")
        if account.requests:
            now = self._clock()
            delay = account.requests.refusal(now)
            if delay:
                raise QuotaError(account.key, f"{limits.requests:g} requests/s", retry_after_s=delay)
            account.requests.take(1, now)
        account.questions += 1

    @contextmanager
    def export(self, account: str) -> Iterator[None]:
        """While this is open an export of the account ("" for the provider) is under way.

        Raises:
            QuotaError: the account has as many under way as it may.
            BusyError: all accounts together have.
        """
        with self._lock:
            held = self._account(account, "tenant" if account else "provider")
            if held.exports >= held.limits.exports:
                raise QuotaError(account, f"{held.limits.exports} exports at once", retry_after_s=5.0, cause="exports")
            if self._exports >= self._policy.exports:
                raise BusyError("as many exports are under way as the server makes", retry_after_s=5.0, cause="exports")
            held.exports += 1
            self._exports += 1
        try:
            yield
        finally:
            with self._lock:
                held.exports -= 1
                self._exports -= 1
                self._forget(held)

    def arrive(self, account: Account, size: int, job: Job, *, metered: bool, lasting: bool = False) -> None:
        """The message is there: queue the job that serves it. ``lasting``: it is an export, of which ``export`` has the limit.

        Raises:
            BusyError: too many bytes are in hand. The job is not queued.
        """
        limits = account.limits
        now = self._clock()
        with self._lock:
            if account.bytes and account.bytes + size > limits.bytes:
                raise BusyError("too many bytes of one account are under way", retry_after_s=1.0, cause="account bytes")
            if self.bytes and self.bytes + size > self._policy.bytes:
                raise BusyError("the server holds as much telemetry in flight as it can", retry_after_s=2.0, cause="bytes")
            account.bytes += size
            self.bytes += size
            if metered and account.bucket:
                account.bucket.take(size, now)
            flow = account.key if metered else ("exports" if lasting else "api", account.key)
            share = limits.running if metered else 1 << 30 if lasting else limits.answering
            self._queue_up(flow, size + _REQUEST_COST, job, now=now, share=share, weight=limits.weight)

    def line_up(self, flow: Hashable, job: Job) -> None:
        """Queue a job that belongs to no account's telemetry."""
        with self._lock:
            self._queue_up(flow, _REQUEST_COST, job, now=self._clock())

    def _queue_up(self, flow: Hashable, cost: int, job: Job, *, now: float, share: int = 1 << 30, weight: int = 1) -> None:
        if self._idle and self._queue.go(flow, cost, share=share, weight=weight):
            self._idle -= 1
            self._handed.put((flow, job))
            return
        self._queue.push(flow, cost, job, now=now, share=share, weight=weight)
        if self._idle and (found := self._queue.pop()):
            self._idle -= 1
            self._handed.put(found)

    def unseen(self, account: Account) -> None:
        """A call of telemetry ends of which no message was seen."""
        with self._lock:
            if account.bucket:
                account.bucket.take(_UNSEEN_COST, self._clock())

    def leave(self, account: Account, size: int, *, metered: bool = True) -> None:
        """A call that entered is over; ``size`` as it arrived, 0 if it did not."""
        with self._lock:
            if metered:
                account.calls -= 1
            else:
                account.questions -= 1
            account.bytes -= size
            self.calls -= 1
            self.bytes -= size
            self._forget(account)
            if self._draining and not self.calls:
                self._empty.notify_all()

    def next(self, done: Hashable = None) -> tuple[Hashable, Job] | None:
        """Wait for the next job, after that of the flow ``done``; None after ``close``. Gives the flow, too."""
        with self._lock:
            if done is not None:
                self._queue.done(done)
            found = self._queue.pop()
            if found:
                return found
            self._idle += 1
        return self._handed.get()

    def overdue(self) -> list[Job]:
        """Jobs that have waited for their turn for too long. They are out of the queue."""
        with self._lock:
            return self._queue.expire(self._clock() - self._policy.wait_s)

    def drain(self, grace: float) -> None:
        """Let nobody in any more, and wait until all that were in have left, or for so many seconds."""
        with self._empty:
            self._draining = True
            self._empty.wait_for(lambda: not self.calls, grace)

    def close(self, threads: int) -> None:
        """Send the threads home."""
        for _ in range(threads):
            self._handed.put(None)

    def _account(self, key: str, side: Side) -> Account:
        account = self._accounts.get(key)
        if account is None:
            limits = self._policy.provider if side == "provider" else self._policy.tenant
            account = self._accounts[key] = Account(
                key, limits, self._bucket(limits.rate, limits), self._bucket(limits.requests, limits)
            )
        return account

    def _bucket(self, rate: float, limits: Limits) -> Bucket | None:
        return Bucket(rate, rate * limits.burst_s, now=self._clock()) if rate else None

    def _forget(self, account: Account) -> None:
        if account.spare:
            self._accounts.pop(account.key, None)
