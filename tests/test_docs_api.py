"""The reference of the API says what the protos say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference(generator: ModuleType) -> str:
    return str(generator.reference(generator.image(str(Path(sys.executable).parent / "buf"))))


def test_the_reference_is_what_the_protos_give(reference: str) -> None:
    assert (DOCS / "api-reference.md").read_text(encoding="utf-8") == reference, "run: make reference"


def test_every_link_of_the_reference_leads_to_a_heading(reference: str) -> None:
    headings = {found.lower() for found in re.findall(r"^#+ (.+)$", reference, flags=re.MULTILINE)}

    assert set(re.findall(r"\]\(#([^)]+)\)", reference)) <= headings


def test_nothing_in_the_reference_goes_without_a_word(reference: str) -> None:
    assert "|  |" not in reference
    assert not re.search(r"^### \S+\n\n\|", reference, flags=re.MULTILINE)
