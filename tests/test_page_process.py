"""``greencloud serve --page`` and ``greencloud page`` as processes: they answer, come back when killed, and end in order."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from greencloud.cli._demo.page import page_links
from greencloud.server import ListenError
from greencloud.server.live_page import live_page
from greencloud.server.settings import Settings
from greencloud.testing import Server
from serving import Served, greencloud, serving


def await_line(log: Path, pattern: str, times: int = 1) -> str:
    """What the pattern found when the log has it for the so-manieth time."""
    with subprocess.Popen(["tail", "-n", "+1", "-f", str(log)], stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        try:
            for line in follower.stdout:
                found = re.search(pattern, line)
                times -= bool(found)
                if found and not times:
                    return found[1]
        finally:
            follower.terminate()
    raise AssertionError(f"{pattern} is not in the log")


def ask(url: str, path: str, *, method: str = "GET", token: str = "", tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, context=tls) if tls else http.client.HTTPConnection(parts.netloc)
    with closing(connection):
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def page_of(served: Served) -> int:
    """The process of the page: it answers on a socket, and has no data directory open."""
    children = [
        int(child)
        for task in Path(f"/proc/{served.process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    (found,) = [pid for pid in children if b"greencloud.server.page_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def test_the_page_asks_its_server_comes_back_when_killed_and_ends_with_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--page", "127.0.0.1:0") as served:
        url = await_line(served.log, r"page on (\S+)")
        assert ask(url, "/healthz") == (200, "ok\n")
        status, said = ask(url, "/links", method="POST", token=served.token("acme"))
        assert status == 201
        link = urlsplit(json.loads(said)["url"]).path
        assert ask(url, link)[0] == 200
        first = page_of(served)
        opened = [str(each.readlink()) for each in Path(f"/proc/{first}/fd").iterdir()]
        assert not [path for path in opened if path.startswith(f"{served.data}/")]

        os.kill(first, signal.SIGKILL)
        assert await_line(served.log, r"page on (\S+)", times=2) == url
        assert page_of(served) != first
        assert ask(url, link)[0] == 404, "what it knew is gone"
        assert ask(url, "/links", method="POST", token=served.token("acme"))[0] == 201
        last = page_of(served)

    assert served.process.returncode == 0
    assert not Path(f"/proc/{last}").exists()
    assert "Traceback" not in served.log.read_text()
    assert served.token("acme") not in served.log.read_text()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, ssl.SSLContext]:
    """Certificate and key of 127.0.0.1, its authority's certificate, and a context that trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key, root = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    root.write_bytes(authority.cert_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return certificate, key, root, context


def test_it_speaks_tls_beside_several_workers_that_ask_clients_for_certificates(
    tmp_path: Path, tls: tuple[Path, Path, Path, ssl.SSLContext]
) -> None:
    certificate, key, root, context = tls
    options = ("--page", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", root, "--workers", "2")
    with serving(tmp_path / "data", *options) as served:
        url = await_line(served.log, r"page on (https://\S+)")
        status, said = ask(url, "/links", method="POST", token=served.token("acme"), tls=context)
        assert status == 201
        assert json.loads(said)["url"].startswith(f"{url}/link/")

    assert served.process.returncode == 0


def test_it_stands_in_front_of_a_server_elsewhere(seeded_server: Server) -> None:
    command = [sys.executable, "-m", "greencloud", "page", "--server", seeded_server.target, "--listen", "127.0.0.1:0"]
    environment = os.environ | {"GREENCLOUD_TOKEN": seeded_server.token()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            found = re.fullmatch(r"page on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
            assert found
            assert ask(found[1], "/links", method="POST")[0] == 401, "the token of the environment is nobody's here"
            assert ask(found[1], "/links", method="POST", token=seeded_server.token("acme"))[0] == 201
            first, *lines = page_links(found[1], {"acme": seeded_server.token("acme"), "": seeded_server.token()}, ("acme", ""))
            assert found[1] in first
            for line in lines:
                assert ask(found[1], line.partition(": ")[2].removeprefix(found[1]))[0] == 200, "what the demo says at its end"
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_an_address_that_is_taken_ends_the_server_with_what_to_do(tmp_path: Path, seeded_server: Server) -> None:
    settings = Settings(data=tmp_path / "data", page=seeded_server.target)
    with pytest.raises(ListenError, match=r"in use\nchoose another with --page"), live_page(settings, threading.Event()):
        raise AssertionError("two share a port")


def test_off_loopback_without_a_certificate_it_is_refused(tmp_path: Path) -> None:
    done = greencloud("serve", "--data", tmp_path / "data", "--page", "0.0.0.0:0", check=False)
    assert (done.returncode, "--insecure" in done.stderr) == (1, True)
    done = greencloud("page", "--server", "127.0.0.1:1", "--listen", "0.0.0.0:0", check=False)
    assert (done.returncode, "--insecure" in done.stderr) == (1, True)
    assert not (tmp_path / "data").exists()


def test_where_no_token_counts_alone_there_is_no_page(tmp_path: Path, tls: tuple[Path, Path, Path, ssl.SSLContext]) -> None:
    certificate, key, root, _ = tls
    auth = tmp_path / "auth.toml"
    auth.write_text('[tls]\nidentity = "certificate"\n', encoding="utf-8")
    settings = Settings(
        data=tmp_path / "data", page="127.0.0.1:0", auth=auth, tls_cert=certificate, tls_key=key, tls_client_ca=root
    )
    with pytest.raises(ListenError, match="readers of the page"):
        settings.check()
