"""What docs/inventory.md shows runs, and gives what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from greencloud.inventory.rows import COLUMNS
from greencloud.results.inventory import RestatementCause

PAGE = (Path(__file__).parents[1] / "docs" / "inventory.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found
    return found[1]


def test_the_example_runs(tmp_path: Path) -> None:
    (tmp_path / "inventory.csv").write_text(block("csv"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("python")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "scope1  203.8 t",
        "scope2_location_based  310.0 t",
        "scope2_market_based  42.50 t",
        "scope3 6 19.00 t",
        "18.25 t -> 19.00 t late_data invoices of December",
    ]


def test_the_page_names_every_column_and_every_cause() -> None:
    for word in (*COLUMNS, *RestatementCause):
        assert f"`{word}`" in PAGE
