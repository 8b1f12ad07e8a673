"""The crash load in its short form: some kills, a full disk, a stepped clock, and every acknowledged span counted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import serves_workers
from crash_load import Plan, crash_load

pytestmark = pytest.mark.stress


@pytest.mark.timeout(400)
@pytest.mark.parametrize("workers", [1, 2])
def test_every_acknowledged_span_is_counted_exactly_once_whatever_happens(tmp_path: Path, workers: int) -> None:
    if workers > 1 and not serves_workers():
        pytest.skip("greencloud serve has no --workers")

    found = crash_load(
        tmp_path, Plan(seconds=10, kill_every_s=4, rate=600, workers=workers, disk_bytes=320 << 20, allocate_at=(0.7,))
    )

    assert found["sent"] == found["acknowledged"] == found["counted"]
    assert found["kills"] >= 2
    assert found["duplicates_sent"]
    assert found["retries"]
    if not found["left_out"]:
        assert (found["disk_fills"], found["clock_steps"]) == (1, 3)
        assert found["refusals_with_retry_info"]
