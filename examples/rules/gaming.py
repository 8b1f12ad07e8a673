"""What an account can do to its own bill under each rule, without doing less work.

    python examples/rules/gaming.py FOLDER ACCOUNT

FOLDER is what a converter wrote; ACCOUNT is one of its tenants. It plays one trick at a time, everyone else stays as they are, and
the table has the energy that the account (or its halves together) is charged under each rule.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import greencloud
from greencloud.allocation import RULES, compare
from greencloud.facility import Account, Facility, Reservation
from greencloud.usage import MEASURES, Usage, rebin, usage_from

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from recordings import figure

HALVES = ("half-1", "half-2")
MJ_PER_KWH = 3_600_000_000

Played = tuple[Facility, Usage]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Play tricks with one account's bill.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("account", metavar="ACCOUNT")
    options = parser.parse_args(arguments)
    facility = greencloud.read_facility(options.folder / "facility.toml")
    usage = greencloud.read_usage(options.folder / "usage.parquet")
    print("| kWh | " + " | ".join(f"`{rule}`" for rule in RULES) + " |")
    print("| --- |" + " ---: |" * len(RULES))
    for name, trick in tricks(options.account).items():
        bill = billed(*trick(facility, usage), options.account)
        print(f"| {name} | " + " | ".join(figure(bill[rule] / MJ_PER_KWH) for rule in RULES) + " |")


def tricks(account: str) -> dict[str, Callable[[Facility, Usage], Played]]:
    return {
        f"{account} as it is": lambda facility, usage: (facility, usage),
        "poses as two tenants": lambda facility, usage: split(facility, usage, account),
        "reserves half as much": lambda facility, usage: (reserving(facility, account, half), usage),
        "reserves twice as much": lambda facility, usage: (reserving(facility, account, twice), usage),
        "runs evenly within each hour": lambda facility, usage: (facility, evened(usage, account, facility.window_seconds)),
        "reports ten times its use": lambda facility, usage: (facility, boasting(usage, account)),
    }


def billed(facility: Facility, usage: Usage, account: str) -> dict[str, int]:
    """Millijoules by rule, of the account and of its halves."""
    bill = dict.fromkeys(RULES, 0)
    for row in compare(facility, usage, rules=RULES, by=("account",)).table.to_pylist():
        if row["account"] in {account, *HALVES}:
            bill[row["rule"]] += int(row["energy_mj"])
    return bill


def split(facility: Facility, usage: Usage, account: str) -> Played:
    """Two accounts, each with half of every row and reservation."""
    reservations = [held for held in facility.reservations if held.account != account]
    for held in facility.reservations:
        if held.account == account:
            reservations += [replace(half(held), account=name) for name in HALVES]
    accounts = dict(facility.accounts) | {name: Account(name) for name in HALVES}
    mine = pc.equal(usage.rows["account"], account)
    tables = [usage.rows.filter(pc.invert(mine))]
    own = usage.rows.filter(mine)
    for name in HALVES:
        part = own.set_column(own.schema.get_field_index("account"), usage.rows.schema.field("account"), [[name] * own.num_rows])
        for measure in MEASURES:
            at = part.schema.get_field_index(measure)
            first = pc.divide(own[measure], 2)
            part = part.set_column(at, part.schema.field(at), first if name == HALVES[0] else pc.subtract(own[measure], first))
        tables.append(part)
    made = usage_from(pa.concat_tables(tables), usage.readings)
    return replace(facility, reservations=tuple(reservations), accounts=accounts), made


def reserving(facility: Facility, account: str, changed: Callable[[Reservation], Reservation]) -> Facility:
    held = tuple(changed(one) if one.account == account else one for one in facility.reservations)
    return replace(facility, reservations=held)


def half(held: Reservation) -> Reservation:
    return replace(held, vcpu=held.vcpu / 2, gpus=held.gpus / 2, memory_bytes=held.memory_bytes // 2)


def twice(held: Reservation) -> Reservation:
    return replace(held, vcpu=held.vcpu * 2, gpus=held.gpus * 2, memory_bytes=held.memory_bytes * 2)


def evened(usage: Usage, account: str, window_seconds: int) -> Usage:
    """The same use in each window, as one row: a longer row is spread evenly over the slices."""
    mine = pc.equal(usage.rows["account"], account)
    own = rebin(Usage(usage.rows.filter(mine), usage.readings.slice(0, 0)), window_seconds).rows
    return usage_from(pa.concat_tables([usage.rows.filter(pc.invert(mine)), own]), usage.readings)


def boasting(usage: Usage, account: str) -> Usage:
    """The account's own telemetry beside the provider's, ten times as much."""
    own = usage.rows.filter(pc.equal(usage.rows["account"], account))
    schema = own.schema
    own = own.set_column(schema.get_field_index("source"), schema.field("source"), [["tenant"] * own.num_rows])
    for measure in MEASURES:
        at = schema.get_field_index(measure)
        own = own.set_column(at, schema.field(at), pc.multiply(own[measure], 10))
    return usage_from(pa.concat_tables([usage.rows, own]), usage.readings)


if __name__ == "__main__":
    main()
