"""The sdist builds into a wheel, and the wheel installs bare and holds nothing that does not belong there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def build(source: Path, out: Path) -> Path:
    """sdist, then a wheel from that sdist, with the libraries that are installed (no network)."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(out.glob("*.whl"))


def clean_copy(tmp_path: Path, relative: str) -> Path:
    """A copy without what an editable install leaves behind, as a clone has it."""
    ignore = shutil.ignore_patterns(
        ".venv", ".git", "build", "dist", "*.egg-info", "node_modules", ".*_cache", ".hypothesis", "__pycache__"
    )
    return Path(shutil.copytree(ROOT / relative, tmp_path / "source", ignore=ignore))


@pytest.mark.timeout(300)
def test_the_greencloud_wheel_installs_bare_and_holds_only_what_belongs_there(tmp_path: Path) -> None:
    wheel = build(clean_copy(tmp_path, "."), tmp_path / "dist")

    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"greencloud"}
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".c", ".proto")) or "test" in name]
    assert [name for name in names if name.endswith("_pb2_grpc.py")]
    assert [name for name in names if name.startswith("greencloud/_apportion.") and name.endswith(".so")]

    target = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel)], check=True)
    code = "import greencloud.client, greencloud.cli, greencloud; print(greencloud.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(target)})
    assert done.stdout.startswith(str(target))


def test_the_plugin_wheel_holds_only_the_plugin(tmp_path: Path) -> None:
    wheel = build(clean_copy(tmp_path, "plugins"), tmp_path / "dist")

    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"greencloud_otel"}
    assert not [name for name in names if "test" in name or name.endswith((".pyx", ".c"))]
