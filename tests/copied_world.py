"""A ledger and its serving copy in a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from greencloud.ledger import Batch, Ledger, Snapshot
from greencloud.serving import Refreshed, ServingCopy, refresh, with_copy
from greencloud.serving.check import check
from greencloud.serving.connection import WRITER, connect
from greencloud.units import Window
from ledger_builders import EVER
from templates import made_once
from test_ledger_rollups_random import SITES, WINDOWS, made

BY_ACCOUNT = replace(EVER, accounts=("a", "zoë"), group_by=("account",))


@made_once
def _ledger(folder: Path) -> None:
    Ledger(folder / "ledger").post_all([made(site, window, at) for at, window in enumerate(WINDOWS) for site in SITES])


def ledger_of(folder: Path) -> Ledger:
    """Two sites; days in January, February and March, of which the last is not added up."""
    return Ledger(shutil.copytree(_ledger() / "ledger", folder / "ledger"))


@contextmanager
def copied(database: str, **options: Any) -> Iterator[ServingCopy]:
    copy = ServingCopy(database, **options)
    try:
        yield copy
    finally:
        copy.close()


def refreshed(database: str, ledger: Ledger) -> Refreshed:
    with connect(database, **WRITER) as connection:
        return refresh(database, connection, ledger)


def findings(database: str, ledger: Ledger) -> list[str]:
    with connect(database, **WRITER) as connection:
        return list(check(database, connection, ledger))


def snapshot_of(ledger: Ledger, copy: ServingCopy, version: int | None = None) -> Snapshot:
    return with_copy(ledger.snapshot, copy)(version)


def day(site: str, first: Window, revision: int) -> list[Batch]:
    """A whole day of windows, from the midnight before one of them."""
    start = first.start.replace(hour=0)
    return [made(site, Window(start + timedelta(hours=at)), revision) for at in range(24)]
