"""What the runbook tells an operator to run on a data directory, runs: in its order, on a real one."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from cli_world import two_months
from deployed import ROOT
from serving import greencloud

RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
DEPLOYMENT = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
# What needs a store, a broker, an engine, a database, or a holder that died.
ELSEWHERE = {"serve", "--store", "--store-cache", "--lake", "--to", "--log", "--release"}
CHAPTERS = re.split(r"(?m)^## ", RUNBOOK)[1:]


def commands(page: str) -> list[list[str]]:
    """Each greencloud command of the page, as words, that needs nothing but a data directory or files."""
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    lines = [
        shlex.split(line, comments=True)[1:] for block in blocks for line in block.splitlines() if line.startswith("greencloud ")
    ]
    return [words for words in lines if not set(words) & ELSEWHERE]


def test_every_command_runs_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_months(tmp_path)
    shutil.copy(ROOT / "examples/shop/facility.toml", tmp_path / "facility.toml")
    monkeypatch.chdir(tmp_path)
    found = commands(RUNBOOK)

    assert len(found) >= 20
    for words in found:
        done = greencloud(*words, check=False)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda text: text.partition("\n")[0])
def test_every_chapter_says_what_to_do_and_how_to_see_that_it_is_well(chapter: str) -> None:
    assert "**Well again**" in chapter
    assert "**Do**" in chapter or "## Rotating" in f"## {chapter}" or "## Upgrading" in f"## {chapter}"


@pytest.mark.parametrize("page", [RUNBOOK, DEPLOYMENT], ids=["runbook", "deployment"])
def test_every_place_that_a_page_points_to_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", page):
        assert not target or (ROOT / "docs" / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]*)\)", page):
        text = (ROOT / "docs" / target).read_text(encoding="utf-8") if target else page
        assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", text)}
