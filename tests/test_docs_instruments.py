"""The commands of docs/instruments.md, run in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.goal import instrument_rules

PAGE = Path(__file__).parents[1] / "docs" / "instruments.md"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("greencloud ")]


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = {}
    for line in commands():
        done = CliRunner().invoke(main, shlex.split(line)[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}"
        told[line] = done.stdout
    [claim] = [text for line, text in told.items() if "credits neutrality" in line]
    assert re.search(r"reduced since the base year +210 ", claim)
    assert re.search(r"1,000 years or more +250 ", claim)
    assert re.search(r"neither removed nor offset +50\b", claim)
    assert "NOT neutral" in claim
    [book] = [text for line, text in told.items() if "scope3plus" in line]
    assert re.search(r"in all to the end of 2035 +37,500 t", book)


def test_every_rule_that_the_page_names_is_one() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What is refused")[2].partition("\n##")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    rules = (
        Path(instrument_rules.__file__).read_text(),
        Path(instrument_rules.__file__).with_name("instrument_books.py").read_text(),
    )
    for name in named:
        assert any(f'"{name}"' in text for text in rules), name
