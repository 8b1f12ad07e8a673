"""What a client is set up with: code over environment over file, strict about what it does not know, and silent about secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.client import AsyncClient, Client, ClientConfig, Retry
from greencloud.client.config import config_path
from greencloud.errors import ConfigError

HOME = {"HOME": "/home/me"}
FILE = Path("/home/me/.config/greencloud/config.toml")
VARIABLES = {"server": "GREENCLOUD_SERVER", "token_file": "GREENCLOUD_TOKEN_FILE", "ca_file": "GREENCLOUD_CA_FILE"}


def load(text: str = "", profile: str | None = None, *, path: str = str(FILE), **environ: str) -> ClientConfig:
    return ClientConfig.load(profile, environ=HOME | environ, files=lambda asked: text if asked == Path(path) and text else None)


@given(
    file=st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.just("/of/file")),
    environment=st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.sampled_from(["/of/environment", ""])),
    code=st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.sampled_from(["/of/code", None])),
    named=st.sampled_from([None, "default"]),
)
def test_code_wins_over_the_environment_and_that_over_the_file(
    file: Mapping[str, str], environment: Mapping[str, str], code: Mapping[str, Any], named: str | None
) -> None:
    lines = "".join(f'{key} = "{value}"\n' for key, value in file.items())
    environ = {VARIABLES[key]: value for key, value in environment.items()}

    found = load(f"[profile.default]\n{lines}", named, **environ).with_values(**code)

    # The credential of a profile that nobody named is for its own server.
    elsewhere = not named and "server" in file and (code.get("server") or environment.get("server"))
    for key, variable in VARIABLES.items():
        of_file = "" if elsewhere and key == "token_file" else file.get(key, "")
        wanted = code.get(key) or environment.get(key) or of_file
        assert str(getattr(found, key) or "") == wanted
        kinds = {"/of/code": "code", "/of/environment": variable, "/of/file": f"profile default of {FILE}"}
        assert found.sources.get(key) == kinds.get(wanted)


def test_no_other_server_gets_the_credential_of_the_default_profile() -> None:
    text = '[profile.default]\nserver = "a:1"\ntoken_file = "/t"\nclient_cert = "/c"\nclient_key = "/k"\n'

    for other in (
        load(text).with_values(server="b:1"),
        load(text, GREENCLOUD_SERVER="b:1"),
        load(text, GREENCLOUD_SERVER="a:1").with_values(server="b:1"),
    ):
        assert (other.server, other.token_file, other.client_cert, other.client_key) == ("b:1", None, None, None)
    for same in (load(text).with_values(server="a:1"), load(text, "default").with_values(server="b:1")):
        assert same.token_file == Path("/t")
    assert load('[profile.default]\ntoken_file = "/t"\n', GREENCLOUD_SERVER="b:1").token_file == Path("/t")


def test_nothing_at_all_is_a_configuration() -> None:
    assert load() == ClientConfig()


def test_a_profile_is_named_by_code_before_the_environment() -> None:
    text = '[profile.a]\nserver = "a:1"\n[profile.b]\nserver = "b:1"\ntimeout_s = 2.5\n'

    assert load(text).server == ""
    assert load(text, GREENCLOUD_PROFILE="a").server == "a:1"
    found = load(text, "b", GREENCLOUD_PROFILE="a")
    assert (found.server, found.timeout_s, found.profile) == ("b:1", 2.5, "b")
    with pytest.raises(ConfigError, match="no profile 'c'") as caught:
        load(text, "c")
    assert "a, b" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('[profile.a]\nserver = "x:1"\n\n[profile.b]\nsever = "x:1"\n', 5, "sever"),
        ('[profile.a]\nserver = "x:1"\n[profile.b]\n"sever" = "x:1"\n', 4, "sever"),
        ("[profile.a]\ntimeout_s = 0\n", 2, "timeout_s"),
        ("[profile.a]\ntimeout_s = true\n", 2, "timeout_s"),
        ("[profile.a]\ntimeout_s = inf\n", 2, "timeout_s"),
        ("[profile.a]\n\nserver = 7\n", 3, "server"),
        ('[profile.a]\ntoken = "hush"\n', 2, "token"),
        ('[profil.a]\nserver = "x:1"\n', 1, "profil"),
        ('server = "x:1"\n', 1, "server"),
        ("profile = 3\n", 1, "profile"),
        ("[profile]\na = 3\n", 1, "profile"),
    ],
)
def test_what_is_not_known_is_named_by_line_and_key(text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)

    assert (caught.value.line, caught.value.key, caught.value.path) == (line, key, str(FILE))
    assert repr(key) in str(caught.value)
    assert caught.value.advice
    assert "hush" not in str(caught.value)


def test_what_is_not_toml_is_named_by_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load("[profile.a]\nserver = \n")

    assert caught.value.line == 2


def test_paths_are_relative_to_the_file_and_a_file_that_was_named_must_be_there() -> None:
    path = "/etc/gc.toml"
    found = load('[profile.default]\ntoken_file = "t"\nca_file = "/x/ca"\n', path=path, GREENCLOUD_CONFIG=path)

    assert (found.token_file, found.ca_file) == (Path("/etc/t"), Path("/x/ca"))
    with pytest.raises(ConfigError, match="no such file"):
        load(GREENCLOUD_CONFIG="/not/there")


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        (HOME, FILE),
        (HOME | {"XDG_CONFIG_HOME": "/xdg"}, Path("/xdg/greencloud/config.toml")),
        (HOME | {"XDG_CONFIG_HOME": "not/absolute"}, FILE),
        (HOME | {"GREENCLOUD_CONFIG": "/c.toml", "XDG_CONFIG_HOME": "/xdg"}, Path("/c.toml")),
    ],
)
def test_where_the_file_is(environ: Mapping[str, str], path: Path) -> None:
    assert config_path(environ) == path


def test_a_token_of_the_environment_takes_the_place_of_a_file_and_is_never_shown() -> None:
    found = load('[profile.default]\ntoken_file = "t"\n', GREENCLOUD_TOKEN="hush\n")

    assert (found.token, found.token_file, found.bearer()) == ("hush", None, "hush")
    assert "hush" not in repr(found) + str(found.sources)
    with pytest.raises(ConfigError, match="twice"):
        load(GREENCLOUD_TOKEN="a", GREENCLOUD_TOKEN_FILE="b")


def test_a_token_file_is_read_anew_for_each_call(tmp_path: Path) -> None:
    path = tmp_path / "token"
    bearer = ClientConfig(token_file=path).bearer()
    assert callable(bearer)

    for text in ("one\n", "two"):
        path.write_text(text)
        assert bearer() == text.strip()
    path.unlink()
    with pytest.raises(ConfigError, match="no such token file"):
        bearer()


def test_a_client_by_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[profile.x]\nserver = "127.0.0.1:1"\ntimeout_s = 3\nca_file = "ca.pem"\n')
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    monkeypatch.setenv("GREENCLOUD_CONFIG", str(path))

    for kind in (Client, AsyncClient):
        client = kind.from_profile("x", token="hush", retry=Retry.off(), app_info="mine/1")
        settings = client._connection.settings
        assert (settings.target, settings.retry.attempts, client._timeout) == ("127.0.0.1:1", 1, 3)
        assert settings.encrypted  # whoever names authorities wants TLS, on this machine as well
        assert repr(client) == f"{kind.__name__}('127.0.0.1:1')"
        assert "BEGIN" not in repr(settings)
        assert kind.from_profile("x", timeout=9.0)._timeout == 9


def test_a_client_of_no_server_says_how_to_name_one() -> None:
    with pytest.raises(ConfigError, match="no server") as caught:
        Client.from_config(load())

    assert "GREENCLOUD_SERVER" in caught.value.advice
