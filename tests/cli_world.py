"""A small real data directory for the command line: two sites, two accounts, the last day of January and the first of February."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from serving import greencloud
from templates import made_once
from test_restatement_replays import HEAD, METERS, apply, directory, metered, region, used

__all__ = ["run", "two_months"]


def two_months(folder: Path) -> Path:
    """In January acme works at both sites and globex at ``a``; in February acme works half as much, and globex not at all."""
    shutil.copytree(_two_months(), folder, dirs_exist_ok=True)
    return folder / "data"


@made_once
def _two_months(folder: Path) -> None:
    january = [used("a", "acme", 3600), used("b", "acme", 1200), used("a", "globex", 900)]
    february = [used("a", "acme", 1800, hour=24), used("b", "acme", 600, hour=24)]
    made = directory(folder, january + february)
    readings = "".join(metered(site, 25) for site in ("a", "b"))
    apply(made, folder / "book", HEAD + region("a", "129") + region("b", "410"), meters=METERS + readings)
    greencloud("allocate", "--data", made.path)


def run(data: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A verb on the data directory, and its exit code as it is expected."""
    done = greencloud(arguments[0], "--data", data, *arguments[1:], check=False)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
