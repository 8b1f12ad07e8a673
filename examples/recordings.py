"""What the converters of the published recordings share: exact CSV in and out, factors of a grid, usage as Parquet.

Each converter is a script in a folder of its own (``python examples/gpu_cluster/convert.py DATA_DIR OUT_DIR``) and finds this
module in the folder above.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = [
    "COEFFICIENTS",
    "ELECTRICITY_MAPS",
    "GRID_FILE",
    "PARTS",
    "USAGE",
    "curve",
    "decimal",
    "figure",
    "instant",
    "read_csv",
    "say",
    "server_mass",
    "write_csv",
    "write_factors",
    "write_usage_table",
    "zulu",
]

GRID_FILE = "caiso_2023_hourly.csv.gz"
ELECTRICITY_MAPS = "Electricity Maps (2025), carbon intensity data, https://www.electricitymaps.com, ODbL 1.0"
COEFFICIENTS = "Cloud Carbon Footprint coefficients (Apache-2.0)"

PARTS = "assumed: Cloud Carbon Footprint's parts of a server (Apache-2.0) at this one's memory and GPUs; age assumed"

CURVE = """
[[curves]]
name = "{name}"
per_vcpu = {per_vcpu}
points = [[0, {idle}], [1, {full}]]
source = "{source}"
"""

_TEXTS = ("site", "host", "account", "service", "source", "quality")
_MEASURES = ("cpu_ns", "memory_byte_s", "gpu_ns", "count")
USAGE = pa.schema(
    [("window_start", pa.timestamp("us", tz="UTC")), ("window_s", pa.int32())]
    + [(name, pa.string()) for name in _TEXTS]
    + [(name, pa.int64()) for name in _MEASURES]
)


def read_csv(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows((header, *rows))


def write_usage_table(path: Path, rows: Iterable[tuple[object, ...]], schema: pa.Schema = USAGE) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    table = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
    pq.write_table(table, path, compression="zstd")


def write_factors(grid: Path, out: Path, zone: str, start: datetime, end: datetime, *, years_back: int = 0) -> None:
    """Three factors an hour: direct, residual (assumed to be the direct one), and life cycle less direct.

    ``years_back``: the same hour of that many years before stands in, where the file does not reach the recording.

    Raises:
        ValueError: the file has no direct factors, or an hour is missing; nothing takes its place.
    """
    say(f"reading the grid of {zone}")
    hours = {}
    for row in read_csv(grid):
        if "ci_direct_g_per_kwh" not in row or "ci_lca_g_per_kwh" not in row:
            raise ValueError(
                f"{grid.name} has no direct factors: Scope 2 needs them, and life-cycle values counted as direct ones would count "
                "the upstream emissions twice; use a file with ci_direct_g_per_kwh and ci_lca_g_per_kwh"
            )
        if row["zone"] == zone:
            hours[row["time"]] = (row["ci_direct_g_per_kwh"], row["ci_lca_g_per_kwh"])
    rows = []
    hour = start
    while hour < end:
        then = hour.replace(year=hour.year - years_back)
        if zulu(then) not in hours or not all(hours[zulu(then)]):
            raise ValueError(f"{grid.name} has no complete factor of {zone} for {zulu(then)}")
        direct, life_cycle = hours[zulu(then)]
        upstream = Fraction(life_cycle) - Fraction(direct)
        if upstream < 0:
            raise ValueError(f"{grid.name}: the life-cycle factor of {zulu(then)} is below the direct one")
        stands = "" if then == hour else f"; assumed: the value of {zulu(then)} stands in"
        for kind, value, note in (
            ("location", direct, "direct"),
            ("residual", direct, "assumed: no hourly residual mix is published, so the grid's direct factor stands in for it"),
            ("upstream", decimal(upstream), "life cycle less direct, as a proxy"),
        ):
            source = f"{ELECTRICITY_MAPS}; {note}{stands}"
            rows.append((zone, kind, zulu(hour), zulu(hour + timedelta(hours=1)), value, source))
        hour += timedelta(hours=1)
    write_csv(out / "factors.csv", ("zone", "kind", "start", "end", "g_per_kwh", "source"), rows)


def curve(name: str, path: Path, names: dict[str, str], note: str = "", *, cpu: bool = False) -> str:
    """A line from idle to full load for the book, of one vCPU or one GPU, from the row of a table of watts with these values.

    Raises:
        ValueError: no such row.
    """
    idle, full = ("min_w_per_vcpu", "max_w_per_vcpu") if cpu else ("idle_w", "max_w")
    for row in read_csv(path):
        if all(row[column] == value for column, value in names.items()):
            source = f"{COEFFICIENTS}, {' '.join(names.values())}, per {'vCPU' if cpu else 'GPU'}{'; ' if note else ''}{note}"
            return CURVE.format(name=name, per_vcpu=str(cpu).lower(), idle=row[idle], full=row[full], source=source)
    raise ValueError(f"{path.name} has no {' '.join(names.values())}")


def server_mass(memory_gb: Fraction, gpus: int) -> Fraction:
    """Kilograms of CO2e to make a server, to the gram, by the parts of Cloud Carbon Footprint's table of machines.

    1,000 kg for a server with one CPU and 16 GB, 100 for the second CPU, 533/384 for each further GB, 150 for each GPU. Its
    m5.metal (384 GB: 1610.79 kg) and, with 200 kg for two SSDs, g4dn.metal (384 GB, 8 GPUs: 3010.79 kg) come out.
    """
    mass = 1100 + max(Fraction(0), memory_gb - 16) * Fraction(533, 384) + 150 * gpus
    return Fraction(round(mass * 1000), 1000)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def zulu(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def decimal(value: Fraction) -> str:
    """The finite decimal that the fraction is, with six places at most."""
    scaled = value * 10**6
    if scaled.denominator != 1:
        raise ValueError(f"{value} has no decimal of six places")
    whole, part = divmod(scaled.numerator, 10**6)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")


def figure(value: float) -> str:
    """Four significant digits, and zero as 0."""
    if not value:
        return "0"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"


def say(text: str) -> None:
    print(text, file=sys.stderr)
