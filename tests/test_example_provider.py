"""``examples/provider``: its script in order, each command in this process; a start of Python takes as long as most of them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving import greencloud

FOLDER = Path(__file__).parents[1] / "examples" / "provider"
# Writes down the data directory and what it was called with, each ended by a zero byte, the call by a line.
RECORDER = """#!/bin/sh
{ printf '%s\\0' "$GREENCLOUD_DATA" "$@"; printf '\\n\\0'; } >>"$RECORDED"
"""
CHARTS = {"trajectory.svg", "abatement.svg", "neutrality.svg", "bridge.svg"}
STANDARDS = {"ghg_protocol.html", "iso_14064_1.html", "esrs_e1.html", "ifrs_s2.html"}


def script(folder: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """run.sh with a ``greencloud`` on its path that writes down its calls in ``folder``."""
    recorder = folder / "bin" / "greencloud"
    recorder.parent.mkdir(exist_ok=True)
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    environment = os.environ | {"PATH": f"{recorder.parent}:{os.environ['PATH']}", "RECORDED": str(folder / "calls")}
    command = ["bash", str(FOLDER / "run.sh"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@dataclass(frozen=True)
class Run:
    charts: Path
    told: dict[str, list[str]]
    """What each verb printed, in order, by its first three words: those of ``inventory totals FY2022``."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("provider")
    done = script(folder, folder / "data", folder / "charts")
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for call in (folder / "calls").read_text().removesuffix("\n\0").split("\n\0"):
            data, *words = call.removesuffix("\0").split("\0")
            patch.setenv("GREENCLOUD_DATA", data)
            told.setdefault(" ".join(words[:3]), []).append(greencloud(*words).stdout)
    return Run(folder / "charts", told)


def test_the_published_totals_appear_exactly(run: Run) -> None:
    [base], [later] = run.told["inventory totals 2020"], run.told["inventory totals FY2022"]

    for text, scope1, scope2, scope3, total in (
        (base, "510,000", "3,710,000", "5,294,000", "9,514,000"),
        (later, "927,000", "4,445,000", "7,877,000", "13,249,000"),
    ):
        figures = {line.split("  ")[0]: line.split()[-3] for line in text.splitlines() if line.startswith("Scope ")}
        assert (figures["Scope 1"], figures["Scope 2, market-based"], figures["Scope 3"]) == (scope1, scope2, scope3)
        assert f"total, market-based {total:>30} ".split() == [
            word for line in text.splitlines() if line.startswith("total, market-based") for word in line.split()
        ]


def test_every_published_goal_is_off_track(run: Run) -> None:
    goals = ("operations-2030", "scope3-intensity-2030", "cloud-scope3-2030")
    for goal in goals:
        assert all("Status: OFF TRACK: above the path" in text for text in run.told[f"goal status goals/{goal}"]), goal


def test_four_charts_and_four_disclosures_are_made(run: Run) -> None:
    assert {path.name for path in run.charts.iterdir()} == CHARTS | STANDARDS
    for name in CHARTS:
        assert (run.charts / name).read_text(encoding="utf-8").startswith("<svg"), name


def test_the_bridge_closes(run: Run) -> None:
    [text] = run.told["inventory bridge FY2026"]

    assert "The bridge closes." in text
    for step in ("Customers' statements", "without statements", "Unsold capacity", "Amortised", "Bought in the year", "Outside"):
        assert step in text, step


def test_the_readme_shows_what_it_prints(run: Run) -> None:
    section = (
        (FOLDER.parents[1] / "README.md")
        .read_text(encoding="utf-8")
        .partition("## Where the provider stands\n")[2]
        .partition("\n## ")[0]
    )
    assert len([line for line in section.splitlines() if line]) <= 15
    (shown,) = re.findall(r"```\n(.*?)```", section, flags=re.DOTALL)
    told = [" ".join(line.split()) for texts in run.told.values() for text in texts for line in text.splitlines()]
    for line in shown.splitlines():
        assert any(each.startswith(" ".join(line.split())) for each in told), line


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    done = script(tmp_path, tmp_path)

    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert not (tmp_path / "calls").exists()
