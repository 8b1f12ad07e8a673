"""Every posting, measure by measure, as a second implementation makes it from the documents alone (``recomputation``).

One book that has of everything something, and what is known of one hour of it; then the same with changes, under all rules.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from facility_books import BOOKS
from greencloud import allocate, read_facility
from greencloud.allocation import RULES
from recomputation import MEASURES, USED, Key, Recomputed, Row
from strategies import GIB, usage

BOOK = (BOOKS / "recomputed.toml").read_text(encoding="utf-8")
START = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR = 3600

Inputs = tuple[str, list[Row], list[Row]]


def row(host: str, account: str, service: str, core_s: float = 0, **more: Any) -> Row:
    blank = dict.fromkeys(USED, 0) | dict.fromkeys(("sku", "operation", "caller_account"), "")
    place = {"window_start": START, "window_s": HOUR, "site": "s1", "host": host, "account": account, "service": service}
    return {**blank, **place, "labels": "{}", "source": "provider", "quality": "measured", "cpu_ns": int(core_s * 10**9), **more}


def told(host: str, account: str, service: str, operation: str, *amounts: float, **more: Any) -> Row:
    core_s, count = amounts
    return row(host, account, service, core_s, operation=operation, count=int(count), source="tenant", quality="exact", **more)


def read(host: str, energy_mj: int | None, busy_s: float | None = None, memory: int | None = None, seconds: int = HOUR) -> Row:
    busy_ns = None if busy_s is None else int(busy_s * 10**9)
    known = {"energy_mj": energy_mj, "covered_us": seconds * 10**6, "busy_cpu_ns": busy_ns, "memory_byte_s": memory}
    return {"window_start": START, "window_s": HOUR, "site": "s1", "host": host, "quality": "measured"} | known


READINGS = [
    read("10.0.0.1", 812_345_671, 17_333.377, 40 * GIB * HOUR + 12_345),
    read("n2", 1_023_456_789, 40_111.123),
    read("st", 312_345_677),
    read("ded", 201_234_567, 3000, seconds=1800),
]

MEASURED = [
    row("n1", "acme", "web", 3001.123456789, memory_byte_s=5 * GIB * HOUR + 777, network_bytes=12 * GIB + 1),
    row("n1", "acme", "batch", 1501.3, disk_bytes=7 * GIB + 5),
    row("n1", "acme", "batch", 11.7, sku="large"),
    row("n1", "bolt", "api", 2222.22, memory_byte_s=3 * GIB * HOUR + 1),
    row("n2", "acme", "web", 7001.1, memory_byte_s=GIB * HOUR),
    row("n2", "bolt", "api", 5002.2, network_bytes=GIB // 3),
    row("n2", "bolt", "cron", 111.1),
    row("n2", "search", "find", 4003.3),
    row("n2", "queue", "mq", 2002.7),
    row("n1", "queue", "", 301.1),
    row("n2", "store", "blk", 902.1),
    row("n3", "acme", "batch", 2001.9, gpu_ns=1_234_567_890_123),
    row("n3", "eve", "ml", 100.3, gpu_ns=234_567_890_123),
    row("st", "acme", "web", 50.5, disk_bytes=717 * GIB + 13),
    row("st", "store", "blk", 10, disk_bytes=1717 * GIB + 11),
    row("st", "bolt", "api", disk_bytes=17 * GIB + 13),
    row("ded", "dora", "own", 1000.7),
    row("ded", "dora", "rest", 317.9),
    row("n9", "bolt", "far", 777.777777777),
]

TOLD = [
    told("n1", "acme", "web", "GET /", 1000.1, 5),
    told("n1", "acme", "web", "POST /", 700.3, 7, labels='{"k":"v"}'),
    told("n1", "acme", "batch", "run", 5000.7, 3),
    told("n1", "acme", "ghost", "boo", 300.3, 2),
    told("n2", "acme", "web", "GET /", 900.9, 11),
    told("n2", "bolt", "api", "x", 6000.6, 13),
    told("n2", "bolt", "api", "y", 2000.6, 13),
    told("n1", "corp", "secret", "s", 333.3, 17),
    told("n1", "corp", "secrets", "s", 222.1, 17),
    told("n1", "eve", "big", "b", 99_999.9, 19),
    told("n2", "eve", "small", "c", 12.3, 4),
    told("n2", "dora", "own", "peek", 55.5, 3),
    told("mute", "eve", "small", "c", 77.7, 4),
    told("ded", "dora", "own", "op", 300.3, 3),
    told("", "acme", "web", "anywhere", 400.7, 6),
    told("", "bolt", "lost", "o", 43.21, 8),
    told("elsewhere", "corp", "lost", "o", 1.23456, 9),
    told("n2", "search", "find", "q", 1000.1, 3, caller_account="acme"),
    told("n2", "search", "find", "q", 2000.1, 3, caller_account="bolt"),
    told("n2", "search", "find", "q", 500.1, 3, caller_account="queue"),
    told("n2", "search", "find", "q", 333.1, 3),
    told("n2", "queue", "mq", "m", 1200.1, 3, caller_account="search"),
    told("n2", "queue", "mq", "m", 400.1, 3, caller_account="corp"),
    told("n1", "queue", "", "m", 200.1, 3, caller_account="store"),
    told("n1", "queue", "", "m", 50.1, 3),
]


def as_it_is() -> Inputs:
    return BOOK, MEASURED + TOLD, READINGS


def with_a_meter_of_the_facility() -> Inputs:
    return BOOK.replace('unsold_to = "tenants"', 'unsold_to = "provider"'), MEASURED + TOLD, [*READINGS, read("", 4_333_333_333)]


def ramping_up() -> Inputs:
    return BOOK.replace("pue =", "ramp_up_until = 2027-01-01\nmature_share = 0.8131\npue ="), MEASURED + TOLD, READINGS


def with_an_owner_who_reserves_too() -> Inputs:
    return BOOK.replace('account = "corp"\nsite', 'account = "dora"\nsite'), MEASURED + TOLD, READINGS


def with_declared_use_alone() -> Inputs:
    """Services that report nothing: two keep their cost, one passes on what the book declares."""
    return BOOK, MEASURED + [row for row in TOLD if row["account"] not in {"search", "queue"}], READINGS


def in_five_minute_rows() -> Inputs:
    chance = random.Random(7)
    rows = []
    for whole in MEASURED:
        cuts = [0, *sorted(chance.randint(0, 10**6) for _ in range(11)), 10**6]
        for at, (left, right) in enumerate(pairwise(cuts)):
            used = {name: whole[name] * (right - left) // 10**6 for name in USED}
            rows.append({**whole, **used, "window_start": START + timedelta(minutes=5 * at), "window_s": 300})
    return BOOK, rows + TOLD, READINGS


def in_a_quarter_of_an_hour_with_ties() -> Inputs:
    """Equal weights all over, so that the order of claims and leaves decides who gets a unit."""
    rows = [*MEASURED, *TOLD]
    return (
        BOOK.replace('window = "1h"', 'window = "15min"').replace("mwh = 0.000331", "mwh = 0.00033"),
        [{**row, "window_s": 900} | {name: min(row[name], 10**9) for name in USED if row[name]} for row in rows],
        [{**reading, "window_s": 900, "covered_us": reading["covered_us"] // 4} for reading in READINGS],
    )


CASES = [
    as_it_is,
    with_a_meter_of_the_facility,
    ramping_up,
    with_an_owner_who_reserves_too,
    with_declared_use_alone,
    in_five_minute_rows,
    in_a_quarter_of_an_hour_with_ties,
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_posting_comes_out_a_second_time(case: Callable[[], Inputs], rule: str, tmp_path: Any) -> None:
    book, rows, readings = case()
    path = tmp_path / "facility.toml"
    path.write_text(book, encoding="utf-8")
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for posting in allocate(read_facility(path), usage(rows, readings), rule=rule).postings.to_pylist():
        names = ("account", "service", "sku", "operation", "labels", "component")
        key = tuple(posting[name] for name in names)
        found[key] = {name: posting[name] for name in (*MEASURES, "count") if posting[name]}
    expected = Recomputed(book, rows, readings, START, rule).postings
    assert len(expected) > 100
    assert {key: sums for key, sums in found.items() if sums} == expected
