"""One run on Spark at a fixed time, in a process that a test may kill: DATA, a master or sc:// URL, then perhaps an archive."""

from __future__ import annotations

import sys
from pathlib import Path

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.spark import SparkRunner
from greencloud.engine.spark_session import connect, spark_session
from spark_cluster import CONF
from test_engine_distribution import NOW


def main(data: str, url: str, archive: str = "") -> None:
    shipped = Path(archive) if archive else None
    begun = connect(url, archive=shipped) if url.startswith("sc://") else spark_session(url, conf=CONF, archive=shipped)
    with begun as session:
        runner = SparkRunner(session, windows_per_task=1, cores=2)
        run = run_allocation(
            DataDirectory.open(data, create=False),
            now=NOW,
            runner=runner,
            progress=lambda done, count: print(f"{done} of {count}", flush=True),
        )
        print(f"posted {len(run.posted)}, unchanged {run.unchanged_count}, refused {len(run.refused)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
