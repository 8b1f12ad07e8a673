"""The live page in a process of its own: ``python -m greencloud.server.page_process``, started by ``greencloud.server.live_page``.

It is a client of the server like any other: it reads no data directory and has no key, only the tokens that readers log in with. A
chart that takes long, or a library that fails, stays in this process. It reads its settings as the first line of standard input,
whose end is a reason to end, and answers ``{"ready": URL, "listen": "HOST:PORT"}`` or ``{"error": ..., "advice": ...}``.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from greencloud.errors import GreencloudError, MissingExtraError
from greencloud.server.process import on_signals
from greencloud.server.settings import now

if TYPE_CHECKING:
    from greencloud.server.web import WebServer

__all__ = ["PageSettings", "main", "serving_page"]

_FIRST_CHART: Final = {
    "data": {"values": [{"key": "a", "amount": 1}]},
    "mark": "bar",
    "encoding": {"y": {"field": "key", "type": "nominal"}, "x": {"field": "amount", "type": "quantitative"}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """``target`` is where the server answers; the certificate and its key are those of the page, for browsers."""

    target: str
    listen: str
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        values: dict[str, Any] = json.loads(text)
        for name in ("tls_cert", "tls_key"):
            values[name] = Path(values[name]) if values[name] else None
        return cls(**values)


@contextmanager
def serving_page(
    connection: Mapping[str, Any], listen: str, *, tls_cert: Path | None, tls_key: Path | None, clock: Callable[[], datetime] = now
) -> Iterator[WebServer]:
    """Serve the page while the block lasts. ``connection``: arguments of ``greencloud.client.Client``, by which it asks with the
    tokens of its readers and never one of its own.

    Raises:
        ListenError: the address cannot be had, or the certificate cannot be used.
        ConfigError: the server cannot be asked so.
        MissingExtraError: greencloud[page] is not installed.
    """
    try:
        from greencloud.page.opening import opened_page
        from greencloud.report.drawing import draw
        from greencloud.server.web import WebServer
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "greencloud":
            raise
        raise MissingExtraError("the page", extra="page") from error
    draw(_FIRST_CHART, "svg")  # what draws takes a second to start, which the first reader need not wait for
    with opened_page(connection, clock=clock) as app:
        web = WebServer(listen, app, certificate=tls_cert, key=tls_key, option="--page")
        try:
            yield web
        finally:
            web.close()


def main() -> int:
    """Serve until told to stop."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s")
    stopping = threading.Event()
    on_signals(stopping)
    settings = PageSettings.from_json(sys.stdin.readline())
    connection = {"target": settings.target}
    try:
        with serving_page(connection, settings.listen, tls_cert=settings.tls_cert, tls_key=settings.tls_key) as web:
            _say(ready=web.url, listen=web.listen)
            threading.Thread(target=_until_alone, args=(stopping,), name="greencloud-orders", daemon=True).start()
            stopping.wait()
    except GreencloudError as error:
        _say(error=error.message, advice=error.advice)
        return 1
    return 0


def _until_alone(stopping: threading.Event) -> None:
    for _ in sys.stdin:
        pass
    stopping.set()


def _say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main())
