"""``greencloud doctor`` names what is wrong with a data directory, and how to mend it."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path

import pytest

from greencloud.facility import starter_facility
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import greencloud, serving

NOW = time.time_ns()
STARTER = starter_facility().default_site


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two requests in the log and one batch."""
    path = tmp_path_factory.mktemp("doctor") / "data"
    with serving(path) as server, exporting(server.target, server.token("acme")) as export:
        for number in (1, 2):
            export(trace_request({"service.name": "shop"}, [SpanSpec(number, number, NOW - SECOND, NOW)]))
    greencloud("allocate", "--data", path)
    return path


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(made, tmp_path / "data")


def findings(data: Path) -> tuple[int, dict[str, str]]:
    """The exit code, and the text of each fault by topic."""
    done = greencloud("doctor", "--data", data, "-o", "json", check=False)
    return done.returncode, {found["topic"]: found["text"] for found in json.loads(done.stdout) if found["status"] == "fault"}


def test_a_sound_directory_has_no_fault_and_says_that_the_starter_is_in_force(data: Path) -> None:
    assert findings(data) == (0, {})
    assert "named defaults" in greencloud("doctor", "--data", data).stdout


def test_damage_in_the_log_is_named(data: Path) -> None:
    segment = next((data / "wal").iterdir())
    content = bytearray(segment.read_bytes())
    content[len(content) // 3] ^= 0xFF
    segment.write_bytes(content)

    code, faults = findings(data)

    assert code == 1
    assert segment.name in faults["log"]


def test_a_changed_segment_of_the_ledger_is_named(data: Path) -> None:
    segment = next((data / "ledger").rglob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-50])

    code, faults = findings(data)

    assert code == 1
    assert segment.name in " ".join(faults.values())


def test_batches_without_what_they_were_made_from_are_named_and_are_no_fault(data: Path) -> None:
    assert "can be computed again" in greencloud("doctor", "--data", data).stdout
    kept = next((data / "inputs").rglob("*.arrows"))
    kept.write_bytes(kept.read_bytes()[:-9])

    damaged = greencloud("doctor", "--data", data).stdout
    kept.unlink()
    missing = greencloud("doctor", "--data", data).stdout

    assert f"with damaged inputs (first: {STARTER}" in damaged
    assert kept.name in damaged
    assert f"without their inputs (first: {STARTER}" in missing


def test_who_held_the_lease_is_told_where_the_broker_is_away(data: Path) -> None:
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'greencloud[test]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        uri = f"nats://127.0.0.1:{taken.getsockname()[1]}/away"
        done = greencloud("doctor", "--data", data, "--log", uri, check=False)

    assert done.returncode == 1
    assert "fault  shared log" in done.stdout
    assert "ok     lease" in done.stdout


def test_a_key_that_others_can_read_is_a_fault(data: Path) -> None:
    (data / "keys" / "signing-key.pem").chmod(0o644)

    code, faults = findings(data)

    assert (code, list(faults)) == (1, ["keys"])
