"""``greencloud config``: a value is set and nothing else changes; what is in force is told with where it is from, and no secret."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.cli._config_text import with_value
from greencloud.errors import ConfigError

FILE = """# my servers
[profile.default]
server = "a:1"  # the old one
timeout_s = 5

[profile.prod]
# kept
server = "b:2"
"""

names = st.text(st.characters(categories=("L", "N"), include_characters="-_ .\"'\\"), min_size=1, max_size=8)
keys = st.sampled_from(["server", "token_file", "timeout_s"])
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.floats(0.1, 1e6)


@given(st.lists(st.tuples(names, keys, values), max_size=6))
def test_a_value_that_is_set_is_read_back_and_no_other_changes(changes: list[tuple[str, str, str | float]]) -> None:
    text, wanted = FILE, tomllib.loads(FILE)
    for profile, key, value in changes:
        try:
            text = with_value(text, profile, key, value)
        except ConfigError:  # a name that needs quotes may be one that cannot be found again
            assert tomllib.loads(text) == wanted
            continue
        wanted["profile"].setdefault(profile, {})[key] = value
        assert tomllib.loads(text) == wanted
    assert "# my servers" in text
    assert "# kept" in text


def test_one_line_changes() -> None:
    assert with_value(FILE, "prod", "server", "c:3") == FILE.replace('"b:2"', '"c:3"')
    assert with_value(FILE, "prod", "timeout_s", 9.0) == FILE.replace("[profile.prod]\n", "[profile.prod]\ntimeout_s = 9.0\n")
    assert with_value("", "default", "server", "a:1") == '[profile.default]\nserver = "a:1"\n'


def test_what_cannot_be_edited_is_left_alone() -> None:
    with pytest.raises(ConfigError, match="cannot be edited here"):
        with_value('profile = {default = {server = "a"}}\n', "default", "server", "b")
    with pytest.raises(ConfigError, match="is not TOML"):
        with_value("[", "default", "server", "b")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "SERVER", "PROFILE", "TOKEN", "TOKEN_FILE", "CONFIG", "CA_FILE"):
        monkeypatch.delenv(f"GREENCLOUD_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def config(*arguments: str, code: int = 0, **environment: str) -> Result:
    done = CliRunner(env=environment).invoke(main, ["config", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_set_then_get_then_listed_with_its_source(home: Path) -> None:
    path = home / "greencloud" / "config.toml"
    config("set", "server", "a:1")
    config("set", "server", "b:2", "--profile", "prod")
    config("set", "timeout_s", "7", "--profile", "prod")

    assert config("path").stdout.strip() == str(path)
    assert config("get", "server").stdout == "a:1\n"
    assert config("get", "server", "--profile", "prod").stdout == "b:2\n"
    assert config("get", "server", GREENCLOUD_SERVER="c:3").stdout == "c:3\n"
    config("get", "ca_file", code=5)
    listed = {
        row["key"]: row
        for row in json.loads(config("list", "--profile", "prod", "-o", "json", GREENCLOUD_TOKEN="eyJsecret").stdout)
    }
    assert listed["server"]["source"] == f"profile prod of {path}"
    assert listed["timeout_s"]["value"] == "7.0"
    assert listed["token"] == {"key": "token", "value": "(set, not shown)", "source": "GREENCLOUD_TOKEN"}
    assert "eyJsecret" not in config("list", GREENCLOUD_TOKEN="eyJsecret").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["set", "token", "eyJ"], 2, "'token' is not one of"),
        (["set", "timeout_s", "soon"], 2, "not a number of seconds"),
        (["set", "timeout_s", "0"], 1, "above 0"),
        (["get", "server", "--profile", "nowhere"], 1, "there is no profile 'nowhere'"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(home: Path, arguments: list[str], code: int, said: str) -> None:
    assert said in " ".join(config(*arguments, code=code).stderr.split())
    assert not (home / "greencloud").exists()
