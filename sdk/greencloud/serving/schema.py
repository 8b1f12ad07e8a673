"""The tables of a serving copy, in the schema ``greencloud`` of a PostgreSQL database (15 or later).

``posting`` has every visible posting, ``day_sum`` the postings of a site's UTC day added up over everything but time; both are
partitioned by calendar month (UTC) and found by account. ``day`` says which days have their sums yet. ``batch`` and ``segment`` say
what was copied, so that the next refresh finds what changed; ``copy_state`` has one row, of the version of the ledger that all of
it is.

Texts compare byte by byte (collation "C"). PostgreSQL's texts cannot hold U+0000, which a name in telemetry may; ``encoded`` and
``decoded`` say how it is written instead.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from greencloud.ledger.periods import months_after
from greencloud.ledger.rollup_table import TEXTS
from greencloud.ledger.sums import SUMS

__all__ = ["COLUMNS", "FORMAT", "SCHEMA", "TABLES", "attach_sql", "create_sql", "decoded", "encoded", "partition_name"]

FORMAT: Final = 1
SCHEMA: Final = "greencloud"
TABLES: Final = ("copy_state", "segment", "batch", "day", "day_sum", "posting")

COLUMNS: Final = {
    "posting": ("window_start", "window_s", *TEXTS, "flags", "posted", *SUMS),
    "day_sum": ("day", *TEXTS, "flags", "posted", *SUMS),
}
"""The columns of the tables that hold figures, in order."""

_TEXT: Final = 'text COLLATE "C"'
_STATE: Final = (
    "only_row bool PRIMARY KEY DEFAULT true CHECK (only_row)",
    "format int4 NOT NULL",
    "ledger text NOT NULL",
    "version int8 NOT NULL",
    "content text NOT NULL",
    "committed timestamptz",
    "refreshed timestamptz NOT NULL DEFAULT now()",
)
_BATCH: Final = (
    f"id {_TEXT} NOT NULL",
    "created timestamptz NOT NULL",
    f"site {_TEXT} NOT NULL",
    "window_start timestamptz NOT NULL",
    "window_s int4 NOT NULL",
    "provisional bool NOT NULL",
    f"segment {_TEXT} NOT NULL",
    "PRIMARY KEY (site, window_start)",
)
_PLACE: Final = {"posting": "window_start", "day_sum": "day"}
_TYPES: Final = {
    "window_start": "timestamptz",
    "window_s": "int4",
    "day": "date",
    "flags": "int2",
    "posted": "timestamptz",
    **dict.fromkeys(TEXTS, _TEXT),
    # Exact for any sum of 64-bit amounts; and most amounts take fewer bytes so than as an int8.
    **dict.fromkeys(SUMS, "numeric(38, 0)"),
}
_COMMENTS: Final = {
    "copy_state": "One row: which version of which ledger the tables of this schema are a copy of. Never the truth: the ledger is.",
    "segment": "The segments that make up the version, by their path in the ledger.",
    "batch": "The batches that were copied: one for each site and window, with the segment that it lies in.",
    "day": "The UTC days of sites that have postings; rolled: day_sum has them, too.",
    "posting": "Every visible posting of the ledger: the smallest figures that there are.",
    "day_sum": "The postings of one site and UTC day, added up over its windows. Days that are not rolled are missing.",
    "window_start": "Start of the window (UTC), half-open.",
    "window_s": "Length of the window, in seconds.",
    "account": "Account that bears it; a name in brackets, as (unsold), is a pool of the provider.",
    "labels": "Labels as a JSON object.",
    "component": "dynamic, idle, unsold, overhead, shared, embodied or building.",
    "quality": "Kinds of evidence other than measured, with commas between them; empty: measured.",
    "flags": "Sum of 1: provisional; 2, 4, 8: no half-width is known of energy, of the location-based, of the market-based total.",
    "posted": "When the batch was posted (the newest of them).",
    "energy_mj": "Energy, in millijoules.",
    "scope1_ug": "Scope 1, in micrograms of CO2e.",
    "scope2_location_ug": "Scope 2, location-based, in micrograms of CO2e.",
    "scope2_market_ug": "Scope 2, market-based, in micrograms of CO2e.",
    "scope3_upstream_location_ug": "Scope 3, fuel- and energy-related, location-based, in micrograms of CO2e.",
    "scope3_upstream_market_ug": "Scope 3, fuel- and energy-related, market-based, in micrograms of CO2e.",
    "scope3_embodied_ug": "Scope 3, embodied, amortised, in micrograms of CO2e.",
    "count": "Operations.",
    "energy_half_width_mj": "Half-width of the 95 % interval of energy, in millijoules; 0 where it is not known.",
    "location_half_width_ug": "Half-width of the 95 % interval of the location-based total, in micrograms of CO2e; as above.",
    "market_half_width_ug": "Half-width of the 95 % interval of the market-based total, in micrograms of CO2e; as above.",
}


def create_sql() -> list[str]:
    """The statements that make the schema and its tables."""
    made = [
        "CREATE SCHEMA IF NOT EXISTS greencloud",
        _table("copy_state", *_STATE),
        _table("segment", f"path {_TEXT} PRIMARY KEY"),
        _table("batch", *_BATCH),
        "CREATE INDEX ON greencloud.batch (segment)",
        _table("day", f"site {_TEXT}", "day date", "rolled bool NOT NULL", "PRIMARY KEY (site, day)"),
    ]
    for table, columns in COLUMNS.items():
        place = _PLACE[table]
        listed = ", ".join(f"{name} {_TYPES[name]} NOT NULL" for name in columns)
        made += [
            f"CREATE TABLE greencloud.{table} ({listed}) PARTITION BY RANGE ({place})",
            f"CREATE INDEX ON greencloud.{table} (account, {place})",
            f"CREATE INDEX ON greencloud.{table} (site, {place})",
        ]
        made += [
            f"COMMENT ON COLUMN greencloud.{table}.{name} IS {_quoted(_COMMENTS[name])}" for name in columns if name in _COMMENTS
        ]
    return [*made, *(f"COMMENT ON TABLE greencloud.{table} IS {_quoted(_COMMENTS[table])}" for table in TABLES)]


def _table(name: str, *columns: str) -> str:
    return f"CREATE TABLE greencloud.{name} ({', '.join(columns)})"


def partition_name(table: str, month: datetime) -> str:
    """posting_2026_01."""
    return f"{table}_{month:%Y_%m}"


def attach_sql(table: str, month: datetime) -> str:
    """Make a loaded partition part of its table. Readers go on meanwhile, which CREATE TABLE PARTITION OF would keep out."""
    first, following = (f"{each:%Y-%m-%d} 00:00:00+00" for each in (month, months_after(month, 1)))
    name = partition_name(table, month)
    return f"ALTER TABLE greencloud.{table} ATTACH PARTITION greencloud.{name} FOR VALUES FROM ('{first}') TO ('{following}')"


_MARK: Final = "\ue000"  # of Unicode's private use area


def encoded(text: str) -> str:
    """A text as the copy has it: U+0000 as U+E000 and 0, U+E000 as U+E000 and 1; all else as it is."""
    return text.replace(_MARK, _MARK + "1").replace("\0", _MARK + "0")


def decoded(text: str) -> str:
    """The inverse of ``encoded``."""
    return text.replace(_MARK + "0", "\0").replace(_MARK + "1", _MARK) if _MARK in text else text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
