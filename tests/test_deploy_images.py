"""The images of deploy/Dockerfile: hadolint finds nothing, what is copied is there, and their scripts do what they say."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli_world import two_months
from deployed import DEPLOY, ROOT, unread
from greencloud.testing import Server
from serving import greencloud, serving
from test_deploy_compose import program

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def run(script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of deploy/ as the image has it: the names of its programs, and greencloud, are on the path."""
    return subprocess.run(
        [str(DEPLOY / script), *words], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A path on which the image's programs are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "greencloud-entrypoint").symlink_to(DEPLOY / "entrypoint.sh")
    (folder / "greencloud").write_text(f'#!/bin/sh\nexec {sys.executable} -m greencloud "$@"\n')
    (folder / "date").write_text('#!/bin/sh\n[ "$2" = +%Y-%m-01 ] && echo 2026-03-01 || exec /bin/date "$@"\n')  # it is March
    for name in ("greencloud", "date"):
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def secret(folder: Path, *names: str) -> Path:
    """Keys as Kubernetes mounts them: links to files that a group can read."""
    (folder / "..data").mkdir(parents=True)
    for name in names:
        key = folder / "..data" / name
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, timeout=60)
        key.chmod(0o440)
        (folder / name).symlink_to(key)
    return folder


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [program("hadolint"), str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    copied = [words.split()[:-1] for words in re.findall(r"(?m)^COPY (?:--chmod=\d+ )?(?!--)(.*)$", DOCKERFILE)]

    assert len(copied) >= 6
    for source in (each for words in copied for each in words):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignore, source


def test_the_extras_are_extras() -> None:
    (extras,) = re.findall(r"(?m)^ARG EXTRAS=(.*)$", DOCKERFILE)
    project = (ROOT / "pyproject.toml").read_text()

    for extra in extras.split(","):
        assert re.search(rf"(?m)^{extra} = \[", project), extra


def test_the_servers_image_runs_as_nobody_in_particular_and_is_asked_for_its_health() -> None:
    image = DOCKERFILE.partition(" AS server")[2].partition(" AS spark")[0]

    assert "USER 10001:10001" in image
    assert "HEALTHCHECK" in image
    assert "STOPSIGNAL SIGTERM" in image
    assert DOCKERFILE.rindex("USER 10001:10001") > DOCKERFILE.rindex("USER 0:0")


def test_every_variable_of_the_images_is_read_by_somebody() -> None:
    found = re.findall(r"(?m)^(?:ENV|   ) ?(\w+)=", DOCKERFILE)

    assert "GREENCLOUD_DATA" in found
    assert unread(found) == set()


def test_keys_of_a_mounted_secret_are_taken_and_are_for_the_owner_alone(tmp_path: Path, path: str) -> None:
    data = tmp_path / "volume" / "data"
    keys, closing = secret(tmp_path / "keys", "signing-key.pem"), secret(tmp_path / "closing", "abc.pem")
    known = {"PATH": path, "GREENCLOUD_DATA": str(data), "KEYS_FROM": str(keys), "CLOSING_KEYS_FROM": str(closing)}
    (data / "keys").mkdir(parents=True)
    (data / "keys").chmod(0o700)
    greencloud("init", "--data", data.parent / "other")  # a start before this one, with another key
    (data.parent / "other/greencloud.json").rename(data / "greencloud.json")
    (data / "keys/signing-key.pem").write_text("another")
    done = run("entrypoint.sh", "token", "--role", "provider.writer", **known)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2, "a token, and nothing else"
    taken = [data / "keys/signing-key.pem", data / "keys/closing/abc.pem"]
    assert [each.read_bytes() for each in taken] == [(keys / "signing-key.pem").read_bytes(), (closing / "abc.pem").read_bytes()]
    for each in (*taken, *(each.parent for each in taken)):
        assert not stat.S_IMODE(each.stat().st_mode) & 0o077, each


def test_without_a_secret_nothing_is_made_but_what_the_verb_makes(tmp_path: Path, path: str) -> None:
    done = run("entrypoint.sh", "--version", PATH=path, GREENCLOUD_DATA=str(tmp_path / "data"))

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists()


def healthy(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "healthy.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_a_server_that_serves_is_healthy(seeded_server: Server) -> None:
    done = healthy(HEALTH_SERVER=seeded_server.target)
    assert done.returncode == 0, done.stderr


def test_where_nobody_serves_it_is_not() -> None:
    done = healthy(HEALTH_SERVER="127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, "127.0.0.1:1: UNAVAILABLE\n")


def test_a_server_with_tls_is_asked_by_the_name_in_its_certificate(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    issued = authority.issue_cert("footprint.example")
    ca, certificate, key = tmp_path / "ca.crt", tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.cert_pem.write_to_path(str(ca))
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    with serving(tmp_path / "data", "--tls-cert", certificate, "--tls-key", key) as server:
        right = healthy(HEALTH_SERVER=server.target, HEALTH_NAME="footprint.example", HEALTH_CA=str(ca))
        other = healthy(HEALTH_SERVER=server.target, HEALTH_NAME="other.example", HEALTH_CA=str(ca))

    assert right.returncode == 0, right.stderr
    assert other.returncode == 1


def test_the_first_close_is_never_a_job_s_and_the_next_ones_are(tmp_path: Path, path: str) -> None:
    two_months(tmp_path)
    known = {"PATH": path, "GREENCLOUD_DATA": str(tmp_path / "data")}
    first = run("close_month.sh", **known)

    assert first.returncode == 1
    assert "do it by hand" in first.stderr
    greencloud("ledger", "close", "--data", tmp_path / "data", "--allow-gaps", "2026-01")
    done = run("close_month.sh", "--allow-gaps", **known)
    assert done.stdout.startswith("2026-02 is closed by entry"), done.stderr
