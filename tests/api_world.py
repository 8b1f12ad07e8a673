"""A real server in this process over a real data directory with several tenants, each with texts of its own in everything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from api_messages import path_of
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.closes import period_named
from greencloud.server import Intake, KeyStore, Taken, build_server
from greencloud.server.wiring import services_of
from greencloud.serving import ServingCopy
from strategies import START, provider, row, usage
from templates import made_once

NOW = datetime(2026, 12, 20, tzinfo=UTC)
PERIOD = "2026-11"
HOUR_NS = 3_600_000_000_000
REQUEST_ID = "one-id-for-all"


@dataclass(frozen=True)
class Tenant:
    """``word`` is in every text of this tenant and in nobody else's."""

    word: str

    @property
    def account(self) -> str:
        return f"acct-{self.word}"

    @property
    def texts(self) -> dict[str, str]:
        kinds = ("account", "service", "sku", "operation", "key", "value", "host", "site", "region")
        return {kind: f"{'acct' if kind == 'account' else kind}-{self.word}" for kind in kinds}


TENANTS = (Tenant("qzxvkkwj7"), Tenant("Wjyqx4vvk"), Tenant("bhgpz9zzq"))

_FACTORS = "".join(
    f'[[factors]]\nzone = "DE"\nkind = "{kind}"\nstart = 2020-01-01\ng_per_kwh = {{grams}}\nsource = "made up"\n'
    for kind in ("location", "residual", "upstream")
)


def book_of(tenants: Sequence[Tenant], *, grams: int = 400) -> str:
    """A hall that all share, and a site with a host of its own for each."""
    parts = [
        '[facility]\nname = "halls"\ndefault_site = "hall"\n',
        '[[curves]]\nname = "server"\npoints = [[0, 100], [1, 200]]\nsource = "t"\n',
        '[[sites]]\nid = "hall"\nregion = "eu"\ngrid_zone = "DE"\npue = 1.5\nscope1 = "none"\n',
        '[[hosts]]\nid = "h1"\nsite = "hall"\nvcpu = 8\nmemory = "0 GiB"\ncurve = "server"\n',
        _FACTORS.format(grams=grams),
    ]
    for tenant in tenants:
        texts = tenant.texts
        parts.append(
            f'[[accounts]]\nid = "{tenant.account}"\nname = "Name {tenant.word}"\n'
            f'[[sites]]\nid = "{texts["site"]}"\nregion = "{texts["region"]}"\ngrid_zone = "DE"\npue = 1.5\nscope1 = "none"\n'
            f'[[hosts]]\nid = "{texts["host"]}"\nsite = "{texts["site"]}"\nvcpu = 8\nmemory = "0 GiB"\ncurve = "server"\n'
            f'dedicated_to = "{tenant.account}"\n'
            f'[[reservations]]\naccount = "{tenant.account}"\nsite = "hall"\nvcpu = 2\nstart = 2020-01-01\n'
        )
    return "\n".join(parts)


def data_of(folder: Path, tenants: Sequence[Tenant], *, hours: int = 2) -> DataDirectory:
    """Some hours of all of them, posted, closed, and restated after a correction of the book."""
    shutil.copytree(_data_of(tuple(tenants), hours), folder, dirs_exist_ok=True)
    return DataDirectory.open(folder / "data", create=False)


@made_once
def _data_of(folder: Path, tenants: Sequence[Tenant], hours: int) -> None:
    data = DataDirectory.open(folder / "data", create=True)
    book = folder / "facility.toml"
    book.write_text(book_of(tenants), encoding="utf-8")
    data.apply_facility(book, applied_by="before", now=START)
    rows: list[dict[str, Any]] = []
    for tenant in tenants:
        texts = tenant.texts
        told = {"labels": f'{{"{texts["key"]}":"{texts["value"]}"}}'} | {
            name: texts[name] for name in ("service", "sku", "operation")
        }
        for at in range(hours):
            when = {"window_start": START + timedelta(hours=at)}
            rows += [
                provider(tenant.account, HOUR_NS, **when),
                row(tenant.account, HOUR_NS // 2, **told, **when),
                provider(tenant.account, HOUR_NS, site=texts["site"], host=texts["host"], **when),
                row(tenant.account, HOUR_NS // 2, site=texts["site"], host=texts["host"], **told, **when),
            ]
    data.segments.write(usage(rows))
    run_allocation(data, now=NOW - timedelta(days=5), requested_by="operator")
    data.closes.close(data.ledger, period_named(PERIOD), NOW - timedelta(days=4), allow_gaps=True)
    book.write_text(book_of(tenants, grams=410), encoding="utf-8")
    data.apply_facility(book, applied_by="operator", now=NOW)
    run_allocation(data, now=NOW, requested_by="operator", reason="a corrected factor")


@dataclass(frozen=True)
class Answer:
    """What came back, as bytes: of every message, of the status and its details."""

    code: grpc.StatusCode
    text: str
    trailers: tuple[tuple[str, Any], ...]
    raw: tuple[bytes, ...] = ()

    @property
    def everything(self) -> bytes:
        parts = [*self.raw, self.text.encode(errors="replace")]
        parts += [value if isinstance(value, bytes) else str(value).encode() for _, value in self.trailers]
        return b"\n".join(parts)


@dataclass(frozen=True)
class Api:
    """A server, asked by raw bytes."""

    target: str
    keys: KeyStore
    data: DataDirectory
    channel: grpc.Channel
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def token(self, role: str, account: str = "", subject: str = "") -> str:
        if subject:
            return self.keys.issue(role, account, ttl=timedelta(hours=1), now=NOW, subject=subject)
        if (role, account) not in self.tokens:
            self.tokens[role, account] = self.keys.issue(role, account, ttl=timedelta(hours=1), now=NOW)
        return self.tokens[role, account]

    def call(self, method: MethodDescriptor, request: Message | bytes, account: str = "", *, timeout: float = 30) -> Answer:
        """By a tenant's administrator, or the provider's without an account."""
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        role = "tenant" if account else "provider"
        metadata = (("authorization", f"Bearer {self.token(role, account)}"), ("x-request-id", REQUEST_ID))
        make: Any = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        called = make(path_of(method), request_serializer=None, response_deserializer=None)
        try:
            if method.server_streaming:
                return Answer(grpc.StatusCode.OK, "", (), tuple(called(raw, metadata=metadata, timeout=timeout)))
            response, call = called.with_call(raw, metadata=metadata, timeout=timeout)
            return Answer(grpc.StatusCode.OK, "", tuple(call.trailing_metadata() or ()), (response,))
        except grpc.RpcError as error:
            ended: Any = error  # a grpc.Call too
            return Answer(ended.code(), ended.details() or "", tuple(ended.trailing_metadata() or ()))


@contextmanager
def serving(data: DataDirectory, *, threads: int = 8, now: datetime = NOW, copy: ServingCopy | None = None) -> Iterator[Api]:
    """A server over the data directory; the clock stands still."""
    keys = KeyStore(data.keys_directory)
    server = build_server(
        services_of(data, lambda: now, copy=copy),
        Intake(lambda *_: Taken(0, "")),
        keys,
        listen="127.0.0.1:0",
        clock=lambda: now,
        threads=threads,
    )
    try:
        with grpc.insecure_channel(server.target) as channel:
            yield Api(server.target, keys, data, channel)
    finally:
        server.stop(0)
