"""Proxies that trace what passes through them deliver completely: Envoy (C++) and Caddy (Go)."""

from __future__ import annotations

from pathlib import Path

from sender_runs import caddy, envoy
from sending import marks, numbers, operations, wait_for
from serving import serving

pytestmark = marks


def requests_counted(data: Path) -> float:
    """The last that Envoy's cumulative counter of the traced listener said."""
    found = numbers(data, "http.downstream_rq_total")
    return max((value for _, labels, value in found if labels["envoy.http_conn_manager_prefix"] == "edge"), default=0)


def test_envoy_delivers_a_span_for_each_request_and_its_counters(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server, envoy(server.target, server.token("acme"), 101, tmp_path) as running:
        wait_for(lambda: running.has_sent(101))
        wait_for(lambda: requests_counted(data) == 101)
        assert running.stats()["tracing.opentelemetry.spans_dropped"] == "0"

    assert operations(data, "acme") == {("envoy-edge", "serve shop"): 101}


def test_caddy_delivers_a_span_for_each_request(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server, caddy(server.target, server.token("acme"), 150, tmp_path):
        pass

    assert operations(data, "acme") == {("caddy", "checkout"): 150}
