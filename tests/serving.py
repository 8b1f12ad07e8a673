"""A real ``greencloud serve`` process for tests, and the command line: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from greencloud.cli import main

__all__ = ["Served", "greencloud", "greencloud_process", "serving"]

ENVIRONMENT = {"NO_COLOR": "1", "COLUMNS": "160"}


def greencloud(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end in this process: a start of Python takes as long as most verbs do a hundred times.

    Whatever the command line does not turn into a message is raised.
    """
    result = CliRunner(env=ENVIRONMENT).invoke(main, list(map(str, arguments)), prog_name="greencloud", catch_exceptions=False)
    done = subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
    return _checked(done) if check else done


def greencloud_process(
    *arguments: str | Path, check: bool = True, environment: Mapping[str, str] | None = None, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, with ``environment`` on top of the present one: for servers, and where the process is the
    point."""
    done = subprocess.run(
        [sys.executable, "-m", "greencloud", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=os.environ | ENVIRONMENT | dict(environment or {}),
    )
    return _checked(done) if check else done


def _checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
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
def serving(
    data: Path, *options: str | Path, listen: str = "127.0.0.1:0", program: Sequence[str] = ("-m", "greencloud")
) -> Iterator[Served]:
    """Start ``greencloud serve`` and wait for its one line. ``program``: what Python runs, if not the command line."""
    log = data.parent / f"{data.name}.server.log"
    command = [sys.executable, *program, "serve", "--data", str(data), "--listen", listen, *map(str, options)]
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
