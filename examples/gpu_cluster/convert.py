"""Turns a published GPU cluster (1,523 nodes, 8,152 pods) into a facility book and usage that greencloud reads.

    python examples/gpu_cluster/convert.py DATA_DIR OUT_DIR [--days N] [--first-day D] [--nodes all|used] [--slice SECONDS]

DATA_DIR has nodes.csv.gz, pods.csv.gz and placement_derived.csv.gz; DATA_DIR/../coefficients has watts, DATA_DIR/../grid factors.
OUT_DIR gets

    facility.toml     the book: site, accounts, curves; it names hosts.csv, reservations.csv, factors.csv and hardware.csv
    usage.parquet     what the pods of each tenant requested on each host in each slice, while they ran

A tenant is a class of service (``qos``), a service a class of pods by the GPUs that they request. Use is not published: a pod is
taken to use what it requests, and its rows say "estimated". The output is the same bytes for the same input, and exact: what is
not a whole number is written as a ratio. README.md beside this file says what is published and what is assumed.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

SITE = "gpu-cluster"
ORIGIN = datetime(2023, 1, 1, tzinfo=UTC)
"""Second 0 of the trace. The publisher's dates are hidden; this one lets all 150 days lie within the grid's file."""

DAY, HOUR = 86_400, 3_600
MEBIBYTE = 1 << 20

CPU_MODEL = {"provider": "aws", "architecture": "Cascade Lake"}
CARDS = {
    "V100M16": ("Nvidia Tesla V100", ""),
    "V100M32": ("Nvidia Tesla V100", ""),
    "P100": ("Nvidia Tesla P100", ""),
    "T4": ("Nvidia T4", ""),
    "A10": ("Nvidia A10G", "assumed: as an A10G, the nearest card of the list"),
    "G2": ("Nvidia Tesla V100", "assumed: the publisher does not disclose G2; as a V100"),
    "G3": ("Nvidia Tesla V100", "assumed: the publisher does not disclose G3; as a V100"),
}


@dataclass(frozen=True, slots=True)
class Pod:
    account: str
    service: str
    host: str
    start: int  # seconds of the trace
    end: int
    cpu_milli: int
    memory_mib: int
    gpu_milli: int  # thousandths of a GPU, of all its GPUs together


Requested = tuple[int, int, int]
"""Thousandths of a core, MiB, and thousandths of a GPU, each times the seconds that it was held."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Convert the GPU cluster for greencloud.")
    parser.add_argument("source", type=Path, metavar="DATA_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--days", type=int, default=1, metavar="N", help="how many whole days of the trace (default: 1)")
    parser.add_argument(
        "--first-day", type=int, metavar="D", help="the first, from 0 (default: so that most GPU time is requested in the days)"
    )
    parser.add_argument(
        "--nodes", choices=("all", "used"), default="all", help="the whole cluster, or the nodes that carried a pod"
    )
    parser.add_argument("--unsold-to", choices=("provider", "tenants"), default="provider", help="who bears what nobody requested")
    parser.add_argument("--slice", type=int, default=300, choices=(60, 300, 900, 3600), metavar="SECONDS", help="default: 300")
    parser.add_argument("--grid", type=Path, metavar="CSV", help=f"hourly intensity (default: DATA_DIR/../grid/{GRID_FILE})")
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
    say("reading pods")
    pods = read_pods(source)
    first = busiest(pods, options.days) if options.first_day is None else options.first_day
    start, end = first * DAY, (first + options.days) * DAY
    running = [pod for pod in pods if pod.start < end and start < pod.end]
    used = {pod.host for pod in pods}
    nodes = [node for node in read_csv(source / "nodes.csv.gz") if options.nodes == "all" or node["sn"] in used]
    slices = requested(running, start, end, options.slice)
    write_usage_table(out / "usage.parquet", usage_rows(slices, options.slice))
    write_reservations(out, requested(running, start, end, HOUR))
    write_hosts(out, nodes)
    write_factors(options.grid or beside / "grid" / GRID_FILE, out, options.zone, at(start), at(end))
    write_book(out, beside / "coefficients", nodes, options.zone, options.unsold_to)
    gpus = sum(int(node["gpu"]) for node in nodes)
    most = max(sum(amount[2] for amount in held.values()) for held in requested(running, start, end, HOUR).values())
    say(
        f"days {first} to {first + options.days - 1} of the trace ({zulu(at(start))} to {zulu(at(end))}): {len(running):,} pods; "
        f"{len(nodes):,} nodes with {gpus:,} GPUs, of which at most {most / HOUR / 1000:.1f} are requested in an hour"
    )


def read_pods(source: Path) -> list[Pod]:
    """The pods that were scheduled; the others requested and never held anything."""
    host_of = {row["pod"]: row["node"] for row in read_csv(source / "placement_derived.csv.gz")}
    pods = []
    for row in read_csv(source / "pods.csv.gz"):
        if not row["scheduled_time"]:
            continue
        gpus, milli = int(row["num_gpu"]), int(row["gpu_milli"] or 0)
        pods.append(
            Pod(
                account=row["qos"],
                service=pod_class(gpus, milli),
                host=host_of[row["name"]],
                start=int(row["scheduled_time"]),
                end=int(row["deletion_time"]),
                cpu_milli=int(row["cpu_milli"]),
                memory_mib=int(row["memory_mib"]),
                gpu_milli=gpus * milli,
            )
        )
    return pods


def pod_class(gpus: int, milli: int) -> str:
    if not gpus:
        return "cpu-only"
    if gpus > 1:
        return "several-gpus"
    return "one-gpu" if milli == 1000 else "part-of-a-gpu"


def busiest(pods: Iterable[Pod], days: int) -> int:
    """The first of the ``days`` days in a row in which most GPU time is requested, among whole days; the earliest of equals."""
    by_day: dict[int, int] = defaultdict(int)
    last = max(pod.end for pod in pods) // DAY  # the day in which the trace ends is not whole
    for pod in pods:
        for day in range(pod.start // DAY, pod.end // DAY + 1):
            by_day[day] += pod.gpu_milli * overlap(pod, day * DAY, (day + 1) * DAY)
    return max(range(last - days + 1), key=lambda day: (sum(by_day[day + ahead] for ahead in range(days)), -day))


def overlap(pod: Pod, start: int, end: int) -> int:
    return max(0, min(pod.end, end) - max(pod.start, start))


def requested(pods: Iterable[Pod], start: int, end: int, step: int) -> dict[int, dict[tuple[str, str, str], Requested]]:
    """What was held in each slice of ``step`` seconds, by host, account and service: amounts times seconds, exactly."""
    held: dict[int, dict[tuple[str, str, str], Requested]] = {at: {} for at in range(start, end, step)}
    for pod in pods:
        key = (pod.host, pod.account, pod.service)
        for begin in range(max(start, pod.start) // step * step, min(end, pod.end), step):
            seconds = overlap(pod, begin, begin + step)
            cpu, memory, gpu = held[begin].get(key, (0, 0, 0))
            held[begin][key] = (cpu + pod.cpu_milli * seconds, memory + pod.memory_mib * seconds, gpu + pod.gpu_milli * seconds)
    return held


def usage_rows(slices: dict[int, dict[tuple[str, str, str], Requested]], step: int) -> Iterator[tuple[object, ...]]:
    for begin, held in slices.items():
        for (host, account, service), (cpu, memory, gpu) in sorted(held.items()):
            amounts = (cpu * 1_000_000, memory * MEBIBYTE, gpu * 1_000_000, 0)
            yield (at(begin), step, SITE, host, account, service, "provider", "estimated", *amounts)


def write_reservations(out: Path, hours: dict[int, dict[tuple[str, str, str], Requested]]) -> None:
    """What each service had requested in each hour, on average over the hour; hours alike in a row are one reservation.

    The book counts what is in force when a window begins: a pod that ran for 20 minutes of an hour is there with a third of its
    request in that hour.
    """
    series: dict[tuple[str, str], dict[int, Requested]] = defaultdict(dict)
    for begin, held in hours.items():
        for (_, account, service), amounts in held.items():
            cpu, memory, gpu = series[account, service].get(begin, (0, 0, 0))
            series[account, service][begin] = (cpu + amounts[0], memory + amounts[1], gpu + amounts[2])
    rows = []
    for (account, service), levels in sorted(series.items()):
        for begin, until, (cpu, memory, gpu) in steps(levels):
            rows.append(
                (
                    account,
                    SITE,
                    service,
                    Fraction(cpu, 1000 * HOUR),
                    f"{memory * MEBIBYTE // HOUR} B",
                    Fraction(gpu, 1000 * HOUR),
                    zulu(at(begin)),
                    zulu(at(until)),
                )
            )
    write_csv(out / "reservations.csv", ("account", "site", "service", "vcpu", "memory", "gpus", "start", "end"), rows)


def steps(levels: dict[int, Requested]) -> Iterator[tuple[int, int, Requested]]:
    """Runs of hours with one level, as (start, end, level)."""
    begin = until = -1
    level = (0, 0, 0)
    for hour, found in sorted(levels.items()):
        if hour != until or found != level:
            if begin >= 0:
                yield begin, until, level
            begin, level = hour, found
        until = hour + HOUR
    if begin >= 0:
        yield begin, until, level


def write_hosts(out: Path, nodes: list[dict[str, str]]) -> None:
    write_csv(
        out / "hosts.csv",
        ("id", "site", "vcpu", "memory", "curve", "gpus", "gpu_curve"),
        (
            (
                node["sn"],
                SITE,
                Fraction(int(node["cpu_milli"]), 1000),
                f"{node['memory_mib']} MiB",
                "server",
                node["gpu"],
                node["model"],
            )
            for node in nodes
        ),
    )
    write_csv(
        out / "hardware.csv",
        ("id", "site", "host", "embodied_kg", "in_service", "life_years", "source"),
        (
            (
                f"{node['sn']}-server",
                SITE,
                node["sn"],
                decimal(server_mass(Fraction(int(node["memory_mib"]), 1024), int(node["gpu"]))),
                "2021-01-01",
                4,
                PARTS,
            )
            for node in nodes
        ),
    )


def write_book(out: Path, coefficients: Path, nodes: list[dict[str, str]], zone: str, unsold_to: str) -> None:
    template = (Path(__file__).parent / "facility.template.toml").read_text(encoding="utf-8")
    book = [template.format(nodes=f"{len(nodes):,}", site=SITE, zone=zone, unsold_to=unsold_to)]
    book.append(
        curve(
            "server",
            coefficients / "cpu_watts_per_vcpu.csv",
            CPU_MODEL,
            "assumed: the nodes' processors are not published",
            cpu=True,
        )
    )
    for model in sorted({node["model"] for node in nodes} - {""}):
        card, note = CARDS[model]
        book.append(curve(model, coefficients / "gpu_watts.csv", {"gpu": card}, note))
    (out / "facility.toml").write_text("".join(book), encoding="utf-8")


def at(second: int) -> datetime:
    return ORIGIN + timedelta(seconds=second)


if __name__ == "__main__":
    main()
