"""The soak of ``ledger_soak`` in its short form; the long one is ``python tests/ledger_soak.py --minutes 10``."""

from __future__ import annotations

import pytest

from ledger_soak import run


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_readers_beside_a_writer_see_whole_versions() -> None:
    told = run(minutes=0.5, readers=3)
    assert told["write"]["posts"] > 5
    assert told["ledger"]["version"] >= told["write"]["posts"]
