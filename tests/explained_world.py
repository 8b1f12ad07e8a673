"""A data directory that was allocated from files: a book that says all that a book can, and what is known of two hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from greencloud.engine import DataDirectory, run_allocation
from strategies import usage
from test_allocation_recomputed import BOOK, MEASURED, READINGS, START, TOLD

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def explained_world(folder: Path, *, rule: str = "reserved_and_used") -> DataDirectory:
    """Two hours of site s1, the second with less use."""
    data = DataDirectory.open(folder / "data", create=True)
    (folder / "facility.toml").write_text(BOOK.replace("mwh = ", "mwh = 0.0000001 # "), encoding="utf-8")
    data.apply_facility(folder / "facility.toml")
    rows = [*MEASURED, *TOLD]
    for at, factor in enumerate((1, 2)):
        data.segments.write(usage([_later(row, at, factor) for row in rows], [_later(reading, at, factor) for reading in READINGS]))
    run_allocation(data, now=NOW, rule=rule)
    return data


def _later(row: dict[str, Any], hours: int, divisor: int) -> dict[str, Any]:
    amounts = {
        name: value // divisor for name, value in row.items() if isinstance(value, int) and name not in {"window_s", "covered_us"}
    }
    return row | amounts | {"window_start": START + hours * HOUR}
