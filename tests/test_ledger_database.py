"""The DuckDB of a process takes a part of what its process may have, and not of what the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.ledger.database import memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limited(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
@given(limit=st.integers(1, 1 << 63))
def test_a_container_has_what_it_is_limited_to_and_never_more_than_the_machine(
    name: str, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert memory(limited(tmp_path_factory.mktemp("cgroup"), name, f"{limit}\n")) == min(limit, MACHINE)


@pytest.mark.parametrize("text", ["max\n", "", "?"])
def test_without_a_limit_it_is_the_machines(text: str, tmp_path: Path) -> None:
    assert memory(limited(tmp_path, "memory.max", text)) == MACHINE


def test_without_cgroups_it_is_the_machines(tmp_path: Path) -> None:
    assert memory(tmp_path / "none") == MACHINE
