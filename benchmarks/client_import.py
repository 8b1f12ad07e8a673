"""What it costs to import the client, beside what it cannot do without.

    python benchmarks/client_import.py [--runs 15]

Each import runs in a process of its own; the start of the interpreter is measured by one that imports nothing, and taken off.
Rounds are interleaved, figures are medians. The budget of the client is 150 ms on an idle machine.
"""

from __future__ import annotations

import argparse
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
    taken: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(runs):
        for name, code in IMPORTS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken[name].append(time.perf_counter() - begin)
    bare = statistics.median(taken["nothing"])
    for name, seconds in taken.items():
        print(f"{name:20} {1000 * (statistics.median(seconds) - bare):7.1f} ms")


if __name__ == "__main__":
    main()
