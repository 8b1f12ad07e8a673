"""A real Spark on this machine for tests: sessions, a cluster of its own processes, and the end of all of them in any case.

Every process is begun in a process group that ends with the test, and what it leaves elsewhere is found by a word in its command.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import psutil
import pytest

from object_store import free_port

Command: TypeAlias = list[str | Path]

ROOT = Path(__file__).parents[1]
MASTER = "local-cluster[2,1,1024]"

CONF = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    # Twins of slow tasks, as eagerly as Spark makes them: they must be harmless.
    "spark.speculation": "true",
    "spark.speculation.interval": "20ms",
    "spark.speculation.minTaskRuntime": "20ms",
    "spark.speculation.multiplier": "1.01",
    "spark.speculation.quantile": "0.1",
}


@contextmanager
def spark_home(folder: Path) -> Iterator[Path]:
    """SPARK_HOME: links to what is installed, since ``local-cluster`` writes what executors unpack into a folder beside it.

    Skips the test where pyspark, or a Java that it can use, is not installed.
    """
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        pytest.skip("pyspark is not installed: pip install 'greencloud[spark]'")
    if subprocess.run(["sh", "-c", "${JAVA_HOME:+$JAVA_HOME/bin/}java -version"], capture_output=True, check=False).returncode:
        pytest.skip("Java is not installed: Spark needs 17 or newer")
    for path in Path(found.origin).parent.iterdir():
        if path.name != "work":
            (folder / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_HOME", str(folder))
        yield folder
    shutil.rmtree(folder / "work", ignore_errors=True)


def options(conf: Mapping[str, str] = CONF) -> list[str]:
    """Settings as arguments."""
    return [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]


def executors(root: psutil.Process | None = None) -> list[psutil.Process]:
    """Executor processes under ``root``, by default this one."""
    found = []
    for child in (root or psutil.Process()).children(recursive=True):
        with suppress(psutil.Error):
            if any("CoarseGrainedExecutorBackend" in word for word in child.cmdline()) and child.name() == "java":
                found.append(child)
    return found


class Started:
    """A program in a process group of its own, and the lines that it has written to ``log``."""

    def __init__(self, command: Sequence[str | Path], log: Path, *, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=out, start_new_session=True, env=dict(env), cwd=log.parent
            )

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, word: str, seconds: float = 240) -> None:
        """Until the log holds the word."""
        end = monotonic() + seconds
        while word not in self.text:
            assert self.process.poll() is None, self.text[-3000:]
            assert monotonic() < end, self.text[-3000:]
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(600)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def started(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[Started]:
    """A program, and the end of it and of all that it began."""
    word = f"GREENCLOUD_TEST_RUN={uuid.uuid4()}"
    key, _, value = word.partition("=")
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("PYSPARK_", "PYTHONPATH"))}
    begun = Started(command, log, env=clean | {key: value} | environment)
    try:
        yield begun
    finally:
        begun.kill()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(key) == value:
                    process.kill()


def driver(data: Path, *arguments: str) -> list[str | Path]:
    """The command line's ``allocate`` with Spark."""
    return [sys.executable, "-m", "greencloud", "allocate", "--data", data, "--engine", "spark", *arguments]


class Standalone:
    """A cluster of a master and two workers of one core. What is begun on it has its environment."""

    def __init__(self, url: str, workers: Sequence[Started], folder: Path, environment: Mapping[str, str]) -> None:
        self.url = url
        self._workers = workers
        self._folder = folder
        self._environment = environment

    def started(self, command: Sequence[str | Path]) -> AbstractContextManager[Started]:
        return started(command, self._folder / "log", **self._environment)

    def kill_by_turns(self, run: Sequence[str | Path], moments: random.Random) -> None:
        """Begin a run of 36 windows, and kill an executor of it, then a worker with all it has, then its driver."""
        one, two = self._workers
        with self.started(run) as begun:
            begun.wait_for(f"\n{moments.randrange(2, 10)} of 36")
            for victim in executors(psutil.Process(one.process.pid)):
                victim.kill()
            begun.wait_for(f"\n{moments.randrange(10, 20)} of 36")
            for process in [*psutil.Process(two.process.pid).children(recursive=True), two.process]:
                with suppress(psutil.Error):
                    process.kill()
            begun.wait_for(f"\n{moments.randrange(20, 30)} of 36")
            begun.process.send_signal(signal.SIGKILL)
            begun.process.wait()


@contextmanager
def standalone(home: Path, folder: Path, **more: str) -> Iterator[Standalone]:
    """Spark's own cluster, as daemons on this machine."""
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    begin, where = home / "bin" / "spark-class", ("--host", "127.0.0.1", "--webui-port", "0")
    master: Command = [begin, "org.apache.spark.deploy.master.Master", *where, "--port", str(port)]
    worker: Command = [begin, "org.apache.spark.deploy.worker.Worker", *where, "-c", "1", "-m", "1g", url]
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_WORKER_DIR": str(folder / "work"),
        **more,
    }
    if path := os.environ.get("PYTHONPATH"):  # greencloud may be nowhere else
        environment["PYTHONPATH"] = path
    with (
        started(master, folder / "master", **environment) as begun,
        started(worker, folder / "one", **environment) as one,
        started(worker, folder / "two", **environment) as two,
    ):
        begun.wait_for("New state: ALIVE")
        for each in (one, two):
            each.wait_for("Successfully registered")
        yield Standalone(url, (one, two), folder, environment)
