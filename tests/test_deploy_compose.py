"""The trial of deploy/compose.yaml: Compose takes it, the command line takes what it starts, and it is as safe as it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployed import DEPLOY, ROOT, refusal, unread

COMPOSE = DEPLOY / "compose.yaml"


def program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed: pip install 'greencloud[test]'")
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Each service, as Compose understands the file."""
    command = [program("docker-compose"), "--file", str(COMPOSE), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def of_greencloud(services: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in services.items() if each["image"].startswith("greencloud")}


def test_the_command_line_takes_what_is_started(services: dict[str, Any]) -> None:
    serving = {name: each["command"] for name, each in of_greencloud(services).items() if each["command"]}

    assert set(serving) == {"server-1", "server-2", "allocator"}
    for name, words in serving.items():
        assert refusal(words) == "", name
    (script,) = [each["entrypoint"][-1] for each in of_greencloud(services).values() if each.get("entrypoint")]
    assert refusal(script.partition(" > ")[0].split()[1:]) == ""


def test_every_variable_is_read_by_somebody(services: dict[str, Any]) -> None:
    assert unread({name for each in of_greencloud(services).values() for name in each["environment"]}) == set()


def test_all_that_share_a_store_share_the_log_and_the_keys(services: dict[str, Any]) -> None:
    serving = [each for each in of_greencloud(services).values() if each["command"]]

    for key in ("GREENCLOUD_STORE_URI", "GREENCLOUD_LOG_URI", "KEYS_FROM", "AWS_ENDPOINT_URL"):
        assert len({each["environment"][key] for each in serving}) == 1
    folders = [next(each["source"] for each in one["volumes"] if each["target"] == "/var/lib/greencloud") for one in serving]
    assert len(set(folders)) == len(folders), "a data directory each"


def test_no_process_of_ours_can_do_more_than_it_must(services: dict[str, Any]) -> None:
    for name, each in of_greencloud(services).items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in each["security_opt"], name


def test_only_this_machine_is_listened_to(services: dict[str, Any]) -> None:
    for name, each in services.items():
        assert all(port["host_ip"] == "127.0.0.1" for port in each.get("ports", [])), name


def test_a_server_has_time_to_drain(services: dict[str, Any]) -> None:
    from greencloud.server.process import GRACE_S

    for each in of_greencloud(services).values():
        assert int(each["stop_grace_period"].removesuffix("s")) > GRACE_S


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    bound = [Path(each["source"]) for one in services.values() for each in one.get("volumes", []) if each["type"] == "bind"]

    assert len(bound) >= 5
    for path in bound:
        assert path.is_file(), path.relative_to(ROOT)


def test_the_store_knows_the_key_that_the_servers_have(services: dict[str, Any]) -> None:
    (identity,) = json.loads((DEPLOY / "compose/s3.json").read_text())["identities"]
    environment = services["server-1"]["environment"]

    assert identity["credentials"] == [
        {"accessKey": environment["AWS_ACCESS_KEY_ID"], "secretKey": environment["AWS_SECRET_ACCESS_KEY"]}
    ]


def test_the_broker_syncs_what_it_acknowledges_and_takes_its_configuration() -> None:
    text = (DEPLOY / "compose/nats.conf").read_text()
    assert "sync_interval: always" in text

    command = [program("nats-server"), "-t", "-c", str(DEPLOY / "compose/nats.conf")]
    environment = {**os.environ, "NATS_USER": "a", "NATS_PASSWORD": "b"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_value_of_a_service_is_explained() -> None:
    """Each option that is ours and each variable has its reason behind it or above it."""
    lines = COMPOSE.read_text().splitlines()
    shared = lines[lines.index("x-environment: &environment") + 1 : lines.index("x-needs: &needs")]
    commented = [line for line in shared if (line and "#" in line) or re.search(r"SECRET|PASSWORD", line)]
    assert len(commented) == len([line for line in shared if line])
