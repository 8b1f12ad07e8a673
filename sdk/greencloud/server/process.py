"""``greencloud serve`` as a function: open a data directory, serve it until the process is told to stop, and close it.

On SIGTERM or SIGINT the server drains: health says NOT_SERVING, new calls are told to come again, those under way get their time,
and the write-ahead log is closed after the last handler has ended, so that nothing is written after the end. A second signal
ends the process at once; what was acknowledged is durable by then.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greencloud.errors import MissingExtraError
from greencloud.results import RunSummary
from greencloud.server.app import LARGEST_MESSAGE, RunningServer, build_server
from greencloud.server.auth import Authenticator
from greencloud.server.credentials import KeyStore, Principal
from greencloud.server.errors import status_of
from greencloud.server.intake import Intake, Taken
from greencloud.server.logs import Logs, logs_of
from greencloud.server.quota import PROVIDER_RATE, TENANT_RATE
from greencloud.server.schedule import allocating_every
from greencloud.server.settings import Settings, now
from greencloud.server.wiring import services_of

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory
    from greencloud.server.metrics import Metrics
    from greencloud.serving import ServingCopy
    from greencloud.telemetry.shared_log import RecordLog

__all__ = ["GRACE_S", "Open", "on_signals", "prepare", "run", "serve"]

GRACE_S: Final = 20.0
_SUMMARY_S: Final = 60.0
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
    tls_client_ca: Path | None = None,
    auth: Path | None = None,
    insecure: bool = False,
    allocate_every: timedelta = timedelta(0),
    workers: int = 1,
    quota: int = TENANT_RATE,
    provider_quota: int = PROVIDER_RATE,
    largest_message: int = LARGEST_MESSAGE,
    metrics: str = "",
    account_metrics: str = "",
    http: str = "",
    page: str = "",
    serving_copy: str = "",
    log: str = "",
    log_from: int = -1,
    follow: bool = True,
    lease_term: timedelta = timedelta(minutes=2),
    ready: Callable[[str], None],
    clock: Callable[[], datetime] = now,
) -> None:
    """Serve a data directory; ``ready`` is told ``HOST:PORT`` once calls are taken. Returns after SIGTERM or SIGINT.

    With ``allocate_every`` above zero it runs the allocation at that interval. With several ``workers`` each is a process of its
    own on the same port. ``metrics`` is an address for a Prometheus page, ``account_metrics`` one for another with the figures of
    accounts, ``http`` one for product footprints as PACT has them, ``page`` one for the live page. ``auth`` is the auth file,
    ``serving_copy`` the connection string of a copy of the ledger in PostgreSQL. ``log``, ``log_from``, ``follow`` and
    ``lease_term`` are for several servers (``greencloud.server.settings``).

    Raises:
        ListenError: the address cannot be had, or would carry tokens in clear text over a network.
        AuthFileError: the auth file is wrong.
        StoreError, FacilityError: the data directory or the facility book cannot be used.
    """
    settings = Settings(
        data=data_directory,
        listen=listen,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        auth=auth,
        insecure=insecure,
        allocate_every_s=allocate_every.total_seconds(),
        quota=quota,
        provider_quota=provider_quota,
        largest_message=largest_message,
        metrics=metrics,
        account_metrics=account_metrics,
        http=http,
        page=page,
        serving_copy=serving_copy,
        log=log,
        log_from=log_from,
        follow=follow,
        lease_term_s=lease_term.total_seconds(),
        clock=clock,
    )
    settings.check()
    prepare(settings, facility)
    stopping = threading.Event()
    on_signals(stopping)
    from greencloud.server.live_page import live_page

    with _footprints(settings), _accounts(settings), live_page(settings, stopping) as served:
        if workers > 1:
            from greencloud.server.workers import supervise

            supervise(served, workers, ready=ready, stopping=stopping)
        else:
            with run(served) as server, _page(server, metrics):
                ready(server.target)
                stopping.wait()
    _LOG.info("stopped")


@dataclass(frozen=True, slots=True)
class Open:
    """A server that runs, and what its metrics are of."""

    server: RunningServer
    logs: Logs
    data: DataDirectory
    copy: ServingCopy | None = None

    @property
    def target(self) -> str:
        return self.server.target

    def metrics(self) -> Metrics:
        """Count from now on."""
        from greencloud.server.metrics import Metrics

        return Metrics(self.server, self.logs, self.data.path, self.data.leasing, self.copy.counts if self.copy else None)


def prepare(settings: Settings, facility: Path | None) -> None:
    """Open the data directory, put the facility book in force, and make the signing key if there is none."""
    from greencloud.engine import DataDirectory

    data = DataDirectory.open(settings.data, create=True)
    if facility:
        with data.audit.doing("facility apply", f"file={facility}", status_of=lambda error: status_of(error).name):
            book = data.apply_facility(facility, applied_by="greencloud serve", now=settings.clock())
    else:
        book = data.facility()
    KeyStore(data.keys_directory).page_key()
    _LOG.info("data directory %s, facility book %s with %d sites", data.path, book.revision[:12], len(book.sites))


@contextmanager
def run(settings: Settings) -> Iterator[Open]:
    """Serve while the block lasts, and drain at its end."""
    from greencloud.engine import DataDirectory
    from greencloud.ledger.database import limit
    from greencloud.ledger.lease import Leasing

    tls, auth = settings.check(), settings.auth_file()
    _pin_malloc()
    limit(memory=settings.query_memory or None, threads=settings.query_threads or None)
    opened = DataDirectory.open(settings.data, create=False)
    data = replace(opened, leasing=Leasing(timedelta(seconds=settings.lease_term_s)))
    clock = settings.clock
    with logs_of(settings, data) as logs, closing(auth.verifier(KeyStore(data.keys_directory))) as verifier:
        copy = _copy(settings)
        services = services_of(data, clock, logs.shared, copy=copy)
        server = build_server(
            services,
            _intake(logs.intake),
            verifier,
            listen=settings.listen,
            tls=tls,
            clock=clock,
            policy=auth.policy(settings.policy()),
            certificates=auth.certificates() if tls and tls.client_ca else None,
            largest_message=settings.largest_message,
            shared=settings.shared,
            local=settings.local,
        )
        every, rule = settings.allocate_every_s, "reserved_and_used"
        with _told(server), _followed(settings, data) as posted:

            def allocate() -> RunSummary:
                try:
                    return services.run_allocation(rule, None, None, "schedule")
                finally:
                    posted()

            with allocating_every(every, allocate):
                yield Open(server, logs, data, copy)
        _LOG.info("stopping: calls under way have %.0f s", GRACE_S)
        server.stop(GRACE_S)
        if copy:
            copy.close()


def _copy(settings: Settings) -> ServingCopy | None:
    if not settings.serving_copy:
        return None
    from greencloud.serving import ServingCopy

    return ServingCopy(settings.serving_copy)


@contextmanager
def _followed(settings: Settings, data: DataDirectory) -> Iterator[Callable[[], None]]:
    """Keep the serving copy up to date, if there is one; gives what to call when something was posted."""
    if not (settings.serving_copy and settings.refresh_copy):
        yield lambda: None
        return
    from greencloud.serving.follow import following

    with following(settings.serving_copy, data.ledger) as posted:
        yield posted


def on_signals(stopping: threading.Event) -> None:
    """Set the event at the first SIGTERM or SIGINT; the second ends the process."""

    def stop(_number: int, _frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        stopping.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


@contextmanager
def _page(running: Open, listen: str) -> Iterator[None]:
    if not listen:
        yield
        return
    from greencloud.server.metrics import Page

    metrics = running.metrics()
    page = Page(listen, metrics.registry)
    _LOG.info("metrics on %s", page.url)
    try:
        yield
    finally:
        page.close()
        metrics.close()


@contextmanager
def _accounts(settings: Settings) -> Iterator[None]:
    """Metrics of accounts, from this process however many serve gRPC: they are the same whoever reads the ledger."""
    if not settings.account_metrics:
        yield
        return
    from greencloud.engine import DataDirectory
    from greencloud.server.account_metrics import AccountMetrics
    from greencloud.server.metrics import Page

    data = DataDirectory.open(settings.data, create=False)
    metrics = AccountMetrics(data.ledger.snapshot, settings.clock)
    with closing(Page(settings.account_metrics, metrics.registry, "--account-metrics")) as page:
        _LOG.info("account metrics on %s", page.url)
        yield


@contextmanager
def _footprints(settings: Settings) -> Iterator[None]:
    """Product footprints over HTTP, from this process however many serve gRPC: few ask for them, and they only read."""
    if not settings.http:
        yield
        return
    try:
        from greencloud.server.pact import PactApp
        from greencloud.server.web import WebServer
    except ImportError as error:
        raise MissingExtraError("--http", extra="goal") from error
    from greencloud.engine import DataDirectory

    data, auth = DataDirectory.open(settings.data, create=False), settings.auth_file()
    verifier = auth.verifier(KeyStore(data.keys_directory))
    authenticator = Authenticator(
        verifier, clock=settings.clock, certificates=auth.certificates() if settings.tls_client_ca else None
    )
    try:
        app = PactApp(services_of(data, settings.clock), authenticator, clock=settings.clock)
        web = WebServer(settings.http, app, certificate=settings.tls_cert, key=settings.tls_key)
        _LOG.info("product footprints on %s/3/footprints", web.url)
        try:
            yield
        finally:
            web.close()
    finally:
        verifier.close()


@contextmanager
def _told(server: RunningServer) -> Iterator[None]:
    """One line a minute of what was taken, where anything was."""
    ended = threading.Event()

    def go_round() -> None:
        before = server.counts.summary()
        while not ended.wait(_SUMMARY_S):
            after = server.counts.summary()
            requests, items, size, refused = (new - old for new, old in zip(after, before, strict=True))
            if requests:
                _LOG.info("intake: %d requests, %d items, %.1f MB, %d refused", requests, items, size / 1e6, refused)
            before = after

    thread = threading.Thread(target=go_round, name="greencloud-summary")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _intake(log: RecordLog) -> Intake:
    from greencloud.telemetry import take

    def take_live(signal: str, payload: bytes, principal: Principal, received_ns: int) -> Taken:
        taken = take(log, signal, payload, role=principal.side, account=principal.account, received_ns=received_ns, live=True)
        return Taken(taken.rejected, taken.message, taken.count - taken.rejected, taken.last_ns)

    return Intake(take_live)


def _pin_malloc() -> None:
    """Keep glibc from giving each request's memory back to the kernel: it costs dozens of page faults a request."""
    with suppress(OSError, AttributeError):  # another C library, which has no such thresholds
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
