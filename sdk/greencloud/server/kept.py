"""A process that is kept running: a fresh one, never a fork, told what to do on standard input, and started again when it ends.

It reads its settings as the first line of its input, whose end is a reason to end; it answers in lines of JSON, of which
``{"ready": "..."}`` and ``{"error": ..., "advice": ...}`` tell how its start went. One that ends by itself is started again after a
pause that doubles while it keeps ending soon.
"""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

from greencloud.server.errors import ListenError

__all__ = ["Kept"]

_LOG: Final = logging.getLogger("greencloud.server")
_START_S: Final = 120.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_SETTLED_S: Final = 60.0


class Kept:
    """One place of a process, whichever fills it at the time: ``python -m MODULE``, told ``settings`` at each start."""

    def __init__(self, name: str, module: str, settings: str, stopping: threading.Event) -> None:
        self.restarts = 0
        self.serves = False
        self.settings = settings
        self.thread = threading.Thread(target=self._keep, name=f"greencloud-{name.replace(' ', '-')}")
        self._name = name
        self._module = module
        self._stopping = stopping
        self._started: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def await_start(self) -> None:
        """Wait until it serves for the first time. Raises ListenError where it cannot, unless all is to stop."""
        try:
            said = self._started.get(timeout=_START_S)
        except queue.Empty:
            raise ListenError(f"{self._name} did not start in {_START_S:.0f} s") from None
        if "error" in said and not self._stopping.is_set():
            raise ListenError(said["error"], advice=said.get("advice", ""))

    def end(self) -> None:
        """Have it end in order, and do not wait."""
        with self._lock, suppress(OSError):
            if self._process:
                self._process.terminate()

    def kill(self) -> None:
        """End it at once if it is still there."""
        with self._lock:
            if self._process and self._process.poll() is None:
                self._process.kill()
        self.thread.join()

    def heard(self, said: dict[str, Any]) -> None:
        """What it said."""
        if "ready" in said:
            self.serves = True
            _LOG.info("%s serves", self._name)
        self._started.put(said)

    def tell(self, line: str) -> None:
        """Raises BrokenPipeError where nobody is there."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.closed:
            raise BrokenPipeError
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            code = self._run()
            self.serves = False
            if not self.restarts:
                self._started.put({"error": f"{self._name} ended with {code}"})
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _SETTLED_S else min(_LONGEST_PAUSE_S, pause * 2)
            _LOG.warning("%s ended with %s; another starts in %.1f s", self._name, code, pause)
            if self._stopping.wait(pause):
                return
            self.restarts += 1

    def _run(self) -> int:
        """Start a process, pass on what it says, and wait for its end."""
        with self._lock:
            if self._stopping.is_set():
                return 0
            command = [sys.executable, "-m", self._module]
            # In a session of its own, so that Ctrl-C reaches it through us.
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
        assert process.stdout
        assert process.stdin
        with process.stdout, suppress(BrokenPipeError), process.stdin:
            with suppress(OSError):
                self.tell(self.settings)
            for line in process.stdout:
                self.heard(json.loads(line))
        return process.wait()
