"""Requests at random through the decoder and through protobuf, for as long as is asked: verdicts and values must be equal.

    python tests/otlp_differential.py --seconds 60 --seed 1

Prints the counts, and every difference as hex.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from greencloud._otlp import Metrics, OtlpError, Traces
from otlp_cases import message, mutated
from otlp_oracle import REQUESTS, metrics_by_protobuf, metrics_of, traces_by_protobuf, traces_of

__all__ = ["difference"]

OLDEST, NEWEST = 1_794_999_999 * 10**9, 1_795_000_000 * 10**9
FIRST, UNTIL = 1_795_000_000 * 10**9, 1_795_000_001 * 10**9


def _found(signal: str, data: bytes, *, bounded: bool) -> object:
    window = {"first_ns": FIRST, "until_ns": UNTIL} if bounded else {}
    limits = (7, OLDEST, NEWEST) if bounded else (0,)
    columns: Traces | Metrics = Traces(**window) if signal == "traces" else Metrics(**window)
    try:
        count = columns.append(data, *limits)
    except OtlpError as error:
        clean = 0 <= error.offset <= len(data) and len(columns) == 0 and columns.resources == []
        return None if clean else f"{error!r} leaves something behind"
    return count, traces_of(columns) if isinstance(columns, Traces) else metrics_of(columns)


def difference(signal: str, data: bytes, *, bounded: bool = False) -> tuple[bool, str]:
    """Whether protobuf takes the bytes, and what differs ("" for nothing)."""
    window = {"first_ns": FIRST, "until_ns": UNTIL} if bounded else {}
    limits = (7, OLDEST, NEWEST) if bounded else (0,)
    by_protobuf: Callable[..., object] = traces_by_protobuf if signal == "traces" else metrics_by_protobuf
    expected = by_protobuf(data, *limits, **window)
    actual = _found(signal, data, bounded=bounded)
    if repr(expected) == repr(actual):
        return expected is not None, ""
    return expected is not None, f"{signal} {data.hex()}\n  protobuf: {expected!r}\n  ours:     {actual!r}"


def run(seconds: float, seed: int, say: Callable[[str], object]) -> Counter[str]:
    draw = Random(seed)
    counts: Counter[str] = Counter()
    before = dict.fromkeys(REQUESTS, b"")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for signal, kind in REQUESTS.items():
            wild = draw.choice((0.0, 0.0, 0.002, 0.01, 0.05))
            data = message(draw, kind.DESCRIPTOR, wild=wild)
            cases = [("valid" if not wild else "wild", data)]
            if len(data) < 4000:
                cases += [("mutated", mutated(draw, data, before[signal])) for _ in range(20)]
            before[signal] = data
            for name, case in cases:
                taken, differs = difference(signal, case, bounded=draw.random() < 0.3)
                counts[f"{name} {'taken' if taken else 'refused'}"] += 1
                if differs:
                    counts["DIFFERENT"] += 1
                    say(differs)
    return counts


def replay(folder: Path, say: Callable[[str], object]) -> Counter[str]:
    """The files of a corpus, each as a request of both signals."""
    counts: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for signal in REQUESTS:
            for bounded in (False, True):
                taken, differs = difference(signal, data, bounded=bounded)
                counts[f"{signal} {'taken' if taken else 'refused'}"] += 1
                if differs:
                    counts["DIFFERENT"] += 1
                    say(f"{path.name}: {differs}")
    return counts


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--replay", type=Path, help="a folder of requests, in place of random ones")
    given = options.parse_args()
    result = replay(given.replay, print) if given.replay else run(given.seconds, given.seed, print)
    print(dict(sorted(result.items())))
    sys.exit(result["DIFFERENT"] > 0)
