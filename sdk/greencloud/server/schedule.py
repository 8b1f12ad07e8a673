"""Allocation by the server itself, at an interval: the same run that the RPC and the verb start.

A run that finds another under way is left out, and a run that fails is told in the log; the next comes all the same. Stopping ends
the waiting at once and lets a run that has begun come to its end, because what it posts is whole batch by batch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from greencloud.errors import GreencloudError
from greencloud.results import RunSummary

__all__ = ["allocating_every"]

_LOG: Final = logging.getLogger("greencloud.server")


@contextmanager
def allocating_every(seconds: float, run: Callable[[], RunSummary]) -> Iterator[None]:
    """Call ``run`` every so many seconds while the block lasts; never with 0."""
    if not seconds:
        yield
        return
    ended = threading.Event()

    def go_round() -> None:
        while not ended.wait(seconds):
            try:
                done = run()
            except GreencloudError as error:
                _LOG.warning("allocation left out: %s", error.message)
            except Exception:  # the next run may well succeed; a silent end of all runs would not be seen
                _LOG.exception("allocation failed")
            else:
                _LOG.info(
                    "allocation: %d posted, %d unchanged, %d refused", len(done.posted), done.unchanged_count, len(done.refused)
                )

    thread = threading.Thread(target=go_round, name="allocation")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
