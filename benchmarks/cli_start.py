"""How long the command line takes to say something.

    python benchmarks/cli_start.py                 # the best of 20
    python benchmarks/cli_start.py --runs 50 --json start.json

``wall_ms`` and ``cpu_ms`` are the best of the runs: of wall time, and of CPU time in user and system mode, which a busy machine
changes less. ``python`` is the interpreter alone and ``click`` the interpreter with click, which no verb can be faster than.
``greencloud --help`` is to take less than 150 ms.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python": ["-c", "pass"],
    "click": ["-c", "import click"],
    "greencloud --help": ["-m", "greencloud", "--help"],
    "greencloud report --help": ["-m", "greencloud", "report", "--help"],
    "greencloud help exit-codes": ["-m", "greencloud", "help", "exit-codes"],
    "greencloud config list": ["-m", "greencloud", "config", "list"],
}


def best(arguments: list[str], runs: int) -> dict[str, float]:
    wall, cpu = [], []
    for _ in range(runs):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - begun)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_ms": round(min(wall) * 1000, 1), "cpu_ms": round(min(cpu) * 1000, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {name: best(arguments, options.runs) for name, arguments in COMMANDS.items()}
    for name, figures in found.items():
        print(f"{name:28} {figures['wall_ms']:8.1f} ms wall {figures['cpu_ms']:8.1f} ms CPU")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
