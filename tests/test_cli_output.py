"""Where an answer goes: what stands under the name of --out stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from greencloud.cli._output import write_file


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("old")
    path.chmod(0o600)

    write_file(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_what_a_link_points_to_is_written(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    if there:
        target.write_text("old")
    link.symlink_to(target)

    write_file(link, b"new")

    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """A device is the same: /dev/null must not become a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    write_file(pipe, "new")
    reader.join(10)

    assert read == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=r"file/report\.csv'$"):
        write_file(tmp_path / "file" / "report.csv", "new")
