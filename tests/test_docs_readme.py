"""What the README tells a customer to run, runs: against a real server, with times at which it has figures."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from greencloud.testing import Server
from serving import greencloud

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## Ask for it")[2].partition("\n## ")[0]
THEN = {
    "last-month": "2025-01",
    "this-month": "2025-01",
    "yesterday": "2025-01-06",
    "2026-Q2": "2025-Q1",
    "2026-Q3": "2025-Q1",
    "2026": "2025",
    "checkout": "shop",
}


@pytest.fixture(scope="module")
def server(seeded_server: Server) -> Server:
    return seeded_server


def commands() -> list[str]:
    found = re.search(r"```sh\n(.*?)```", SECTION, flags=re.DOTALL)
    assert found
    return [line.partition("  #")[0].strip() for line in found[1].splitlines() if line.startswith("greencloud ")]


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_answers(command: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = [THEN.get(word, word) for word in shlex.split(command)[1:]]
    monkeypatch.setenv("GREENCLOUD_SERVER", server.target)
    monkeypatch.setenv("GREENCLOUD_TOKEN", server.token("acme"))
    monkeypatch.chdir(tmp_path)
    done = greencloud(*verb)

    told = (tmp_path / verb[verb.index("--out") + 1]).read_text(encoding="utf-8") if "--out" in verb else done.stdout
    assert "shop" in told


def test_the_python_of_the_readme_gives_a_table(server: Server) -> None:
    found = re.search(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
    assert found
    program = found[1].replace("footprint.example:4317", server.target).replace('"..."', repr(server.token("acme")))
    program = program.replace("datetime(2026, 11, 1", "datetime(2025, 1, 1").replace("datetime(2026, 12, 1", "datetime(2025, 2, 1")
    program = program.replace("rows.to_pandas()", "print(rows.to_arrow().column('service').to_pylist())")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "'shop'" in done.stdout
