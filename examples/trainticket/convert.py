"""Turns a published recording of the TrainTicket benchmark into a facility book, usage and spans that greencloud reads.

    python examples/trainticket/convert.py SOURCE_DIR OUT_DIR [--slice SECONDS] [--zone ZONE] [--grid CSV]

SOURCE_DIR has pod_minutes.csv.gz, pods.csv, nodes.csv and spans.csv.gz; the grid file has hourly direct and life-cycle intensity
(columns time, zone, ci_direct_g_per_kwh, ci_lca_g_per_kwh). OUT_DIR gets

    facility.toml     the book: site, accounts, curve, assets; it names hosts.csv, reservations.csv, factors.csv and meters.csv
    usage.parquet     what each pod used in each minute (or longer slice), as the provider measured it
    spans.binpb.gz    the spans as OTLP export requests, each with its length before it, repeated spans included

The output is the same bytes for the same input. Amounts are exact: decimals are read as fractions and rounded once.
README.md beside this file says what is measured and what is assumed.
"""

from __future__ import annotations

import argparse
import gzip
import io
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
from google.protobuf.proto import serialize_length_prefixed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import recordings
from recordings import GRID_FILE, decimal, instant, read_csv, say, write_csv, write_factors, write_usage_table, zulu

SITE = "trainticket"
MINUTE_NS = 60_000_000_000
MEBIBYTE = 1 << 20
NODE_MEMORY_BYTES = 16 << 30
SPANS_PER_REQUEST = 512  # the default of OpenTelemetry's batch processor

USAGE = pa.schema([field for field in recordings.USAGE if field.name not in {"gpu_ns", "count"}])

# The recording knows services and no tenants: teams of one railway company stand in for them.
ACCOUNTS = {
    "booking": "cancel execute preserve preserve-other rebook seat ticket-office wait-order",
    "travel": "basic config price route route-plan station train travel travel-plan travel2",
    "orders": "order order-other",
    "users": "auth avatar contacts security user verification-code",
    "payment": "assurance inside-payment payment voucher",
    "food": "food food-delivery station-food train-food",
    "logistics": "consign consign-price delivery",
    "front": "gateway news notification ui-dashboard",
    "admin": "admin-basic-info admin-order admin-route admin-travel admin-user",
}
ACCOUNT_OF = {service: f"tt-{team}" for team, services in ACCOUNTS.items() for service in services.split()}

ASSET = """
[[hardware]]
id = "{node}-server"
site = "{site}"
host = "{node}"
embodied_kg = 149.366
in_service = 2021-01-30
life_years = 4
source = "assumed: 8 of 72 vCPU of a 1344.29 kg server (Cloud Carbon Footprint coefficients, c5.2xlarge, Apache-2.0)"
"""


@dataclass(frozen=True, slots=True)
class Pod:
    name: str
    service: str
    node: str
    account: str
    cpu_limit_milli: str  # empty where the pod has none, and where the recording never saw it use CPU
    mem_limit_mib: str


@dataclass(slots=True)
class Summary:
    """What the conversion read and what it left out."""

    pods: int = 0
    nodes: int = 0
    minutes: int = 0
    usage_rows: int = 0
    rows_without_cpu: int = 0
    spans: int = 0
    repeated_spans: int = 0
    requests: int = 0


def main(arguments: list[str] | None = None) -> Summary:
    parser = argparse.ArgumentParser(description="Convert a TrainTicket recording for greencloud.")
    parser.add_argument("source", type=Path, metavar="SOURCE_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--grid", type=Path, metavar="CSV", help=f"hourly intensity (default: SOURCE_DIR/../grid/{GRID_FILE})")
    parser.add_argument("--zone", default="US-CAL-CISO", help="grid zone to take from the file (default: %(default)s)")
    parser.add_argument(
        "--slice", type=int, default=60, choices=(60, 300), metavar="SECONDS", help="length of the usage rows: 60 (default) or 300"
    )
    options = parser.parse_args(arguments)
    try:
        grid = options.grid or options.source.resolve().parent / "grid" / GRID_FILE
        return convert(options.source, options.out, grid, options.zone, options.slice)
    except (OSError, ValueError) as error:
        sys.exit(f"convert.py: {error}")


def convert(source: Path, out: Path, grid: Path, zone: str, slice_s: int) -> Summary:
    """Write every file of OUT_DIR.

    Raises:
        ValueError: the files are not what this script knows how to read; nothing is guessed.
    """
    out.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    pods = read_pods(source)
    nodes = read_csv(source / "nodes.csv")
    summary.pods, summary.nodes = len(pods), len(nodes)
    first, last = write_usage(source, out, pods, nodes, summary, slice_s=slice_s)
    day = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    write_factors(grid, out, zone, day, end)
    write_book(out, pods, nodes, zone=zone, start=day, end=end)
    write_spans(source, out, pods, summary)
    say(
        f"{summary.pods} pods on {summary.nodes} nodes over {summary.minutes} minutes; {summary.usage_rows:,} usage rows, "
        f"{summary.rows_without_cpu:,} left out because their pod never reports CPU; {summary.spans:,} spans, of which "
        f"{summary.repeated_spans:,} repeat another"
    )
    return summary


def read_pods(source: Path) -> dict[str, Pod]:
    pods = {}
    for row in read_csv(source / "pods.csv"):
        short = row["service"].removeprefix("ts-").removesuffix("-service")
        if short not in ACCOUNT_OF:
            raise ValueError(f"service {row['service']!r} belongs to no account: add it to ACCOUNTS in {Path(__file__).name}")
        pods[row["pod"]] = Pod(
            row["pod"], row["service"], row["node"], ACCOUNT_OF[short], row["cpu_limit_milli"], row["mem_limit_mib"]
        )
    return pods


def write_usage(
    source: Path, out: Path, pods: dict[str, Pod], nodes: list[dict[str, str]], summary: Summary, *, slice_s: int
) -> tuple[datetime, datetime]:
    """Write usage.parquet and meters.csv; the first and last minute."""
    say("reading pod minutes")
    rows = read_csv(source / "pod_minutes.csv.gz")
    # A pod that reports 0 in every minute runs but is not measured: that is missing, not zero.
    measured = {row["pod"] for row in rows if row["cpu_milli"] and Fraction(row["cpu_milli"])}
    used: dict[tuple[datetime, str, str, str], tuple[int, int]] = {}
    meters: dict[tuple[datetime, str], tuple[int, int]] = {}
    vcpu = {node["node"]: int(node["vcpu"]) for node in nodes}
    for row in rows:
        pod, minute = pods[row["pod"]], instant(row["time"]).replace(second=0)
        # Samples of one node's minute differ in the 14th digit at most: the first one counts.
        if (minute, pod.node) not in meters:
            meters[minute, pod.node] = node_reading(row, vcpu[pod.node])
        if row["pod"] not in measured or not row["cpu_milli"]:
            summary.rows_without_cpu += 1
            continue
        cpu_ns = round(Fraction(row["cpu_milli"]) * MINUTE_NS / 1000)
        memory_byte_s = round(Fraction(row["mem_mib"]) * MEBIBYTE * 60)
        key = (minute - timedelta(seconds=minute.timestamp() % slice_s), pod.node, pod.account, pod.service)
        cpu_before, memory_before = used.get(key, (0, 0))
        used[key] = (cpu_before + cpu_ns, memory_before + memory_byte_s)
    summary.minutes = len({minute for minute, _ in meters})
    summary.usage_rows = len(used)
    write_usage_table(
        out / "usage.parquet",
        (
            (start, slice_s, SITE, node, account, service, "provider", "measured", *amounts)
            for (start, node, account, service), amounts in used.items()
        ),
        USAGE,
    )
    # The column of energy is there and empty: the nodes have no meter, and the power curve prices them.
    write_csv(
        out / "meters.csv",
        ("window_start", "window_s", "site", "host", "energy_kwh", "busy_cpu_ns", "memory_byte_s"),
        ((zulu(minute), 60, SITE, node, "", *reading) for (minute, node), reading in sorted(meters.items())),
    )
    return min(meters)[0], max(meters)[0]


def node_reading(row: dict[str, str], vcpu: int) -> tuple[int, int]:
    """Busy core-nanoseconds and byte-seconds of a node in the sample's minute."""
    busy_cpu_ns = round(Fraction(row["node_cpu_pct"]) / 100 * vcpu * MINUTE_NS)
    return busy_cpu_ns, round(Fraction(row["node_mem_pct"]) / 100 * NODE_MEMORY_BYTES * 60)


def write_book(out: Path, pods: dict[str, Pod], nodes: list[dict[str, str]], *, zone: str, start: datetime, end: datetime) -> None:
    template = (Path(__file__).parent / "facility.template.toml").read_text(encoding="utf-8")
    book = [template.format(site=SITE, zone=zone, day=start.date().isoformat())]
    book += [f'\n[[accounts]]\nid = "tt-{team}"\nname = "TrainTicket {team}"\n' for team in ACCOUNTS]
    book += [ASSET.format(site=SITE, node=node["node"]) for node in nodes]
    (out / "facility.toml").write_text("".join(book), encoding="utf-8")
    write_csv(
        out / "hosts.csv",
        ("id", "site", "vcpu", "memory", "curve"),
        ((node["node"], SITE, node["vcpu"], "16 GiB", "cascade-lake") for node in nodes),
    )
    write_csv(
        out / "reservations.csv",
        ("account", "site", "service", "vcpu", "memory", "start", "end"),
        (
            (
                pod.account,
                SITE,
                pod.service,
                decimal(Fraction(pod.cpu_limit_milli or 0) / 1000),
                f"{pod.mem_limit_mib or 0} MiB",
                zulu(start),
                zulu(end),
            )
            for pod in sorted(pods.values(), key=lambda pod: (pod.account, pod.service))
            if pod.cpu_limit_milli or pod.mem_limit_mib
        ),
    )


def write_spans(source: Path, out: Path, pods: dict[str, Pod], summary: Summary) -> None:
    """Each pod's spans of one recorded minute, in order of the file, as its exporter would have sent them."""
    say("reading spans")
    batches: dict[tuple[int, str], list[dict[str, str]]] = defaultdict(list)
    seen: Counter[tuple[str, str]] = Counter()
    for row in read_csv(source / "spans.csv.gz"):
        seen[row["trace_id"], row["span_id"]] += 1
        batches[int(row["end_unix_nano"]) // MINUTE_NS, row["pod"]].append(row)
    summary.spans = seen.total()
    summary.repeated_spans = summary.spans - len(seen)
    say("writing spans")
    messages = io.BytesIO()
    for (_, pod), rows in sorted(batches.items()):
        for at in range(0, len(rows), SPANS_PER_REQUEST):
            serialize_length_prefixed(export_request(pods[pod], rows[at : at + SPANS_PER_REQUEST]), messages)
            summary.requests += 1
    # No time in the gzip header: the same bytes for the same input.
    (out / "spans.binpb.gz").write_bytes(gzip.compress(messages.getvalue(), 6, mtime=0))


def export_request(pod: Pod, rows: list[dict[str, str]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    traces = request.resource_spans.add()
    for key, value in (
        ("service.name", pod.service),
        ("service.instance.id", pod.name),
        ("cloud.account.id", pod.account),
        ("host.name", pod.node),
        ("k8s.pod.name", pod.name),
    ):
        traces.resource.attributes.add(key=key).value.string_value = value
    scope = traces.scope_spans.add()
    for row in rows:
        scope.spans.add(
            trace_id=bytes.fromhex(row["trace_id"]),
            span_id=bytes.fromhex(row["span_id"]),
            parent_span_id=bytes.fromhex(row["parent_span_id"]),
            name=row["operation"],
            start_time_unix_nano=int(row["start_unix_nano"]),
            end_time_unix_nano=int(row["end_unix_nano"]),
        )
    return request


if __name__ == "__main__":
    main()
