"""The collector is held off, and let go on whatever happens."""

from __future__ import annotations

import gc

import pytest

from greencloud.engine.collector import collector_paused


def test_the_collector_goes_on_when_the_last_holder_leaves() -> None:
    assert gc.isenabled()
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_lets_it_go_on() -> None:
    with pytest.raises(RuntimeError, match="no"), collector_paused():
        raise RuntimeError("no")
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
