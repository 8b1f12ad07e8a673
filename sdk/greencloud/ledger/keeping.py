"""A lease that is kept by a thread of its own, for work that may take longer than its term: reading much, or waiting for workers.

If another writer takes it over meanwhile, the thread only says so: the next commit is refused, and raises.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from greencloud.errors import GreencloudError
from greencloud.ledger.lease import Held

__all__ = ["kept"]

_OFTEN_S: Final = 0.1
_LOG: Final = logging.getLogger("greencloud.ledger")


@contextmanager
def kept(held: Held) -> Iterator[None]:
    """Keep the lease while the block lasts."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(max(_OFTEN_S, held.term.total_seconds() / 8)):
            try:
                held.keep()
            except GreencloudError as error:
                _LOG.warning("the lease could not be kept: %s", error.message)

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
