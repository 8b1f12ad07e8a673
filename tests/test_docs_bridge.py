"""What docs/bridge.md shows runs in its order and prints what is shown. As a program, it writes the page and its picture anew."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

import pytest

from greencloud.report.bridge_chart import _STEPS
from serving import greencloud

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "bridge.md"
PICTURE = ROOT / "docs" / "bridge.svg"
SHOWN = re.compile(r"```console\n(.*?)```", flags=re.DOTALL)


def run(line: str, folder: Path) -> str:
    line = line.replace("./data", str(folder / "data")).replace("examples/", f"{ROOT}/examples/")
    return greencloud(*shlex.split(line.replace("bridge.svg", str(folder / "bridge.svg")), comments=True)[1:]).stdout


def walked(folder: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in block.splitlines():
        run(line, folder)


def block_of(command: str, folder: Path) -> str:
    return f"$ {command}\n{run(command, folder)}"


def words(picture: Path) -> list[str]:
    """What a drawing says; its coordinates may differ with the library that draws it."""
    return re.findall(r"<text[^>]*>(.*?)</text>", picture.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bridge")
    walked(folder)
    return folder


def test_the_page_shows_what_is_printed(folder: Path) -> None:
    (shown,) = SHOWN.findall(PAGE.read_text(encoding="utf-8"))

    assert shown == block_of("greencloud inventory bridge --data ./data FY2026", folder)


def test_the_picture_is_of_those_figures(folder: Path) -> None:
    assert words(PICTURE)
    assert words(PICTURE) == words(folder / "bridge.svg")


def test_the_page_has_every_step() -> None:
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert set(named) == set(_STEPS) - {"difference"} | {"location_based", "market_instruments"}


def write() -> None:
    with tempfile.TemporaryDirectory() as name:
        walked(Path(name))
        text = PAGE.read_text(encoding="utf-8")
        made = SHOWN.sub(
            lambda found: f"```console\n{block_of(found[1].partition(chr(10))[0].removeprefix('$ '), Path(name))}```", text
        )
        PAGE.write_text(made, encoding="utf-8")
        PICTURE.write_bytes((Path(name) / "bridge.svg").read_bytes())


if __name__ == "__main__":
    write()
