"""A data directory that lost a part of itself goes on with what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory
from ledger_builders import batch, energy_of, hour


@pytest.mark.parametrize("lost", ["all", "latest"])
def test_leases_that_were_lost_begin_above_the_number_that_the_table_has_seen(tmp_path: Path, lost: str) -> None:
    data = DataDirectory.open(tmp_path, create=True)
    leases = tmp_path / "ledger" / "leases"
    for number in range(3):
        if number == 1:
            shutil.copytree(leases, tmp_path / "backup")
        with data.allocating(), data.writing() as held:
            data.ledger.post(batch({"a": 1}, window=hour(number)), lease=held.number)
    shutil.rmtree(leases)
    if lost == "latest":
        shutil.copytree(tmp_path / "backup", leases)
    with data.allocating(), data.writing() as held:
        assert held.number == 4
        assert data.ledger.post(batch({"a": 1}, window=hour(3)), lease=held.number)
    assert energy_of(data.ledger) == {"a": 4}
