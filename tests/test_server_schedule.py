"""A server that allocates by itself posts what came in, goes on after a failure, and stops at once."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from greencloud.errors import StoreError
from greencloud.ledger import Ledger
from greencloud.results import RunSummary
from greencloud.server.schedule import allocating_every
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import serving


def test_runs_go_on_after_one_that_is_turned_away_and_one_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    third = threading.Event()
    answers = iter([StoreError("another run is under way"), RuntimeError("a bug")])

    def run() -> RunSummary:
        answer = next(answers, None)
        if answer:
            raise answer
        third.set()
        return RunSummary()

    with allocating_every(0.01, run):
        assert third.wait(20)
    assert "another run is under way" in caplog.text
    assert "a bug" in caplog.text


def test_leaving_ends_the_waiting_at_once_and_zero_means_never() -> None:
    runs: list[int] = []

    def run() -> RunSummary:
        runs.append(1)
        return RunSummary()

    with allocating_every(3600, run):
        pass
    with allocating_every(0, run):
        pass
    assert not runs


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_told_to_allocates_what_it_has_taken(tmp_path: Path, workers: str) -> None:
    now = time.time_ns()
    data = tmp_path / "data"
    options = ("--allocate-every", "1s", "--workers", workers)
    with serving(data, *options) as server, exporting(server.target, server.token("acme")) as export:
        export(trace_request({"service.name": "shop"}, [SpanSpec(1, 1, now - SECOND, now)]))
        deadline = time.monotonic() + 60
        while not (batches := Ledger(data / "ledger").snapshot().batches()):
            assert time.monotonic() < deadline, server.log.read_text()
            with suppress(subprocess.TimeoutExpired):  # the server needs the processor more than who asks whether it is done
                pytest.fail(f"the server ended with {server.process.wait(0.25)}: {server.log.read_text()}")
    assert batches[0].account_energy.millijoules > 0
