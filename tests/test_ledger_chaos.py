"""The rounds of ``ledger_chaos`` in their short form; the long one is ``python tests/ledger_chaos.py --rounds 300``."""

from __future__ import annotations

import pytest

from ledger_chaos import run


@pytest.mark.stress
@pytest.mark.timeout(600)
def test_a_ledger_whose_writers_are_killed_keeps_its_promises() -> None:
    told = run(40, seed=20261127)
    assert told["kills"] >= 20
    assert min(told[kind] for kind in ("post", "compact", "vacuum", "close", "statements", "lost leases")) > 0
