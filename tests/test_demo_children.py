"""Children of the demo: real processes that talk, die early, refuse to end, and start children of their own."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from greencloud.cli._demo.children import Child, ChildFailedError, Children
from greencloud.cli._demo.shop import find_shop
from greencloud.errors import NotFoundError

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
child.wait()
"""


def start(children: Children, code: str, tmp_path: Path) -> Child:
    return children.start("worker", [sys.executable, "-c", code], environment=os.environ, directory=tmp_path)


def test_a_child_that_dies_early_is_told_with_its_last_lines(tmp_path: Path) -> None:
    with Children() as children:
        child = start(children, "import sys; print('one'); sys.exit('port in use')", tmp_path)
        with pytest.raises(ChildFailedError, match=r"worker has ended with status 1; its last lines:\n  \| one\n  \| port in use"):
            child.wait_for_line("listening", timeout=20)


def test_a_child_that_never_answers_is_told_after_the_deadline(tmp_path: Path) -> None:
    with Children() as children:
        child = start(children, "import sys, time; print('up', flush=True); time.sleep(600)", tmp_path)
        child.wait_for_line("up", timeout=20)
        with pytest.raises(ChildFailedError, match=r"did not say 'listening' within 0.1 s"):
            child.wait_for_line("listening", timeout=0.1)
        with pytest.raises(ChildFailedError, match=r"did not answer on port 9 within 0.1 s"):
            child.wait_for_health(9, timeout=0.1)


def test_leaving_the_block_ends_children_of_children_that_ignore_sigterm(tmp_path: Path) -> None:
    with Children() as children:
        child = start(children, STUBBORN, tmp_path)
        grandchild = int(child.wait_for_line(r"child (\d+)", timeout=20)[1])
        watched = os.pidfd_open(grandchild)
        children.stop(child, grace=0.1)
    assert not child.running()
    try:
        assert select.select([watched], [], [], 20)[0], "its end makes the descriptor readable"
    finally:
        os.close(watched)


def test_an_error_within_the_block_ends_every_child(tmp_path: Path) -> None:
    seen: list[Child] = []

    def interrupted() -> None:
        with Children() as children:
            seen.append(start(children, "import time; print('up', flush=True); time.sleep(600)", tmp_path))
            seen[0].wait_for_line("up", timeout=20)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not seen[0].running()


def test_watching_one_child_notices_the_death_of_another(tmp_path: Path) -> None:
    with Children() as children:
        watched = start(children, "import time; time.sleep(600)", tmp_path)
        start(children, "raise SystemExit('out of memory')", tmp_path)
        with pytest.raises(ChildFailedError, match="out of memory"):
            children.watch(watched, timeout=30)


def test_a_missing_shop_is_told_with_the_option_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"has no storefront\.py") as caught:
        find_shop(tmp_path)
    assert "--shop" in caught.value.advice
    assert find_shop(None).name == "shop"
