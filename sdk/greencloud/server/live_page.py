"""Keeps the live page beside a server (``greencloud serve --page``): its process, and the way by which it asks.

The way is a socket in a folder that only this user can open, where the server answers as it does on its port: the same methods,
the same credentials, the same limits. So the page needs no certificate to know the server by, nor one of its own where clients on
the network must have one; a reader's token is all that counts. Of several workers the first answers there.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from greencloud.server.kept import Kept
from greencloud.server.page_process import PageSettings
from greencloud.server.settings import Settings

__all__ = ["live_page"]

_LOG: Final = logging.getLogger("greencloud.server")
_END_S: Final = 15.0


@contextmanager
def live_page(settings: Settings, stopping: threading.Event) -> Iterator[Settings]:
    """Keep the page while the block lasts, if there is to be one; gives the settings of a server that answers it.

    Raises:
        ListenError: its address cannot be had, or it cannot start.
    """
    if not settings.page:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="greencloud-page-") as folder:
        local = f"unix:{Path(folder) / 'api'}"
        page = _Page(
            PageSettings(target=local, listen=settings.page, tls_cert=settings.tls_cert, tls_key=settings.tls_key), stopping
        )
        page.thread.start()
        try:
            page.await_start()
            yield replace(settings, local=local)
        finally:
            stopping.set()
            page.end()
            page.thread.join(_END_S)
            page.kill()


class _Page(Kept):
    def __init__(self, settings: PageSettings, stopping: threading.Event) -> None:
        super().__init__("page", "greencloud.server.page_process", settings.to_json(), stopping)
        self._its = settings

    def heard(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self.settings = replace(self._its, listen=said["listen"]).to_json()  # the same port after a new start
            _LOG.info("page on %s", said["ready"])
        super().heard(said)
