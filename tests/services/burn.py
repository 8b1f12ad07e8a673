"""Work that costs a known amount of CPU on its thread, whatever else the machine does."""

from __future__ import annotations

import time


def burn(milliseconds: int) -> str:
    until = time.thread_time_ns() + milliseconds * 1_000_000
    while time.thread_time_ns() < until:
        sum(range(200))
    return f"{milliseconds} ms"
