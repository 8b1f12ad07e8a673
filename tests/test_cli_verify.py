"""``greencloud verify``, as a customer runs it: files, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from greencloud.cli import main
from greencloud.proof import canonical
from proof_world import GOLDEN

KEY = json.loads((GOLDEN / "steps.json").read_bytes())["fingerprints"][0]
STATEMENT, ROOT, LOG = (str(GOLDEN / name) for name in ("statement.json", "root.json", "log.jsonl"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments])


def test_a_true_statement_is_proven() -> None:
    result = run(STATEMENT, "--root", ROOT, "--log", LOG, "--key", KEY.upper())

    assert result.exit_code == 0, result.output
    assert "PROVEN: account acme, 2026-11" in result.stdout
    assert "energy_mj  1208925819614632775906177" in result.stdout
    assert "fault" not in result.stdout


def test_without_a_key_the_condition_is_told() -> None:
    result = run(STATEMENT, "--root", ROOT)

    assert result.exit_code == 0
    assert "PROVEN, if the key above is the provider's: account acme" in result.stdout
    assert KEY in result.stdout


def test_findings_for_a_program() -> None:
    result = run(STATEMENT, "--root", ROOT, "--log", LOG, "-o", "json")
    document = json.loads(result.stdout)

    assert document["proven"] is True
    assert {"signature", "key", "log", "close", "amounts", "path"} <= {finding["topic"] for finding in document["findings"]}


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_changed_statement_ends_with_exit_code_1(tmp_path: Path, output: str) -> None:
    said = json.loads(Path(STATEMENT).read_bytes())
    said["account"] = "acme\x1b[2J"
    (tmp_path / "changed.json").write_bytes(canonical(said))
    result = run(str(tmp_path / "changed.json"), "--root", ROOT, "-o", output)

    assert result.exit_code == 1
    assert "share 1: its path leads to" in result.stdout
    assert "\x1b" not in result.stdout
    assert ("NOT PROVEN" in result.stdout) == (output == "text")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1, 2]", "not in canonical form (RFC 8785), first at byte 3"),
        (b"{}", "'account' is missing"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_a_file_that_is_no_statement_is_a_fault(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file.json").write_bytes(content)
    result = run(str(tmp_path / "file.json"), "--root", ROOT)

    assert result.exit_code == 1
    assert said in result.stdout


def test_wrong_usage_ends_with_code_2() -> None:
    assert run(STATEMENT).exit_code == 2
    assert "is not a fingerprint" in run(STATEMENT, "--root", ROOT, "--key", "abc").stderr
    assert run("no-such-file", "--root", ROOT).exit_code == 2


def test_the_wrong_key_is_a_fault() -> None:
    result = run(STATEMENT, "--root", ROOT, "--key", "0" * 64)

    assert result.exit_code == 1
    assert f"the root is signed by the key {KEY}, not by {'0' * 64}" in result.stdout


def test_it_runs_in_the_light_install_and_names_the_extra() -> None:
    """A process of its own: the light client has no cryptography, no pyarrow, and verify loads neither before it must."""
    code = (
        "import sys\n"
        "import greencloud.cli.verify\n"
        "assert not {'cryptography', 'pyarrow', 'grpc', 'deltalake'} & set(sys.modules), sys.modules.keys()\n"
        "sys.modules['cryptography'] = None\n"
        "from greencloud.cli import main\n"
        f"main(['verify', {STATEMENT!r}, '--root', {ROOT!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "pip install 'greencloud[verify]'" in done.stderr
    assert "PROVEN" not in done.stdout
