"""What docs/cli.md shows is what the command line prints. Run as a program, it writes the page anew."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

import pytest

from cli_world import two_months
from serving import greencloud

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
BLOCK = re.compile(r"```console\n(.*?)```", flags=re.DOTALL)


def shown(command: str, folder: Path) -> str:
    """A block of the page: the command, and what it prints on standard output."""
    words = shlex.split(command.removeprefix("$ greencloud "))
    done = greencloud(*(str(folder / "data") if word == "./data" else word for word in words))
    # Postings are as old as the data directory is: in words, and as the only times with a fraction.
    told = re.sub(r"(?m)^Posted .*\.$", "Posted less than a minute ago.", done.stdout)
    told = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "2026-03-01T00:00:00Z", told)
    return f"{command}\n{told}"


def test_every_command_of_the_page_prints_what_is_shown(tmp_path: Path) -> None:
    two_months(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))

    assert blocks
    for block in blocks:
        assert block == shown(block.partition("\n")[0], tmp_path)


def test_every_report_to_look_at_is_a_file_of_its_kind(tmp_path: Path) -> None:
    two_months(tmp_path)
    section = PAGE.read_text(encoding="utf-8").partition("## Reports to look at")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    begins = {".html": "<!DOCTYPE html>", ".pdf": "%PDF", ".png": "\N{REPLACEMENT CHARACTER}PNG", ".svg": "<svg"}
    for line in block.splitlines():
        command, _, target = line.partition(" > ")
        words = shlex.split(command)[1:]
        file = tmp_path / (target or words[words.index("--out") + 1])
        done = greencloud(
            *(str(tmp_path / "data") if word == "./data" else str(file) if word == file.name else word for word in words)
        )
        said = done.stdout if target else file.read_text(encoding="utf-8", errors="replace")
        assert said.startswith(begins.pop(file.suffix)), line
    assert not begins


@pytest.mark.parametrize("verb", ["report", "diff", "values", "availability", "export", "whoami", "call", "config", "doctor"])
def test_the_page_has_an_example_of_every_question(verb: str) -> None:
    assert f"greencloud {verb} " in PAGE.read_text(encoding="utf-8")


def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        two_months(Path(folder))
        text = PAGE.read_text(encoding="utf-8")
        written = BLOCK.sub(lambda block: f"```console\n{shown(block[1].partition(chr(10))[0], Path(folder))}```", text)
        PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    write()
