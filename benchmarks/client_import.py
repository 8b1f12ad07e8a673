"""What it costs to import the client, beside what it cannot do without.

    python benchmarks/client_import.py [--runs 15]

Each import runs in a process of its own; the start of the interpreter is measured by one that imports nothing, and taken off.
Rounds are interleaved, figures are medians. The budget of the client is 150 ms of wall time on an idle machine; on a busy one
the CPU time says more.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time

IMPORTS = {
    "nothing": "",
    "grpc, protobuf": "import grpc, google.protobuf.timestamp_pb2",
    "greencloud": "import greencloud",
    "greencloud.client": "import greencloud.client",
    "greencloud.testing": "import greencloud.testing",
    "pyarrow": "import pyarrow",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in IMPORTS}
    for _ in range(runs):
        for name, code in IMPORTS.items():
            begin = (time.perf_counter(), cpu_s())
            subprocess.run([sys.executable, "-c", code], check=True)
            taken[name].append((time.perf_counter() - begin[0], cpu_s() - begin[1]))
    bare = medians(taken["nothing"])
    for name, times in taken.items():
        wall, cpu = (1000 * (one - less) for one, less in zip(medians(times), bare, strict=True))
        print(f"{name:20} {wall:7.1f} ms wall {cpu:7.1f} ms CPU")


def cpu_s() -> float:
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times)


if __name__ == "__main__":
    main()
