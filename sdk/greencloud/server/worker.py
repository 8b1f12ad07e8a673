"""One worker of ``greencloud serve --workers N``: ``python -m greencloud.server.worker``, started by ``greencloud.server.workers``.

It reads its settings as the first line of standard input and then requests for metrics; the end of the input is the end of whoever
started it, and a reason to drain. It answers in lines of JSON: ``{"ready": "HOST:PORT"}``, ``{"error": ..., "advice": ...}`` or
``{"metrics": "..."}``.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import Any

from greencloud.errors import GreencloudError
from greencloud.server.process import on_signals, run
from greencloud.server.settings import Settings

__all__ = ["main"]


def main() -> int:
    """Serve until told to stop."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s")
    stopping = threading.Event()
    on_signals(stopping)
    settings = Settings.from_json(sys.stdin.readline())
    try:
        with run(settings) as server:
            metrics = server.metrics() if settings.metrics else None
            _say(ready=server.target)

            def obey() -> None:
                for line in sys.stdin:
                    if line.strip() == "metrics" and metrics:
                        _say(metrics=metrics.text())
                stopping.set()

            threading.Thread(target=obey, name="greencloud-orders", daemon=True).start()
            stopping.wait()
    except GreencloudError as error:
        _say(error=error.message, advice=error.advice)
        return 1
    return 0


def _say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main())
