"""The stock Python SDK and its auto-instrumentation deliver completely; a refusal is seen by the sender."""

from __future__ import annotations

from pathlib import Path

from sender_runs import instrumented, python
from sending import marks, operations
from serving import serving

pytestmark = marks


def test_the_python_sdk_delivers_plain_and_gzip(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        # The plain form is the default; this SDK knows no word for it.
        for kind, more in (("plain", {}), ("gzip", {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})):
            sent = python(server.target, server.token("acme"), f"python-{kind}", "600", **more)
            assert (sent.returncode, sent.stdout, sent.stderr) == (0, "", "")

    expected = {(f"python-{kind}", f"job {job}"): 200 for kind in ("plain", "gzip") for job in range(3)}
    assert operations(data, "acme") == expected


def test_an_unchanged_app_under_opentelemetry_instrument_delivers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        sent = instrumented(server.target, server.token("acme"), 120)
        assert (sent.returncode, sent.stdout, sent.stderr) == (0, "", "")

    assert operations(data, "acme") == {("shop", "GET /order/<int:number>"): 120, ("shop", "GET /stock"): 40}


def test_a_wrong_or_missing_token_is_refused_and_the_sender_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        for token in ("not-a-token", ""):
            assert "UNAUTHENTICATED" in python(server.target, token, "stranger", "10").stderr
        assert python(server.target, server.token("acme"), "friend", "3").stderr == ""

    assert operations(data, "acme") == {("friend", f"job {job}"): 1 for job in range(3)}
