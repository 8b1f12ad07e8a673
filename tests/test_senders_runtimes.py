"""Deno's and Temporal's OpenTelemetry (Rust) and k6's (Go) deliver completely."""

from __future__ import annotations

import json
from pathlib import Path

from sender_runs import deno, k6, python, temporal
from sending import marks, numbers, operations, wait_for
from serving import greencloud, serving

pytestmark = marks


def test_deno_delivers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        sent = deno(server.target, server.token("acme"), 600, tmp_path)
        assert (sent.returncode, sent.stdout, sent.stderr) == (0, "", "")

    assert operations(data, "acme") == {("deno", f"job {job}"): 200 for job in range(3)}


def test_deno_says_that_it_was_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        sent = deno(server.target, server.token("acme"), 10, tmp_path, percent=True)
        assert "the call carries no valid credential" in sent.stderr


def test_deltas_of_temporal_add_up_in_the_log_and_in_the_report(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def counted(metric: str) -> float:
        return sum(value for _, _, value in numbers(data, metric))

    with serving(data) as server:
        with temporal(server.target, server.token("acme"), 20, tmp_path):
            wait_for(lambda: (counted("jobs_done"), counted("process.cpu.time")) == (20, 20))
        # 300 spans of 20 ms are 6 s of one core, which the report can be held against.
        assert python(server.target, server.token("acme"), "yardstick", "300").stderr == ""

    assert len(numbers(data, "jobs_done")) > 1, "one delta proves no sum"
    greencloud("allocate", "--data", data)
    told = greencloud("report", "--data", data, "--account", "acme", "--group-by", "service", "-o", "json").stdout
    energy = {row["dimensions"]["service"]: row["energy"]["millijoules"] for row in json.loads(told)["rows"]}
    assert abs(energy["temporal-worker"] * 6 - energy["yardstick"] * 20) <= 26  # each is whole millijoules


def test_k6_delivers_its_counters(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        sent = k6(server.target, server.token("acme"))
        assert sent.returncode == 0, sent.stderr  # an export under way is cancelled at its end, which it logs

    # Cumulative: the last is the sum.
    resource, _, iterations = numbers(data, "iterations")[-1]
    assert (resource["service.name"], iterations, numbers(data, "orders")[-1][2]) == ("k6", 90, 180)
