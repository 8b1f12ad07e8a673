"""A data directory whose truth is an object store: where it is said, what opening it costs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.errors import StoreError, StoreUnavailableError
from greencloud.objects.bucket import Bucket
from ledger_builders import batch, energy_of
from object_store import KEY, SECRET, Lake, requests


def said(folder: Path) -> Any:
    return json.loads((folder / "greencloud.json").read_text())


def test_a_store_is_said_once_and_known_from_then_on(lake: Lake, uri: str, tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["init", "--data", str(tmp_path / "a"), "--store", f"{uri}/", "--store-cache", "1GB"])
    assert run.exit_code == 0, run.output
    assert run.output == f"{tmp_path / 'a'}: a cache of {uri} (ledger: empty)\n"
    assert said(tmp_path / "a") == {"format": 2, "store": {"uri": uri, "cache_bytes": 10**9}}
    data = DataDirectory.open(tmp_path / "a", create=False)
    assert (data.objects.uri, data.objects.remote, data.ledger_place.uri) == (uri, True, f"{uri}/ledger")
    data.ledger.post(batch({"a": 1}))
    other = DataDirectory.attach(uri, tmp_path / "b")
    assert energy_of(other.ledger) == {"a": 1}
    assert DataDirectory.attach(uri, tmp_path / "a").store_place.cache_bytes == 10**9
    assert not (tmp_path / "a" / "ledger" / "_delta_log").exists()
    assert not {KEY, SECRET} & set((tmp_path / "a" / "greencloud.json").read_text().split('"'))


def test_a_cache_gets_another_size_where_the_store_is_known(uri: str, tmp_path: Path) -> None:
    def init(folder: str, *words: str) -> str:
        run = CliRunner().invoke(main, ["init", "--data", str(tmp_path / folder), *words])
        return run.output if run.exit_code else ""

    assert not init("a", "--store", uri)
    assert not init("a", "--store-cache", "5GB")
    assert said(tmp_path / "a") == {"format": 2, "store": {"uri": uri, "cache_bytes": 5 * 10**9}}
    assert "--ledger-cache is for a ledger" in init("a", "--ledger-cache", "5GB")
    assert not init("b", "--ledger", f"{uri}/alone")
    assert not init("b", "--ledger-cache", "5GB")
    assert said(tmp_path / "b") == {"format": 2, "ledger": {"uri": f"{uri}/alone", "cache_bytes": 5 * 10**9}}
    assert "--store-cache is for a store" in init("b", "--store-cache", "5GB")
    assert "--store-cache is for a store" in init("c", "--store-cache", "5GB")
    assert "--store keeps the ledger, too" in init("d", "--store", uri, "--ledger", f"{uri}/alone")
    assert not (tmp_path / "c").exists()
    assert not (tmp_path / "d").exists()


def test_an_address_without_tls_is_said_to_need_leave(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(StoreUnavailableError, match="AWS_ALLOW_HTTP=true"):
        DataDirectory.attach(f"{uri}/plain", tmp_path / "a")


def test_the_variable_and_the_option_say_it_too(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DataDirectory.attach(uri, tmp_path / "a").ledger.post(batch({"a": 1}))
    run = CliRunner().invoke(main, ["ledger", "maintain", "--data", str(tmp_path / "b"), "--store", uri])
    assert run.exit_code == 0, run.output
    monkeypatch.setenv("GREENCLOUD_STORE_URI", uri)
    assert energy_of(DataDirectory.open(tmp_path / "c", create=False).ledger) == {"a": 1}
    monkeypatch.delenv("GREENCLOUD_STORE_URI")
    for name in "bc":
        assert DataDirectory.open(tmp_path / name, create=False).store_place.uri == uri


def test_opening_asks_for_one_object_the_first_time_and_for_none_afterwards(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DataDirectory.attach(uri, tmp_path / "a")
    with requests(lake, monkeypatch) as asked:
        DataDirectory.attach(uri, tmp_path / "b")
        assert [each.partition(b" ")[0] for each in asked] == [b"GET"]
        for _ in range(3):
            DataDirectory.attach(uri, tmp_path / "b")
            DataDirectory.open(tmp_path / "b", create=False)
        assert len(asked) == 1


def test_nothing_is_left_behind_and_no_store_is_exchanged(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: str, place: str = uri) -> str:
        with pytest.raises(StoreError) as caught:
            DataDirectory.attach(place, tmp_path / folder)
        assert not isinstance(caught.value, StoreUnavailableError)
        return caught.value.message

    DataDirectory.attach(uri, tmp_path / "a")
    assert "its store is" in refused("a", f"{uri}/other")
    DataDirectory.open(tmp_path / "b", create=True).ledger.post(batch({"a": 1}))
    assert "it holds ledger/_delta_log itself" in refused("b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine").touch()
    assert "not empty" in refused("c")
    monkeypatch.setenv("GREENCLOUD_STORE_URI", f"{uri}/third")
    with pytest.raises(StoreError, match="its store is"):
        DataDirectory.open(tmp_path / "a", create=False)
    monkeypatch.delenv("GREENCLOUD_STORE_URI")
    # A ledger that lies there already is that of the store; one that lies elsewhere is not.
    for name, place in (("d", f"{uri}/ledger"), ("e", f"{uri}/elsewhere")):
        monkeypatch.setenv("GREENCLOUD_LEDGER_URI", place)
        DataDirectory.open(tmp_path / name, create=True)
    monkeypatch.delenv("GREENCLOUD_LEDGER_URI")
    assert DataDirectory.attach(uri, tmp_path / "d").ledger_place.uri == f"{uri}/ledger"
    assert "its ledger lies at" in refused("e")
    assert CliRunner().invoke(main, ["init", "--data", str(tmp_path / "f"), "--store-cache", "1GB"]).exit_code == 2


def test_a_store_of_another_format_is_refused(uri: str, tmp_path: Path) -> None:
    root = tmp_path / "x"
    Bucket(uri, root).create(root / "greencloud.json", b'{"format": 3}')
    with pytest.raises(StoreError, match="newer greencloud"):
        DataDirectory.attach(uri, tmp_path / "a")
    assert not (tmp_path / "a" / "greencloud.json").exists()


def test_a_store_that_cannot_keep_two_writers_apart_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greencloud.objects.s3.S3.create", lambda *_: True)  # as one answers that overwrites
    with pytest.raises(StoreError, match="If-None-Match"):
        DataDirectory.attach(uri, tmp_path / "a")


def test_a_store_that_does_not_answer_makes_no_directory(
    lake: Lake, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    run = CliRunner().invoke(main, ["allocate", "--data", str(tmp_path / "a"), "--store", uri])
    assert run.exit_code == StoreUnavailableError.exit_code
    assert "AWS_ENDPOINT_URL" in run.output
    assert not (tmp_path / "a" / "greencloud.json").exists()
    monkeypatch.setenv("AWS_ENDPOINT_URL", lake.environment["AWS_ENDPOINT_URL"])
    assert CliRunner().invoke(main, ["allocate", "--data", str(tmp_path / "b"), "--store", uri]).exit_code == 0
