"""A real server in this process, on a free port, over small stores that work: rows in a list, telemetry in a file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from greencloud.client import Client
from greencloud.engine.audit import AuditTrail
from greencloud.errors import DecodeError, NotFoundError
from greencloud.goal import ProviderBooks
from greencloud.inventory import Journal
from greencloud.ledger.availability import FilledWindow
from greencloud.ledger.parts import Part, Place
from greencloud.ledger.stop import Stop
from greencloud.results import (
    BatchSummary,
    FootprintQuery,
    FootprintRow,
    GoalProgress,
    GoalStatus,
    GoalYear,
    Restatement,
    RootLogEntry,
    RunSummary,
    Statement,
)
from greencloud.server import Intake, KeyStore, Principal, Services, Taken, build_server
from greencloud.server.app import Keys, RunningServer, Tls
from greencloud.server.auth import PeerVerifier
from greencloud.server.quota import Policy
from greencloud.server.services import ExplainOrder, RestateOrder
from greencloud.units import Emissions, Energy, Window

__all__ = ["NOW", "SERVICES", "START", "DiskIntake", "Facts", "World", "batch", "goal", "one_for_all", "row", "serving"]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = datetime(2026, 11, 23, tzinfo=UTC)
SERVICES = (
    "greencloud.v1.FootprintService",
    "greencloud.v1.AllocationService",
    "greencloud.v1.GoalService",
    "greencloud.v1.FacilityService",
    "greencloud.v1.IdentityService",
)


def row(account: str, hour: int = 0, *, service: str = "web", energy: int = 1_000) -> FootprintRow:
    start = START + timedelta(hours=hour)
    dimensions = {"account": account, "service": service}
    return FootprintRow(
        start,
        start + timedelta(hours=1),
        dimensions,
        Energy(energy),
        scope1=Emissions(energy // 3),
        operation_count=1,
        measured_energy=Energy(energy - energy // 4),
        modelled_energy=Energy(energy // 4),
        energy_half_width=Energy(energy // 50),
        location_half_width=Emissions(energy // 30),
        market_half_width=None,
        updated=NOW,
    )


def batch(hour: int, site: str = "hall-a") -> BatchSummary:
    start = START + timedelta(hours=hour)
    return BatchSummary(
        id=f"{site}-{hour}",
        site=site,
        start=start,
        end=start + timedelta(hours=1),
        rule="reserved_and_used",
        methodology_version="1",
        facility_revision="f",
        usage_revision="u",
        supersedes="",
        provisional=False,
        metered_energy=Energy(10),
        account_energy=Energy(7),
        pool_energy={"(unsold)": Energy(3)},
        created=NOW,
    )


def goal() -> GoalProgress:
    return GoalProgress(
        name="goals/cloud-2030",
        display_name="Cloud, Scope 3",
        kind="neutrality",
        scopes=("scope3",),
        base_year=2020,
        base_emissions=Emissions(5_294_000_000_000_000_000_000),
        target_year=2030,
        target_emissions=Emissions(),
        years=(GoalYear(2020, Emissions(9), Emissions(8)), GoalYear(2021, Emissions(7))),
        ledger_year=2026,
        ledger_covered_seconds=3600,
        ledger_emissions=Emissions(3),
        path_emissions=Emissions(4),
        status=GoalStatus.ON_TRACK,
        as_of=NOW,
        notes=("one hour is covered",),
    )


@dataclass(frozen=True)
class Kept:
    """The record of a restatement, as a value."""

    whole: Restatement

    def read(self, accounts: Collection[str] | None = None) -> Restatement:
        own = (line for line in self.whole.lines if accounts is None or line.account in accounts)
        return replace(self.whole, lines=tuple(own))


@dataclass(frozen=True)
class Facts:
    """One version of a ledger, as plain lists."""

    version: int
    rows: tuple[FootprintRow, ...] = ()
    listed: tuple[BatchSummary, ...] = ()
    restated: tuple[Restatement, ...] = ()

    def footprint(self, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None) -> list[FootprintRow]:
        return [
            replace(fact, dimensions={name: fact.dimensions.get(name, "") for name in query.group_by})
            for fact in sorted(self.rows, key=lambda fact: (fact.start, fact.dimensions["account"], fact.dimensions["service"]))
            if query.start <= fact.start < query.end
            and (query.accounts is None or fact.dimensions["account"] in query.accounts)
            and (not query.services or fact.dimensions["service"] in query.services)
        ]

    def stream_rows(self, query: FootprintQuery, place: Place, stop: Stop) -> Iterator[Part]:
        raise NotImplementedError

    stream_postings = stream_rows

    def windows(self, query: FootprintQuery) -> list[FilledWindow]:
        rows = self.footprint(replace(query, group_by=("account", "site", "region")))
        return [FilledWindow(row.dimensions["site"], row.dimensions["region"], _window(row), row.provisional) for row in rows]

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]:
        return [b for b in self.listed if (start is None or b.start >= start) and (end is None or b.start < end)]

    def restatement_records(self, start: datetime | None = None, end: datetime | None = None) -> list[Kept]:
        return [
            Kept(each) for each in self.restated if (start is None or each.start >= start) and (end is None or each.start < end)
        ]


def _window(row: FootprintRow) -> Window:
    return Window(row.start, int((row.end - row.start).total_seconds()))


@dataclass(frozen=True)
class Admitted:
    payload: bytes
    rejected: int = 0
    message: str = ""


class DiskIntake:
    """Takes spans with ids of the right length and all metrics, and keeps each request as a line of a file, durably."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def admit(self, signal: str, payload: bytes, *, role: str, account: str) -> Admitted:
        try:
            if signal == "metrics":
                return Admitted(ExportMetricsServiceRequest.FromString(payload).SerializeToString())
            request = ExportTraceServiceRequest.FromString(payload)
        except Exception as error:
            raise DecodeError("not an OTLP request", advice="send protobuf") from error
        rejected = 0
        for scope in (scope for resource in request.resource_spans for scope in resource.scope_spans):
            good = [span for span in scope.spans if len(span.trace_id) == 16]
            rejected += len(scope.spans) - len(good)
            del scope.spans[:]
            scope.spans.extend(good)
        return Admitted(request.SerializeToString(), rejected, "trace_id is not 16 bytes" if rejected else "")

    def append(self, *, signal: str, role: str, account: str, received_ns: int, payload: bytes) -> None:
        line = json.dumps([signal, role, account, received_ns, payload.hex()])
        with self.path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def kept(self) -> list[tuple[str, str, str, int, bytes]]:
        if not self.path.exists():
            return []
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [(signal, role, account, received, bytes.fromhex(payload)) for signal, role, account, received, payload in lines]

    def spans(self) -> list[tuple[str, str]]:
        """(account, span name) of every span that was kept."""
        return [
            (account, span.name)
            for signal, _, account, _, payload in self.kept()
            if signal == "traces"
            for resource in ExportTraceServiceRequest.FromString(payload).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@dataclass
class World:
    """What a test changes and looks at. ``versions`` is the ledger's history; ``failure`` is raised by every store,
    ``failures`` once each; while ``held`` is set, questions and runs wait for it.
    """

    folder: Path
    keys: KeyStore
    intake: DiskIntake
    versions: list[Facts] = field(default_factory=lambda: [Facts(0)])
    orders: list[RestateOrder] = field(default_factory=list)
    runs: list[tuple[str, datetime | None, datetime | None]] = field(default_factory=list)
    root_log: list[RootLogEntry] = field(default_factory=list)
    now: datetime = NOW
    failure: Exception | None = None
    failures: list[Exception] = field(default_factory=list)
    members: dict[str, frozenset[str]] = field(default_factory=dict)
    held: threading.Event | None = None
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    audit: AuditTrail | None = None
    books: ProviderBooks = field(init=False)
    target: str = ""
    server: RunningServer | None = None

    def snapshot(self, version: int | None) -> Facts:
        self._wait()
        self._fail()
        return self.versions[-1] if version is None else self.versions[version]

    def restate(self, order: RestateOrder) -> RunSummary:
        self._wait()
        self._fail()
        self.orders.append(order)
        return RunSummary(unchanged_count=1, restatements=self.versions[-1].restated)

    def run_allocation(self, rule: str, start: datetime | None, end: datetime | None, requested_by: str = "") -> RunSummary:
        self._wait()
        self._fail()
        self.runs.append((rule, start, end))
        return RunSummary(posted=(batch(0),), unchanged_count=2)

    def explain(self, order: ExplainOrder, version: int | None, skip: int, stop: Stop) -> Mapping[str, Any]:
        self._wait()
        raise NotFoundError("nothing is posted")

    def statement(self, account: str, period: str) -> Statement:
        raise NotFoundError(f"the period {period!r} is not closed")

    def take(self, signal: str, payload: bytes, principal: Principal, received_ns: int) -> Taken:
        admitted = self.intake.admit(signal, payload, role=principal.side, account=principal.account)
        if admitted.payload:
            self._fail()
            self.intake.append(
                signal=signal,
                role=principal.side,
                account=principal.account,
                received_ns=received_ns,
                payload=admitted.payload,
            )
        return Taken(admitted.rejected, admitted.message)

    def _wait(self) -> None:
        if self.held:
            self.arrived.release()
            self.held.wait(10)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if self.failure:
            raise self.failure

    def post(
        self,
        rows: Sequence[FootprintRow] = (),
        batches: Sequence[BatchSummary] = (),
        restated: Sequence[Restatement] = (),
    ) -> None:
        """A new version of the ledger."""
        self.versions.append(Facts(len(self.versions), tuple(rows), tuple(batches), tuple(restated)))

    def token(self, account: str = "", *, ttl: timedelta = timedelta(hours=1)) -> str:
        return self.keys.issue("tenant" if account else "provider", account, ttl=ttl, now=self.now)

    def client(self, account: str = "", *, timeout: float = 10.0) -> Client:
        return Client(self.target, token=self.token(account), timeout=timeout)

    def bearer(self, account: str = "") -> tuple[tuple[str, str], ...]:
        """Metadata of a call by the account, or by the provider."""
        return (("authorization", f"Bearer {self.token(account)}"),)

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.target)


def one_for_all(threads: int) -> Policy:
    """The policy of so many threads, of which one caller's questions may take all that there are for questions."""
    policy = Policy.of(threads)
    return replace(policy, provider=replace(policy.provider, answering=threads))


class ToldBooks(ProviderBooks):
    """The provider's books, with the progress of the goal written down."""

    def get_goal_progress(self, name: str = "goals/-", *, ledger_year: int | None = None) -> GoalProgress:
        if name not in ("goals/-", goal().name):
            raise NotFoundError(f"there is no goal {name!r}", advice="goals/- means the only one")
        return goal()


@contextmanager
def serving(
    folder: Path,
    *,
    tls: Tls | None = None,
    listen: str = "127.0.0.1:0",
    threads: int = 8,
    policy: Policy | None = None,
    certificates: PeerVerifier | None = None,
    verifier: Callable[[KeyStore], Keys] = lambda keys: keys,
) -> Iterator[World]:
    world = World(folder, KeyStore(folder / "keys"), DiskIntake(folder / "telemetry.jsonl"))
    world.books = ToldBooks(Journal(folder / "books"), actor="", clock=lambda: world.now)
    world.audit = AuditTrail(folder / "audit.jsonl", clock=lambda: world.now)
    server = build_server(
        Services(
            snapshot=lambda version: world.snapshot(version),  # noqa: PLW0108  tests put others in place
            run_allocation=lambda *order: world.run_allocation(*order),  # noqa: PLW0108
            restate=world.restate,
            explain=lambda *order: world.explain(*order),  # noqa: PLW0108
            statement=lambda *whose: world.statement(*whose),  # noqa: PLW0108
            root_log=lambda: world.root_log,
            rules=("reserved_and_used", "used"),
            members=lambda account: world.members.get(account, frozenset()),
            audit=world.audit,
            books=world.books.by,
        ),
        Intake(lambda *request: world.take(*request)),  # noqa: PLW0108  tests put another take in place
        verifier(world.keys),
        certificates=certificates,
        listen=listen,
        tls=tls,
        clock=lambda: world.now,
        threads=threads,
        policy=policy,
    )
    world.target, world.server = server.target, server
    try:
        yield world
    finally:
        server.stop(0)
