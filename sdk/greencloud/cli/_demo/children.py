"""Child processes that never outlive the demo, and whose last words are kept.

Each child has a process group of its own, so that it ends with all that it started, and Ctrl-C reaches it by us, in order. Its
output is read all the time; waiting is waiting for a line, for a port, or for its end, always with a deadline and always
noticing that the child has died.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType

from greencloud.errors import GreencloudError

__all__ = ["Child", "ChildFailedError", "Children"]

_KEPT_LINES = 400
_SHOWN_LINES = 15


class ChildFailedError(GreencloudError):
    """A process that the demo needs has ended, or did not do in time what was waited for."""

    reason = "CHILD_FAILED"

    def __init__(self, message: str, *, name: str, output: Sequence[str]) -> None:
        said = "\n".join(f"  | {line}" for line in output[-_SHOWN_LINES:]) or "  | (nothing)"
        super().__init__(f"{message}; its last lines:\n{said}", advice="what is missing or in use is usually in these lines")
        self.name = name


class Child:
    """One process. Its standard output and error are one stream of lines."""

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        with self._changed:
            return list(self._lines)

    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raise when the process has ended."""
        if not self.running():
            self._reader.join(1)
            raise self._failed(f"{self.name} has ended with status {self._process.returncode}")

    def wait_for_line(self, pattern: str, *, timeout: float) -> re.Match[str]:
        """The first line that has the pattern."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = next((match for line in self._lines if (match := re.search(pattern, line))), None)
                if found:
                    return found
                if self._ended or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
        if self._ended:
            self._process.wait()
            self.check()
        raise self._failed(f"{self.name} did not say {pattern!r} within {timeout:g} s")

    def wait_for_health(self, port: int, *, timeout: float) -> None:
        """Wait until ``GET /health`` on loopback answers 200."""
        deadline = time.monotonic() + timeout
        while not _healthy(port, max(0.1, deadline - time.monotonic())):
            if time.monotonic() > deadline:
                raise self._failed(f"{self.name} did not answer on port {port} within {timeout:g} s")
            self.ends_within(0.05)
            self.check()

    def wait(self, *, timeout: float) -> int:
        """The exit status, when the process ends by itself."""
        if not self.ends_within(timeout):
            raise self._failed(f"{self.name} did not end within {timeout:g} s")
        self._reader.join(1)
        return self._process.returncode

    def terminate(self) -> None:
        """Ask it, not its children, to end in order."""
        if self.running():
            self._process.terminate()

    def kill(self) -> None:
        """End the whole group at once, whatever it does."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def ends_within(self, timeout: float) -> bool:
        """Wait that long; whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
            return True
        return False

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _failed(self, message: str) -> ChildFailedError:
        return ChildFailedError(message, name=self.name, output=self.lines)


def _healthy(port: int, timeout: float) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        try:
            connection.request("GET", "/health")
            with connection.getresponse() as response:
                return response.status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


class Children:
    """All children; leaving the block ends every one that is left, on whatever way out."""

    def __init__(self) -> None:
        self._all: list[Child] = []

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], directory: Path) -> Child:
        child = Child(name, command, environment=environment, directory=directory)
        self._all.append(child)
        return child

    def check(self) -> None:
        """Raise when one that should be running has ended."""
        for child in self._all:
            child.check()

    def watch(self, child: Child, *, timeout: float) -> int:
        """Wait for the end of one, while every other one must go on running."""
        deadline = time.monotonic() + timeout
        while not child.ends_within(min(0.5, max(0.0, deadline - time.monotonic()))):
            self.check()
            if time.monotonic() > deadline:
                break
        return child.wait(timeout=0)

    def stop(self, *children: Child, grace: float = 15.0) -> None:
        """End them in order: asked first, together; those that have not ended after the grace time are killed."""
        for child in children:
            child.terminate()
        deadline = time.monotonic() + grace
        for child in children:
            with suppress(ChildFailedError):
                child.wait(timeout=max(0.0, deadline - time.monotonic()))
            child.kill()
            if child in self._all:
                self._all.remove(child)

    def __enter__(self) -> Children:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        everyone = list(self._all)
        try:
            self.stop(*reversed(everyone), grace=5.0)
        finally:  # a second Ctrl-C ends the patience, not the ending
            for child in everyone:
                child.kill()
