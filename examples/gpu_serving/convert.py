"""Turns the published requests of an image-generation service into a facility book and usage that greencloud reads.

    python examples/gpu_serving/convert.py DATA_DIR OUT_DIR [--days N] [--first DATE] [--slice SECONDS]

DATA_DIR has requests.csv.gz; DATA_DIR/../coefficients has watts, DATA_DIR/../grid factors. OUT_DIR gets

    facility.toml     the book: one pool of GPUs; it names accounts.csv, hosts.csv, factors.csv, hardware.csv, meters.csv
    usage.parquet     GPU time of each tenant's requests by model, host and slice

Each request holds one GPU from its arrival for its execution time, failed ones too; it takes the free GPU with the lowest number.
The pool has as many hosts of eight GPUs as the busiest moment of the whole recording needs. The output is the same bytes for the
same input. README.md beside this file says what is published and what is assumed.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from recordings import (
    GRID_FILE,
    PARTS,
    curve,
    decimal,
    read_csv,
    say,
    server_mass,
    write_csv,
    write_factors,
    write_usage_table,
    zulu,
)

SITE = "gpu-serving"
GPUS_PER_HOST, VCPU, MEMORY_GIB = 8, 96, 384
CARD = "Nvidia A10G"
CPU_MODEL = {"provider": "aws", "architecture": "Cascade Lake"}
DAY = timedelta(days=1)
UNKNOWN_MODEL = "unknown-model"


@dataclass(frozen=True, slots=True)
class Request:
    tenant: str
    model: str
    start: int  # seconds since 1970, the publisher's local time read as UTC
    seconds: int
    gpu: int  # from 0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Convert the requests of a GPU service for greencloud.")
    parser.add_argument("source", type=Path, metavar="DATA_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--days", type=int, metavar="N", help="how many days (default: to the end)")
    parser.add_argument("--first", type=date.fromisoformat, metavar="DATE", help="the first day (default: of the recording)")
    parser.add_argument("--slice", type=int, default=300, choices=(60, 300, 900, 3600), metavar="SECONDS", help="default: 300")
    parser.add_argument("--grid", type=Path, metavar="CSV", help=f"hourly intensity (default: DATA_DIR/../grid/{GRID_FILE})")
    parser.add_argument(
        "--years-back", type=int, default=1, metavar="N", help="factors of so many years before stand in (default: 1, for 2023)"
    )
    parser.add_argument("--zone", default="US-CAL-CISO", help="grid zone to take from the file (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        convert(options)
    except (OSError, ValueError) as error:
        sys.exit(f"convert.py: {error}")


def convert(options: argparse.Namespace) -> None:
    """Write every file of OUT_DIR.

    Raises:
        ValueError: the files are not what this script knows how to read; nothing is guessed.
    """
    source, out = options.source, options.out
    beside = source.resolve().parent
    out.mkdir(parents=True, exist_ok=True)
    say("reading requests")
    requests = read_requests(source)
    gpus = 1 + max(request.gpu for request in requests)
    hosts = [host_of(gpu) for gpu in range(0, gpus, GPUS_PER_HOST)]
    start = midnight(options.first) if options.first else day_of(min(request.start for request in requests))
    end = start + options.days * DAY if options.days else day_of(max(r.start + r.seconds for r in requests) - 1) + DAY
    begin, until = int(start.timestamp()), int(end.timestamp())
    inside = [request for request in requests if request.start < until and begin < request.start + request.seconds]
    write_usage_table(out / "usage.parquet", usage_rows(inside, begin, until, options.slice))
    tenants = sorted({request.tenant for request in inside})
    write_csv(out / "accounts.csv", ("id",), ((tenant,) for tenant in tenants))
    write_hosts(out, hosts)
    write_meters(out, hosts, start, end)
    write_factors(options.grid or beside / "grid" / GRID_FILE, out, options.zone, start, end, years_back=options.years_back)
    write_book(out, beside / "coefficients", options.zone, len(hosts) * GPUS_PER_HOST)
    seconds = sum(max(0, min(r.start + r.seconds, until) - max(r.start, begin)) for r in inside)
    say(
        f"{zulu(start)} to {zulu(end)}: {len(inside):,} requests of {len(tenants):,} tenants, {seconds / 3600:.1f} GPU hours; "
        f"{gpus} at once at most in the whole recording, so {len(hosts)} hosts of {GPUS_PER_HOST} GPUs"
    )


def read_requests(source: Path) -> list[Request]:
    """In order of arrival (of the file, where two arrive together), each on the free GPU with the lowest number."""
    rows = read_csv(source / "requests.csv.gz")
    arrivals = sorted(range(len(rows)), key=lambda index: (rows[index]["created"], index))
    free: list[int] = []
    busy: list[tuple[int, int]] = []  # until when, which GPU
    known = 0
    requests = []
    for index in arrivals:
        row = rows[index]
        start = int(datetime.fromisoformat(row["created"]).replace(tzinfo=UTC).timestamp())
        seconds = Fraction(row["exec_s"])
        if seconds.denominator != 1:
            raise ValueError(f"request {index} lasts {row['exec_s']} s: only whole seconds are known")
        if not seconds:
            continue
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, known)
            known += 1
        gpu = heapq.heappop(free)
        heapq.heappush(busy, (start + int(seconds), gpu))
        requests.append(Request(row["tenant"], row["model"] or UNKNOWN_MODEL, start, int(seconds), gpu))
    return requests


def usage_rows(requests: Iterable[Request], begin: int, until: int, step: int) -> Iterator[tuple[object, ...]]:
    """GPU time by slice; ``count`` is of the requests that arrived in the slice."""
    used: dict[tuple[int, str, str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for request in requests:
        end = request.start + request.seconds
        for at in range(max(request.start, begin) // step * step, min(end, until), step):
            key = (at, host_of(request.gpu), request.tenant, request.model)
            seconds, count = used[key]
            used[key] = (seconds + min(end, at + step) - max(request.start, at), count + (at <= request.start))
    for (at, host, tenant, model), (seconds, count) in sorted(used.items()):
        start = datetime.fromtimestamp(at, UTC)
        yield (start, step, SITE, host, tenant, model, "provider", "measured", 0, 0, seconds * 1_000_000_000, count)


def write_hosts(out: Path, hosts: list[str]) -> None:
    write_csv(
        out / "hosts.csv",
        ("id", "site", "vcpu", "memory", "curve", "gpus", "gpu_curve"),
        ((host, SITE, VCPU, f"{MEMORY_GIB} GiB", "server", GPUS_PER_HOST, "gpu") for host in hosts),
    )
    mass = decimal(server_mass(Fraction(MEMORY_GIB), GPUS_PER_HOST))
    write_csv(
        out / "hardware.csv",
        ("id", "site", "host", "embodied_kg", "in_service", "life_years", "source"),
        ((f"{host}-server", SITE, host, mass, "2023-01-01", 4, PARTS) for host in hosts),
    )


def write_meters(out: Path, hosts: list[str], start: datetime, end: datetime) -> None:
    """The pool is there in hours without a request too. Its CPU is not published and taken to be idle; curves give the energy."""
    hours = (start + timedelta(hours=hour) for hour in range((end - start) // timedelta(hours=1)))
    write_csv(
        out / "meters.csv",
        ("window_start", "window_s", "site", "host", "energy_kwh", "busy_cpu_ns"),
        ((zulu(hour), 3600, SITE, host, "", 0) for hour in hours for host in hosts),
    )


def write_book(out: Path, coefficients: Path, zone: str, gpus: int) -> None:
    template = (Path(__file__).parent / "facility.template.toml").read_text(encoding="utf-8")
    book = [
        template.format(gpus=gpus, site=SITE, zone=zone),
        curve("server", coefficients / "cpu_watts_per_vcpu.csv", CPU_MODEL, "assumed: the hosts are not published", cpu=True),
        curve("gpu", coefficients / "gpu_watts.csv", {"gpu": CARD}, "assumed: the cards are not published"),
    ]
    (out / "facility.toml").write_text("".join(book), encoding="utf-8")


def host_of(gpu: int) -> str:
    return f"pool-{gpu // GPUS_PER_HOST + 1}"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_of(second: int) -> datetime:
    return midnight(datetime.fromtimestamp(second, UTC).date())


if __name__ == "__main__":
    main()
