"""``greencloud serve`` as a function: open a data directory, serve it until the process is told to stop, and close it.

On SIGTERM or SIGINT the server drains: health says NOT_SERVING, calls under way get their time, and the write-ahead log is
closed after the last handler has ended, so that nothing is written after the end. A second signal ends the process at once;
what was acknowledged is durable by then.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import NotFoundError
from greencloud.results import GoalProgress, RunSummary
from greencloud.server.app import Tls, build_server, is_loopback, split_listen
from greencloud.server.credentials import KeyStore
from greencloud.server.errors import ListenError
from greencloud.server.intake import Intake
from greencloud.server.schedule import allocating_every
from greencloud.server.services import Services

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory
    from greencloud.telemetry import WriteAheadLog

__all__ = ["GRACE_S", "serve"]

GRACE_S: Final = 20.0
_LOG: Final = logging.getLogger("greencloud.server")
_M_TRIM_THRESHOLD: Final = -1  # malloc.h
_M_MMAP_THRESHOLD: Final = -3


def serve(
    data_directory: Path,
    *,
    facility: Path | None = None,
    listen: str = "127.0.0.1:4317",
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    insecure: bool = False,
    allocate_every: timedelta = timedelta(0),
    ready: Callable[[str], None],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Serve a data directory; ``ready`` is told ``HOST:PORT`` once calls are taken. Returns after SIGTERM or SIGINT.

    With ``allocate_every`` above zero it runs the allocation at that interval.

    Raises:
        ListenError: the address cannot be had, or would carry tokens in clear text over a network.
        StoreError, FacilityError: the data directory or the facility book cannot be used.
    """
    from greencloud.engine import DataDirectory
    from greencloud.telemetry import WriteAheadLog

    tls = _tls(listen, tls_cert, tls_key, insecure=insecure)
    _pin_malloc()
    data = DataDirectory.open(data_directory, create=True)
    book = data.apply_facility(facility) if facility else data.facility()
    _LOG.info("data directory %s, facility book %s with %d sites", data.path, book.revision[:12], len(book.sites))
    stopping = threading.Event()
    log = WriteAheadLog(data.wal_directory)
    try:
        services = _services(data, clock)
        server = build_server(services, _intake(log, clock), KeyStore(data.keys_directory), listen=listen, tls=tls, clock=clock)
        _on_signals(stopping)
        with allocating_every(allocate_every.total_seconds(), lambda: services.run_allocation("reserved_and_used", None, None)):
            ready(server.target)
            stopping.wait()
        _LOG.info("stopping: calls under way have %.0f s", GRACE_S)
        server.stop(GRACE_S)
    finally:
        log.close()
    _LOG.info("stopped")


def _services(data: DataDirectory, clock: Callable[[], datetime]) -> Services:
    from greencloud.allocation import RULES
    from greencloud.engine import run_allocation
    from greencloud.goal import goal_progress

    def run(rule: str, start: datetime | None, end: datetime | None) -> RunSummary:
        return run_allocation(data, rule=rule, start=start, end=end, now=clock())

    def progress(name: str) -> GoalProgress:
        found = goal_progress(data.goal_directory, data.ledger.snapshot(), clock())
        if name not in (found.name, "goals/-"):
            raise NotFoundError(f"there is no goal {name!r}", advice="goals/- means the only one")
        return found

    return Services(snapshot=data.ledger.snapshot, run_allocation=run, goal_progress=progress, rules=RULES)


def _intake(log: WriteAheadLog, clock: Callable[[], datetime]) -> Intake:
    from greencloud.telemetry import Admission, Record, admit

    def admit_live(signal: str, payload: bytes, *, role: str, account: str) -> Admission:
        return admit(signal, payload, role=role, account=account, now_ns=int(clock().timestamp()) * 1_000_000_000)

    def append(*, signal: str, role: str, account: str, received_ns: int, payload: bytes) -> None:
        log.append(Record(signal, role, account, received_ns, payload))

    return Intake(admit=admit_live, append=append)


def _tls(listen: str, certificate: Path | None, key: Path | None, *, insecure: bool) -> Tls | None:
    host, _ = split_listen(listen)
    if certificate and key:
        try:
            return Tls(certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise ListenError(f"{error.filename}: {error.strerror}", advice="check --tls-cert and --tls-key") from error
    if certificate or key:
        raise ListenError("TLS needs a certificate and its key", advice="give both --tls-cert and --tls-key")
    if not is_loopback(host) and not insecure:
        raise ListenError(
            f"{host} can be reached from other machines, and without TLS tokens would travel in clear text",
            advice="give --tls-cert and --tls-key; or --insecure if something in front of the server speaks TLS",
        )
    return None


def _on_signals(stopping: threading.Event) -> None:
    def stop(_number: int, _frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        stopping.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def _pin_malloc() -> None:
    """Keep glibc from giving each request's memory back to the kernel: it costs dozens of page faults a request."""
    with suppress(OSError, AttributeError):  # another C library, which has no such thresholds
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
