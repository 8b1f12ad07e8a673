"""The examples of ``docs/sdk.md`` run against a real server, and the page has every method and key that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from answering import METHODS
from greencloud.client import ClientConfig
from greencloud.testing import Server

PAGE = (Path(__file__).parents[1] / "docs" / "sdk.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(PROFILES,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def server(seeded_server: Server) -> Server:
    return seeded_server


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.splitlines()[-1].strip()[:40])
def test_an_example_of_the_page_runs(
    server: Server, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GREENCLOUD_SERVER", server.target)
    monkeypatch.setenv("GREENCLOUD_TOKEN", server.token("acme"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    names: dict[str, Any] = {"__name__": "page"}

    exec(program, names)
    for test in [value for name, value in names.items() if name.startswith("test_")]:
        test(server)

    assert capsys.readouterr().out or " print(" not in program


@pytest.mark.parametrize("method", [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in METHODS])
def test_the_page_has_every_method(method: str) -> None:
    assert f"`{method}`" in PAGE


def test_the_profiles_of_the_page_are_read() -> None:
    found = ClientConfig.load("test", environ={"HOME": "/me"}, files=lambda _: PROFILES)

    assert (found.server, found.timeout_s, found.client_key) == ("test.example:4317", 10, Path("/me/.config/greencloud/me.key"))
    assert set(re.findall(r"^(\w+) =", PROFILES, flags=re.MULTILINE)) == {
        "server",
        "token_file",
        "ca_file",
        "client_cert",
        "client_key",
        "timeout_s",
    }


def test_the_page_names_the_variables_of_the_environment() -> None:
    names = {"GREENCLOUD_CONFIG", "GREENCLOUD_PROFILE", "GREENCLOUD_SERVER", "GREENCLOUD_TOKEN", "GREENCLOUD_TOKEN_FILE"}

    assert names | {"GREENCLOUD_CA_FILE"} == set(re.findall(r"GREENCLOUD_\w+", PAGE))
