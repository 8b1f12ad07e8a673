"""The example of a provider begins in an empty folder, wherever its charts go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "provider" / "run.sh"


@pytest.mark.parametrize("charts", [[], ["charts"]])
def test_the_script_begins(tmp_path: Path, charts: list[str]) -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    (tmp_path / "begin.sh").write_text(text[: text.index("greencloud inventory")], encoding="utf-8")
    (tmp_path / "greencloud").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m greencloud "$@"\n', encoding="utf-8")
    (tmp_path / "greencloud").chmod(0o755)
    done = subprocess.run(
        ["bash", "begin.sh", "data", *charts],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "greencloud.json").exists()
    assert (tmp_path / (charts[0] if charts else "data-charts")).is_dir()
