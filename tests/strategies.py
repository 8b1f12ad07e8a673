"""Small facilities and usage, built by hand and at random."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from greencloud.facility import (
    FOREVER,
    Account,
    AccountKind,
    DirectEmission,
    Facility,
    Factor,
    FactorKind,
    Hardware,
    Host,
    HostKind,
    PowerCurve,
    Reservation,
    Site,
)
from greencloud.units import INT64_MAX, Window
from greencloud.usage import READINGS, ROWS, Usage

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
WINDOW = Window(START, 3600)
HOUR_US = 3_600_000_000
GIB = 1 << 30
WATT_HOUR = 3_600_000  # millijoules
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)

CURVES = {
    "server": PowerCurve(
        "server", ((Fraction(0), Fraction(100)), (Fraction(1, 2), Fraction(170)), (Fraction(1), Fraction(200))), "t"
    ),
    "gpu": PowerCurve("gpu", ((Fraction(0), Fraction(50)), (Fraction(1), Fraction(1000, 3))), "t"),
    "per-vcpu": PowerCurve("per-vcpu", ((Fraction(0), Fraction(3, 2)), (Fraction(1), Fraction(11, 3))), "t", per_vcpu=True),
}


def factors(
    zone: str = "DE", *, location: int = 400, residual: int = 500, upstream: int = 50, losses: int | None = None
) -> tuple[Factor, ...]:
    """In grams per kWh."""
    amounts = {
        FactorKind.LOCATION: location,
        FactorKind.RESIDUAL: residual,
        FactorKind.UPSTREAM: upstream,
        FactorKind.LOSSES: losses,
    }
    return tuple(
        Factor(zone, kind, ALWAYS, FOREVER, Fraction(grams * 1_000_000), "test")
        for kind, grams in amounts.items()
        if grams is not None
    )


def site(name: str = "hall", zone: str = "DE", *, pue: Fraction | None = Fraction(11, 10), **more: Any) -> Site:
    return Site(name, "eu", zone, pue, scope1_declared_none=True, **more)


def host(name: str, *, vcpu: int = 8, memory_gib: int = 0, at: str = "hall", **more: Any) -> Host:
    return Host(name, at, Fraction(vcpu), memory_gib * GIB, **more)


def reservation(account: str, vcpu: int, memory_gib: int = 0, *, at: str = "hall", service: str = "") -> Reservation:
    return Reservation(account, at, Fraction(vcpu), memory_gib * GIB, ALWAYS, FOREVER, service)


def facility(
    *, hosts: Iterable[Host] = (), sites: Iterable[Site] = (), internal: Iterable[str] = (), window_seconds: int = 3600, **more: Any
) -> Facility:
    places = {place.id: place for place in (list(sites) or [site()])}
    return Facility(
        revision="r1",
        window_seconds=window_seconds,
        accounts={name: Account(name, AccountKind.INTERNAL) for name in internal},
        sites=places,
        hosts={(h.site, h.id): h for h in hosts},
        curves=CURVES,
        **({"factors": factors()} | more),
    )


def row(account: str, cpu_ns: int = 0, **more: Any) -> dict[str, Any]:
    """A usage row; tenant's and exact unless said otherwise."""
    blank: dict[str, Any] = {
        "window_start": START,
        "window_s": 3600,
        "site": "hall",
        "host": "h1",
        "service": "",
        "sku": "",
        "operation": "",
        "labels": "{}",
        "caller_account": "",
        "source": "tenant",
        "quality": "exact",
    }
    return blank | dict.fromkeys(ROWS.names[12:], 0) | {"account": account, "cpu_ns": cpu_ns} | more


def provider(account: str, cpu_ns: int, **more: Any) -> dict[str, Any]:
    return row(account, cpu_ns, source="provider", quality="measured", **more)


def reading(name: str, energy_mj: int | None = None, busy_cpu_ns: int | None = None, **more: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {"window_start": START, "window_s": 3600, "site": "hall", "host": name, "energy_mj": energy_mj}
    return blank | {"covered_us": HOUR_US, "busy_cpu_ns": busy_cpu_ns, "memory_byte_s": None, "quality": "measured"} | more


def usage(rows: Iterable[dict[str, Any]] = (), readings: Iterable[dict[str, Any]] = ()) -> Usage:
    return Usage(pa.Table.from_pylist(list(rows), schema=ROWS), pa.Table.from_pylist(list(readings), schema=READINGS))


TENANTS = ("acme", "bolt", "cola")
SERVICES = ("auth", "store")  # internal accounts
HOSTS = ("h1", "h2", "h3")
WHERE = ("h1", "h1", "h1", "h1", "h2", "h3")  # parties must meet on one host for their shares to touch

amounts = st.one_of(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10), st.just(0))
any_int64 = st.one_of(amounts, st.integers(0, INT64_MAX))


def tenant_rows(accounts: Iterable[str], *, values: st.SearchStrategy[int] = amounts, max_size: int = 8) -> Any:
    """Rows that these accounts report of themselves."""
    one = st.builds(
        row,
        st.sampled_from(sorted(accounts)),
        values,
        host=st.sampled_from([*WHERE, "ghost", ""]),
        service=st.sampled_from(["", "web", "db"]),
        sku=st.sampled_from(["", "s1"]),
        operation=st.sampled_from(["", "GET /", "PUT /"]),
        labels=st.sampled_from(["{}", '{"team":"x"}']),
        caller_account=st.sampled_from(["", *TENANTS, *SERVICES]),
        quality=st.sampled_from(["exact", "estimated"]),
        memory_byte_s=values,
        gpu_ns=values,
        count=values,
    )
    return st.lists(one, max_size=max_size)


def provider_rows() -> Any:
    one = st.builds(
        provider,
        st.sampled_from([*TENANTS, *SERVICES]),
        st.one_of(st.integers(1, 10**13), st.integers(0, 1)),
        host=st.sampled_from([*WHERE, "ghost"]),
        service=st.sampled_from(["", "web", "db"]),
        sku=st.sampled_from(["", "s1"]),
        memory_byte_s=amounts,
        gpu_ns=amounts,
        disk_bytes=amounts,
        network_bytes=amounts,
    ).map(
        lambda found: found | {"gpu_ns": 0} if found["host"] == "ghost" else found
    )  # GPUs that the book does not know are refused
    return st.lists(one, max_size=6)


@st.composite
def facilities(draw: st.DrawFn) -> Facility:
    """One site with up to three hosts; internal services; every host has a curve, so that no window is refused for want of one."""
    names = draw(st.sampled_from([HOSTS[:1], HOSTS[:2], HOSTS, HOSTS[1:], ()]))
    owner = st.sampled_from(["", "", "", "", "", *TENANTS, *SERVICES])
    hosts = [
        host(
            name,
            vcpu=draw(st.integers(1, 64)),
            memory_gib=draw(st.integers(0, 512)),
            curve=draw(st.sampled_from(["server", "per-vcpu"])),
            idle_watts=draw(st.sampled_from([None, Fraction(0), Fraction(355, 3)])),
            dedicated_to=draw(owner),
            kind=draw(st.sampled_from([HostKind.COMPUTE, HostKind.COMPUTE, *HostKind])),
            gpus=draw(st.sampled_from([Fraction(0), Fraction(0), Fraction(7, 2)])),
            gpu_curve="gpu",
            ssd_bytes=draw(st.sampled_from([0, 10**12])),
        )
        for name in names
    ]
    held = draw(
        st.lists(st.tuples(st.sampled_from([*TENANTS, *SERVICES]), st.integers(0, 40), st.sampled_from(["", "web"])), max_size=5)
    )
    place = site(
        pue=draw(st.sampled_from([Fraction(1), Fraction(117, 100), Fraction(4, 3)])),
        unsold_to=draw(st.sampled_from(["tenants", "provider"])),
        unlisted_hosts="per-vcpu",
        ramp_up_until=draw(st.sampled_from([None, FOREVER])),
        mature_share=Fraction(2, 3),
    )
    mass = st.integers(0, 10**12)
    return facility(
        hosts=hosts,
        sites=[place],
        internal=SERVICES,
        reservations=tuple(reservation(account, vcpu, draw(st.integers(0, 64)), service=named) for account, vcpu, named in held),
        hardware=tuple(
            Hardware(
                f"asset-{name}",
                "hall",
                draw(mass),
                date(2026, 11, 1),
                draw(st.integers(1, 2000)),
                "test",
                name,
                kind="it" if name else draw(st.sampled_from(["it", "building"])),
                retired=draw(st.sampled_from([None, date(2026, 11, 23)])),
                on_retirement=draw(st.sampled_from(["continue", "write_off"])),
            )
            for name in ["", *names]
        ),
        factors=factors(losses=draw(st.sampled_from([None, 0, 31]))),
        direct_emissions=(DirectEmission("diesel", "hall", START, START + timedelta(hours=5), draw(mass), "test"),),
    )


@st.composite
def host_readings(draw: st.DrawFn, book: Facility) -> list[dict[str, Any]]:
    """Readings of some hosts, and sometimes of the whole facility, then amply."""
    energies = st.one_of(st.none(), st.integers(10**9, 10**10), st.integers(0, 10**10), st.sampled_from([0, 1, 10**15]))
    found = [
        reading(
            h.id,
            draw(energies),
            draw(st.one_of(st.none(), st.integers(0, 10**14))),
            covered_us=draw(st.sampled_from([HOUR_US, HOUR_US // 3])),
            memory_byte_s=draw(st.one_of(st.none(), amounts)),
        )
        for h in book.hosts_of("hall")
        if draw(st.booleans())
    ]
    if draw(st.booleans()):
        found.append(reading("", draw(st.integers(10**16, 10**17))))
    return found


@st.composite
def situations(draw: st.DrawFn) -> tuple[Facility, list[dict[str, Any]], list[dict[str, Any]]]:
    """A book, usage rows and readings that can be allocated together."""
    book = draw(facilities())
    listed = {h.id for h in book.hosts_of("hall")}
    # The energy of GPUs on hosts that the book does not list is refused.
    measured = [found if found["host"] in listed else found | {"gpu_ns": 0} for found in draw(provider_rows())]
    rows = measured + draw(tenant_rows([*TENANTS, *SERVICES]))
    # Each internal account keeps a little of what it does, so that no cycle of theirs is without an end.
    rows += [row(name, 7, host="h1", operation="own", disk_bytes=7, network_bytes=7) for name in SERVICES]
    return book, rows, draw(host_readings(book))
