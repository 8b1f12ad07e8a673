"""What holds for every test."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import engine

from object_store import lake, running, uri
from profiles import DEFAULT

if TYPE_CHECKING:
    from greencloud.testing import Server

__all__ = ["lake", "running", "uri"]  # fixtures: one object store for the session

# A process that a test starts would compile every module of ours anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

MEMORY = "/dev/shm"
ROOM = 2 << 30  # a run leaves some hundred megabytes at a time


def _in_memory() -> bool:
    """Whether temporary files can lie in memory: programs must run from there, which containers forbid, and there must be room."""
    try:
        state = os.statvfs(MEMORY)
    except OSError:
        return False
    return os.access(MEMORY, os.W_OK) and not state.f_flag & os.ST_NOEXEC and state.f_bavail * state.f_frsize >= ROOM


# The log and the ledger wait for the disk at every step, as long as they compute in all. A TMPDIR that is set is taken.
if "TMPDIR" not in os.environ and _in_memory():
    os.environ["TMPDIR"] = MEMORY  # for the processes of tests, too
    tempfile.tempdir = None  # pytest has asked for one already

# ``--hypothesis-profile`` takes another. Shrinking may go on for five minutes by default; here it ends before the two of a test.
settings.load_profile(DEFAULT)
assert engine.MAX_SHRINKING_SECONDS == 300, "Hypothesis names it otherwise now"
engine.MAX_SHRINKING_SECONDS = 45


@pytest.fixture(scope="session")
def seeded_server() -> Iterator[Server]:
    """One for the session, for tests that only ask: its ledger of 96 batches takes some seconds to make."""
    from greencloud.testing import Server

    with Server() as server:
        yield server
