"""What the adapters to engines do without their engines: what is sent, what a failure comes down to, what an archive holds."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import greencloud
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine import worker_archive as archives
from greencloud.engine.engine_fault import fault_of, useful_line
from greencloud.engine.partition import Made, Partition
from greencloud.engine.spark import SparkRunner
from greencloud.engine.work import answer
from greencloud.engine.worker_archive import MANIFEST, checked_archive, this_python, write_archive
from greencloud.errors import ConfigError, StoreError, StoreUnavailableError
from serving import greencloud as verb
from test_engine_distribution import NOW, alike, hours  # noqa: F401

PARTITIONS = st.builds(
    Partition,
    st.text(),
    st.integers(),
    st.integers(),
    st.text(),
    st.text(),
    st.booleans(),
    st.integers(),
    files=st.tuples(st.text()),
)


@given(PARTITIONS)
def test_a_partition_travels_unchanged(part: Partition) -> None:
    assert Partition.decoded(part.encoded()) == part


# --- what a failure comes down to

WORKER_TRACE = """An error occurred while calling o74.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most recent failure: Lost
task 0.3 in stage 0.0 (TID 3) (127.0.0.1 executor 1):
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/spark/python/lib/pyspark.zip/pyspark/worker.py", line 3373, in main
    process()
RuntimeError: a worker (Python 3.11 on linux x86_64) cannot import greencloud (No module named 'greencloud'): install it there

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: org.apache.spark.SparkException: something else
"""
LOST_TRACE = """Job aborted due to stage failure: Task 1 in stage 2.0 failed 4 times, most recent failure: Lost task 1.3 in stage
ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Command exited with code 137
Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2898)
"""


def test_the_line_that_says_why_is_found_in_a_trace() -> None:
    assert useful_line(WORKER_TRACE).startswith("a worker (Python 3.11 on linux x86_64) cannot import greencloud")
    assert useful_line(LOST_TRACE) == "Command exited with code 137"
    assert useful_line("x\nCaused by: java.io.IOException: Connection refused\n") == "Connection refused"
    assert (
        useful_line("[JAVA_GATEWAY_EXITED] Java gateway process exited.\nmore")
        == "[JAVA_GATEWAY_EXITED] Java gateway process exited."
    )
    assert useful_line(" \n ") == "it gave no reason"


@given(st.text())
def test_whatever_an_engine_says_is_told_in_one_line(text: str) -> None:
    line = useful_line(text)
    assert line
    assert len(line) <= 600
    assert len(fault_of("Spark gave up", RuntimeError(text)).message.splitlines()) == 1


def test_a_token_is_not_told() -> None:
    assert (
        useful_line("cannot reach sc://spark:15002/;token=abc123;user_id=x") == "cannot reach sc://spark:15002/;token=…;user_id=x"
    )


def test_a_store_that_is_silent_and_memory_that_is_short_are_told_apart() -> None:
    silent = fault_of(
        "Spark", RuntimeError(WORKER_TRACE.replace("RuntimeError: a worker", "StoreUnavailableError: STORE_UNAVAILABLE: "))
    )
    assert isinstance(silent, StoreUnavailableError)
    assert isinstance(fault_of("Spark gave up", RuntimeError(WORKER_TRACE)), StoreError)
    assert "memory" in fault_of("Spark gave up", RuntimeError(LOST_TRACE)).advice


def test_a_worker_raises_what_another_try_may_mend_and_tells_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Partition("hall", 0, 3600, "book", "used", False, 0, usage="0" * 64)
    made = Made.decoded(answer("/nowhere", part.encoded()))
    assert made.result in {"failed", "refused"}
    silent = Made("hall", 0, 3600, "failed", reason="STORE_UNAVAILABLE", message="nobody answers")
    monkeypatch.setattr("greencloud.engine.work.run_partition", lambda _place, _part: silent)
    with pytest.raises(StoreUnavailableError, match=r"STORE_UNAVAILABLE: hall .*nobody answers"):
        answer("/nowhere", part.encoded())


# --- the runner, with a session that does in this process what Spark does on its machines


class Numbers:
    """A range, mapped by tasks of some rows; ``calls``: how many rows each job had."""

    def __init__(self, count: int, tasks: int, fail: str) -> None:
        self.count, self.tasks, self.fail = count, tasks, fail

    def mapInArrow(self, function: Any, schema: str) -> Numbers:
        assert schema == "made binary"
        self.function = function
        return self

    def collect(self) -> list[tuple[bytearray]]:
        if self.fail:
            raise RuntimeError(self.fail)
        made = answers_of(self.function)
        assert len(made) == self.count
        return [(bytearray(each),) for each in made]


def answers_of(function: Any) -> list[bytes]:
    """What the function would answer on a worker, from what it carries."""
    cells = dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in function.__closure__), strict=True))
    return [answer(cells["place"], document) for document in cells["documents"]]


class Session:
    """As a session of Spark Connect: there is no context to ask for cores. ``fail_at``: the job that fails."""

    def __init__(self, fail_at: int = -1) -> None:
        self.fail_at = fail_at
        self.sizes: list[int] = []
        self.interrupted: list[str] = []

    def addTag(self, tag: str) -> None:
        assert tag.startswith("greencloud-")

    def interruptTag(self, tag: str) -> None:
        self.interrupted.append(tag)

    def range(self, start: int, end: int, step: int, tasks: int) -> Numbers:
        assert (start, step) == (0, 1)
        self.sizes.append(end)
        return Numbers(end, tasks, WORKER_TRACE if len(self.sizes) - 1 == self.fail_at else "")


def test_jobs_are_bounded_and_leave_the_same_ledger(hours: DataDirectory, tmp_path: Path) -> None:  # noqa: F811
    session = Session()
    alike(hours, SparkRunner(session, windows_per_task=2, cores=1), tmp_path)
    assert session.sizes == [4, 4, 4]
    assert session.interrupted == []


def test_a_job_that_fails_ends_the_run_and_what_was_made_stands(hours: DataDirectory) -> None:  # noqa: F811
    with pytest.raises(StoreError, match=r"Spark gave up: a worker .* cannot import greencloud"):
        run_allocation(hours, now=NOW, runner=SparkRunner(Session(fail_at=2), windows_per_task=2, cores=1))
    run = run_allocation(hours, now=NOW, runner=SparkRunner(Session(), cores=1))
    assert len(run.posted) + run.unchanged_count == 12
    assert hours.ledger.verify() == []


# --- the archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of greencloud alone: all that it depends on takes a quarter of a minute to pack (test_spark_cluster packs it)."""
    path = tmp_path_factory.mktemp("archive") / "workers.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "_ROOT", "greencloud")
        write_archive(path)
    return path


def test_an_archive_holds_the_package_with_its_kernels_and_says_what_it_fits(archive: Path) -> None:
    manifest = checked_archive(archive)
    assert (manifest.greencloud, manifest.made_for) == (greencloud.__version__, this_python())
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
    assert {"greencloud/engine/work.py", "greencloud/py.typed", MANIFEST} <= names
    home = Path(greencloud.__file__).parent
    assert {f"greencloud/{path.name}" for path in home.glob("_*.so")} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_same_installation_makes_the_same_archive(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ROOT", "greencloud")
    write_archive(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.zip"]


def test_what_the_server_extra_brings_is_found_by_its_requirements() -> None:
    names = {each.name.lower() for each in archives._needed()}
    assert {"pyarrow", "deltalake", "duckdb", "protobuf", "obstore", "isal"} <= names
    assert not names & {"greencloud", "pytest", "pyspark", "pandas"}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("greencloud", "0.0.1", "greencloud 0.0.1"), ("made_for", "Python 3.9 on linux x86_64", "Python 3.9")],
)
def test_an_archive_of_another_release_or_python_is_refused(tmp_path: Path, key: str, value: str, told: str) -> None:
    path = tmp_path / "other.zip"
    manifest = {"greencloud": greencloud.__version__, "made_for": this_python(), "distributions": {}, key: value}
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(MANIFEST, json.dumps(manifest))
    with pytest.raises(ConfigError, match=rf"is of .*{told}.*and the driver has") as caught:
        checked_archive(path)
    assert "greencloud cluster archive" in caught.value.advice


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.zip").write_bytes(content)
    with pytest.raises(ConfigError, match="is no archive"):
        checked_archive(tmp_path / "file.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(ConfigError, match="is no archive"):
        checked_archive(tmp_path / "empty.zip")


def test_importing_the_adapter_loads_no_engine() -> None:
    code = "import sys, greencloud.engine.spark, greencloud.engine.ray; print({'pyspark', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_this_python_names_what_compiled_code_must_fit() -> None:
    assert this_python() == f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform} {platform.machine()}"


# --- the command line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--engine", "processes", "--dry-run"], "--dry-run writes nothing"),
        (["--workers", "2"], "local is one process"),
        (["--engine", "processes", "--master", "local"], "--master is for --engine spark or ray"),
        (["--engine", "processes", "--remote", "sc://x"], "--remote and --conf are for --engine spark"),
        (["--engine", "ray", "--conf", "a=b"], "--remote and --conf are for --engine spark"),
        (["--engine", "spark", "--master", "local", "--remote", "sc://x"], "give one of them"),
        (["--engine", "spark"], "needs --master URL"),
        (["--engine", "spark", "--conf", "memory"], "is no setting"),
        (["--engine", "flink"], "Invalid value for '--engine'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    for name in ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    done = verb("allocate", "--data", tmp_path, *options, check=False)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())


def test_the_processes_are_an_engine_of_the_command_line(hours: DataDirectory) -> None:  # noqa: F811
    done = verb("allocate", "--data", hours.path, "--engine", "processes", "--workers", "2")
    assert "12 batches posted, 0 unchanged, 0 refused" in done.stdout
    assert any("engine=processes" in str(entry) for entry in hours.audit.entries())


def test_an_engine_that_is_not_installed_is_told_with_its_extra(
    hours: DataDirectory,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    for engine in ("spark", "ray"):
        done = verb("allocate", "--data", hours.path, "--engine", engine, "--master", "local", check=False)
        assert done.returncode == 1
        assert f"pip install 'greencloud[{engine}]'" in done.stderr
