"""A real ``greencloud serve`` process for tests, and the command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Served", "greencloud", "serving"]


def greencloud(
    *arguments: str | Path, check: bool = True, environment: Mapping[str, str] | None = None, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, with ``environment`` on top of the present one."""
    done = subprocess.run(
        [sys.executable, "-m", "greencloud", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "160"} | dict(environment or {}),
    )
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass
class Served:
    """A server process; ``target`` is HOST:PORT."""

    process: subprocess.Popen[str]
    target: str
    data: Path
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, account: str = "") -> str:
        """A tenant's token, or the provider's without an account."""
        if account not in self.tokens:
            role = ["--role", "tenant", "--account", account] if account else ["--role", "provider"]
            self.tokens[account] = greencloud("token", "--data", self.data, *role).stdout.strip()
        return self.tokens[account]

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait(timeout=30)


@contextmanager
def serving(data: Path, *options: str | Path, listen: str = "127.0.0.1:0") -> Iterator[Served]:
    """Start ``greencloud serve`` and wait for its one line."""
    log = data.parent / f"{data.name}.server.log"
    command = [sys.executable, "-m", "greencloud", "serve", "--data", str(data), "--listen", listen, *map(str, options)]
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), f"{line!r}\n{log.read_text()}"
        yield Served(process, line.removeprefix("listening on ").strip(), data, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()
