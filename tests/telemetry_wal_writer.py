"""Appends for ever from several threads and prints each record's number once it is acknowledged. Killed by the test."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from pathlib import Path

from greencloud.telemetry import Record, WriteAheadLog


def main() -> None:
    log = WriteAheadLog(Path(sys.argv[1]), min_free_bytes=0, segment_bytes=256 << 10)
    numbers = itertools.count(1)

    def write() -> None:
        for number in numbers:
            payload = number.to_bytes(8, "big") * (1 + number % 500)
            log.append(Record("traces", "tenant", "alice", number, payload))
            os.write(1, b"%d\n" % number)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
