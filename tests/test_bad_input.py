"""Bad input gives a clear message and a documented status, and nothing stored is harmed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, greencloud, serving

NOW = time.time_ns()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> object:
    with serving(tmp_path_factory.mktemp("bad") / "data") as served:
        yield served


def export(server: Served, payload: bytes, account: str = "acme") -> ExportTraceServiceResponse:
    with exporting(server.target, server.token(account)) as send:
        return send(payload)


def test_a_span_without_a_resource_is_kept_under_unknown_service_with_a_warning(server: Served) -> None:
    request = ExportTraceServiceRequest.FromString(trace_request({}, [SpanSpec(1, 1, NOW - SECOND, NOW)]))
    request.resource_spans[0].ClearField("resource")

    answer = export(server, request.SerializeToString())

    assert answer.partial_success.rejected_spans == 0
    assert "unknown_service" in answer.partial_success.error_message


def test_a_negative_duration_is_rejected_and_its_neighbours_are_kept(server: Served) -> None:
    spans = [SpanSpec(2, 2, NOW, NOW - SECOND, "backwards"), SpanSpec(2, 3, NOW - SECOND, NOW, "forwards")]

    answer = export(server, trace_request({"service.name": "clock"}, spans))

    assert answer.partial_success.rejected_spans == 1
    assert "end" in answer.partial_success.error_message


def test_bytes_that_are_not_otlp_are_an_invalid_argument(server: Served) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(server, b"\xff\xff\xff")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_nobody_writes_without_a_credential(server: Served) -> None:
    with exporting(server.target) as send, pytest.raises(grpc.RpcError) as refused:
        send(trace_request({"service.name": "x"}, []))

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_report_of_an_unknown_account_names_the_known_ones(server: Served) -> None:
    export(server, trace_request({"service.name": "s"}, [SpanSpec(1, 1, NOW - SECOND, NOW)]))
    greencloud("allocate", "--data", server.data)

    done = greencloud("report", "--data", server.data, "--account", "acmee", check=False)

    assert done.returncode == 5
    assert "acmee" in done.stderr
    assert "acme" in done.stderr.replace("acmee", "")


def test_a_facility_book_with_a_typo_names_file_line_and_remedy_and_the_old_one_stays(tmp_path: Path) -> None:
    data, book = tmp_path / "data", tmp_path / "facility.toml"
    greencloud("ingest", "--data", data, __file__, check=False)  # makes the directory; a .py file is refused
    book.write_text('[facility]\nname = "x"\nwidnow = "1h"\n')

    done = greencloud("serve", "--data", data, "--facility", book, "--listen", "127.0.0.1:0", check=False)

    assert done.returncode == 1
    assert f"{book}:3:" in done.stderr
    assert "window" in done.stderr
    assert done.stdout == ""
    assert not (data / "facility" / "current.json").exists()


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        done = greencloud("serve", "--data", tmp_path / "data", "--listen", target, check=False)

    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "--listen" in done.stderr


@pytest.mark.parametrize("verb", [["serve", "--listen", "127.0.0.1:0"], ["allocate"], ["doctor"], ["report", "--account", "a"]])
def test_a_data_directory_of_a_newer_version_is_refused(tmp_path: Path, verb: list[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    marker = data / "greencloud.json"
    marker.write_text(json.dumps({"format": 99}))

    done = greencloud(*verb, "--data", data, check=False)

    assert done.returncode == 1
    assert "newer greencloud" in done.stderr + done.stdout
    assert "upgrade" in done.stderr + done.stdout
    assert list(data.iterdir()) == [marker]


def test_a_folder_of_other_things_is_not_made_a_data_directory(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    done = greencloud("serve", "--data", tmp_path, "--listen", "127.0.0.1:0", check=False)

    assert done.returncode == 1
    assert "not empty" in done.stderr


def test_an_unknown_verb_gets_a_suggestion() -> None:
    done = greencloud("serv", check=False)

    assert done.returncode == 2
    assert "serve" in done.stderr


def test_a_tenant_token_needs_an_account(tmp_path: Path) -> None:
    done = greencloud("token", "--data", tmp_path / "data", "--role", "tenant", check=False)

    assert done.returncode == 2
    assert "--account" in done.stderr


def test_a_tenants_spans_of_years_ago_open_no_windows(server: Served) -> None:
    year = 365 * 86_400 * SECOND
    spans = [SpanSpec(7, 7, NOW - year - SECOND, NOW - year, "old"), SpanSpec(7, 8, NOW - SECOND, NOW, "new")]

    answer = export(server, trace_request({"service.name": "clock"}, spans))

    assert answer.partial_success.rejected_spans == 0, "it is kept, in a dead-letter file"
    assert "1 span began more than 7 days before" in answer.partial_success.error_message
    greencloud("allocate", "--data", server.data, check=False)
    (kept,) = (server.data / "telemetry" / "dead-letters").rglob("*.jsonl")
    assert "old" in kept.read_text()


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_wrong_usage(tmp_path: Path, time: str) -> None:
    done = greencloud("report", "--data", tmp_path, "--account", "acme", "--from", time, check=False)

    assert done.returncode == 2
    assert "years 1 to 9999" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_system_refuses_is_told_with_its_path_and_without_a_traceback(tmp_path: Path) -> None:
    data = tmp_path / "data"
    greencloud("ingest", "--data", data, __file__, check=False)
    (data / "keys").write_text("a file where a folder should be")

    done = greencloud("token", "--data", data, "--role", "provider", check=False)

    assert done.returncode == 1
    assert str(data / "keys") in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_command_ends_with_130(tmp_path: Path) -> None:
    data = tmp_path / "data"
    greencloud("ingest", "--data", data, __file__, check=False)
    marker = data / "greencloud.json"
    marker.unlink()
    os.mkfifo(marker)  # reading it waits, as for a slow disk
    command = [sys.executable, "-m", "greencloud", "allocate", "--data", str(data)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, marker.open("w"):  # which waits for a reader
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told
