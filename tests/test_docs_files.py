"""``docs/files.md`` says what the readers take: the book as its reader documents it, and the columns as the schemas have them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from greencloud.agent import read_workloads
from greencloud.facility import ResourceWeights, Uncertainties, read_facility, reader
from greencloud.facility.records import HEAD_KEYS, SECTIONS, UNCERTAINTY_KEYS, WEIGHT_KEYS
from greencloud.usage import READINGS, ROWS

PAGE = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_book_of_the_page_is_that_of_the_reader() -> None:
    documented = textwrap.dedent((reader.__doc__ or "").split("optional::\n")[1]).strip()

    assert documented == BLOCKS[0].strip()


def sound() -> str:
    """The book of the page without its files, with the factors that would be in them."""
    kinds = "".join(
        f'[[factors]]\nzone = "NO"\nkind = "{kind}"\nstart = 2026-01-01\ng_per_kwh = 1\nsource = "test"\n'
        for kind in ("residual", "upstream")
    )
    return re.sub(r"\[files\].*?\n\n", "", BLOCKS[0], flags=re.DOTALL) + kinds


KEYS = {section: known.keys for section, known in SECTIONS.items()} | {
    "facility": HEAD_KEYS,
    "weights": WEIGHT_KEYS,
    "uncertainty": UNCERTAINTY_KEYS,
}


@pytest.mark.parametrize("section", KEYS)
def test_the_page_has_every_key_of_the_book(section: str) -> None:
    written = "\n".join(re.findall(rf"^\[+{section}\]+.*?(?=^\[|\Z)", BLOCKS[0], flags=re.DOTALL | re.MULTILINE))

    assert set(KEYS[section]) <= set(re.findall(r"\w+", written))


def test_the_defaults_of_the_page_are_those_of_the_book(tmp_path: Path) -> None:
    (tmp_path / "facility.toml").write_text(sound())

    book = read_facility(tmp_path / "facility.toml")
    assert (book.weights, book.uncertainties) == (ResourceWeights(), Uncertainties())


def test_the_book_of_the_page_is_sound_but_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "facility.toml").write_text(sound())

    assert read_facility(tmp_path / "facility.toml").name == "North data centres"


@pytest.mark.parametrize(("title", "schema"), [("Usage tables", ROWS), ("Host readings", READINGS)], ids=["rows", "readings"])
def test_the_page_has_every_column_with_its_type(title: str, schema: pa.Schema) -> None:
    text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \| (.+?) \|", text, flags=re.MULTILINE) == [(field.name, str(field.type)) for field in schema]


def test_the_workloads_of_the_page_are_read(tmp_path: Path) -> None:
    (tmp_path / "workloads.toml").write_text(BLOCKS[1])

    (workload,) = read_workloads(tmp_path / "workloads.toml")
    assert (workload.pid, workload.account, workload.service) == (4242, "acme", "checkout")
