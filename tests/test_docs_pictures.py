"""The pictures of the page: each that is made is there, small, and shown, and no document shows another."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_each_picture_is_there_small_and_shown() -> None:
    maker = runpy.run_path(str(DOCS / "pictures.py"))
    made = {f"{picture.name}.png" for picture in maker["PICTURES"]}
    files = {path.name: path.read_bytes() for path in (DOCS / "pictures").iterdir()}
    shown = [
        re.findall(r"!\[[^\]]+\]\((\S+\.png)\)", path.read_text(encoding="utf-8"))
        for path in (DOCS / "page.md", DOCS / "../README.md")
    ]

    assert made == files.keys(), "run: make pictures"
    assert {address.rpartition("/")[2] for addresses in shown for address in addresses} == made
    for content in files.values():
        assert content.startswith(b"\x89PNG")
        assert len(content) <= maker["LARGEST"]
