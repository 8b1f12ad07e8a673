"""The same ledger, to the bit, on a real Spark as on this machine's processes, whatever of it dies on the way.

``make test-spark``; each test begins a Java of its own, of a gigabyte, and executors of the same.
"""

from __future__ import annotations

import importlib.util
import random
import signal
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.partition import Made, Partition
from greencloud.engine.pool import ProcessPool
from greencloud.engine.spark import SparkRunner
from greencloud.engine.spark_session import spark_session
from greencloud.engine.worker_archive import write_archive
from greencloud.errors import StoreError
from greencloud.ledger.vacuum import GRACE, vacuum
from ledger_bits import bits
from object_store import free_port
from spark_cluster import CONF, MASTER, ROOT, Command, driver, executors, options, spark_home, standalone, started
from test_engine_distribution import NOW, SITES, Use, book, take

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1200)]

RUN = Path(__file__).with_name("spark_run.py")


def world(folder: Path, hours: int, hosts: Iterable[str] = tuple(SITES)) -> DataDirectory:
    """So many hours of two sites, or of those of ``hosts``."""
    folder.mkdir(parents=True)
    return uses_of(DataDirectory.open(folder / "data", create=True), folder, hours, hosts)


def uses_of(data: DataDirectory, folder: Path, hours: int, hosts: Iterable[str] = tuple(SITES)) -> DataDirectory:
    """The same in a data directory; ``folder`` is for its book."""
    data.apply_facility(book(folder, 200))
    take(data, [Use(hour, host, account, 60 * (hour % 50 + 1)) for hour in range(hours) for host in hosts for account in "ab"])
    return data


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with spark_home(tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture(scope="module")
def session(home: Path) -> Iterator[Any]:
    """A cluster of two executors that makes twins of slow tasks as soon as it can."""
    with spark_session(MASTER, conf=CONF) as begun:
        yield begun
    for process in executors():
        process.kill()


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run in this process leaves of 18 hours, on two days."""
    data = world(tmp_path_factory.mktemp("plain") / "world", 18)
    run_allocation(data, now=NOW)
    return bits(data)


def test_a_month_is_the_same_to_the_bit_on_spark_and_on_processes(session: Any, tmp_path: Path) -> None:
    hours = 744
    one, other = (world(tmp_path / name, hours, ["h1"]) for name in ("processes", "spark"))
    now = NOW + timedelta(days=60)
    here = run_allocation(one, now=now, runner=ProcessPool(2))
    there = run_allocation(other, now=now, runner=SparkRunner(session))
    assert len(there.posted) == hours
    assert [each.id for each in there.posted] == [each.id for each in here.posted]
    assert bits(other) == bits(one)
    assert other.ledger.verify() == []
    again = run_allocation(other, now=now, runner=SparkRunner(session))
    assert (len(again.posted), again.unchanged_count) == (0, hours)


class Killing(SparkRunner):
    """Kills an executor each time so many windows have come back."""

    def __init__(self, session: Any, seed: int) -> None:
        super().__init__(session, windows_per_task=1, cores=2)
        self.moments = sorted(random.Random(seed).sample(range(1, 30), 2))
        self.killed: list[int] = []

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        for number, made in enumerate(super().map(parts, place), 1):
            if number in self.moments:
                victim = executors()[-1]
                self.killed.append(victim.pid)
                victim.kill()
            yield made


@pytest.mark.parametrize("seed", [1, 2])
def test_executors_are_killed(session: Any, two_days: dict[str, str], tmp_path: Path, seed: int) -> None:
    data = world(tmp_path / "killed", 18)
    runner = Killing(session, seed)
    run = run_allocation(data, now=NOW, runner=runner)
    assert len(runner.killed) == 2
    assert len(run.posted) == 36
    assert bits(data) == two_days
    _nothing_else_after_the_vacuum(data)


def test_what_a_worker_raises_is_told_in_one_line(session: Any) -> None:
    part = Partition("hall", 0, 3600, "book", "used", False, 0)
    with pytest.raises(StoreError, match=r"^Spark gave up: a worker and the driver of a run do not agree") as caught:
        list(SparkRunner(session).map([_Spoilt(part)], "/nowhere"))  # type: ignore[list-item]
    assert len(str(caught.value).splitlines()) == 2


class _Spoilt:
    """A partition of another release."""

    def __init__(self, part: Partition) -> None:
        self.content = part.encoded().replace(b'"rule"', b'"rulebook"')

    def encoded(self) -> bytes:
        return self.content


@pytest.mark.parametrize("seed", [1, 2])
def test_the_driver_is_killed_and_the_next_run_goes_on(home: Path, two_days: dict[str, str], tmp_path: Path, seed: int) -> None:
    data = world(tmp_path / "killed", 18)
    done = random.Random(seed).randrange(4, 30)
    with started([sys.executable, RUN, data.path, MASTER], tmp_path / "log") as begun:
        begun.wait_for(f"\n{done} of 36")
        java = psutil.Process(begun.process.pid).children(recursive=True)
        begun.process.send_signal(signal.SIGKILL)
        begun.process.wait()
        _, alive = psutil.wait_procs(java, timeout=120)
        assert not alive, "Java and its executors end with their driver"
    assert data.ledger.verify() == []
    posted = set(bits(data).items())
    assert posted < set(two_days.items())
    run = run_allocation(data, now=NOW, runner=ProcessPool(2))
    assert 0 < len(run.posted) <= 36
    assert bits(data) == two_days
    _nothing_else_after_the_vacuum(data)


def _nothing_else_after_the_vacuum(data: DataDirectory) -> None:
    """Files that no version names are kept for the grace, and then removed."""
    root = data.ledger.store.root
    visible = {segment.path for segment in data.ledger.snapshot().contents.segments()}
    before = {str(path.relative_to(root)) for path in root.rglob("*.parquet")} | {
        str(path.relative_to(root)) for path in root.rglob("*.arrow")
    }
    assert visible <= before
    with data.writing():
        vacuum(data.ledger, datetime.now(NOW.tzinfo) + 2 * GRACE)
    after = {name for name in before if (root / name).exists()}
    assert visible <= after
    assert {name for name in after if not name.startswith("restatements")} == visible
    assert data.ledger.verify() == []


def test_workers_have_nothing_but_the_archive(home: Path, two_days: dict[str, str], tmp_path: Path) -> None:
    archive = tmp_path / "workers.zip"
    write_archive(archive)
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    python = str(bare / "bin" / "python")
    assert subprocess.run([python, "-c", "import greencloud"], capture_output=True, check=False, env={}).returncode
    data = world(tmp_path / "shipped", 18)
    command: Command = [sys.executable, RUN, data.path, MASTER, archive]
    with started(command, tmp_path / "log", PYSPARK_PYTHON=python) as begun:
        assert begun.end() == 0, begun.text[-3000:]
        assert "posted 36" in begun.text
    assert bits(data) == two_days


def test_the_page_leads_from_nothing_to_a_finished_run(home: Path, tmp_path: Path) -> None:
    """The commands of docs/spark.md, but for what is installed already and with this test's settings."""
    page = (ROOT / "docs" / "spark.md").read_text()
    commands = page.partition("## Try it")[2].partition("```sh\n")[2].partition("```")[0].replace("examples/", f"{ROOT}/examples/")
    told = "\n".join(line for line in commands.splitlines() if not line.startswith("pip install"))
    assert told.count("greencloud allocate") == 1
    quiet = " ".join(f"'{word}'" for word in options())
    script = f'greencloud() {{ "{sys.executable}" -m greencloud "$@"; }}\n{told}\n'.replace(
        "--engine spark", f"--engine spark {quiet}"
    )
    with started(["bash", "-eu", "-c", script], tmp_path / "log") as begun:
        assert begun.end() == 0, begun.text[-3000:]
        assert "18 batches posted, 0 unchanged, 0 refused" in begun.text
    assert DataDirectory.open(tmp_path / "spark-data", create=False).ledger.verify() == []


def test_a_job_file_for_spark_submit(home: Path, tmp_path: Path) -> None:
    data = world(tmp_path / "job", 6)
    job = ROOT / "examples" / "spark" / "allocate_job.py"
    command: Command = [home / "bin" / "spark-submit", "--master", MASTER, *options(), job, "--data", data.path]
    with started(command, tmp_path / "log", PYSPARK_PYTHON=sys.executable) as begun:
        assert begun.end() == 0, begun.text[-3000:]
        assert "12 batches posted, 0 unchanged, 0 refused" in begun.text
    plain = world(tmp_path / "plain", 6)
    run_allocation(plain, now=NOW)
    assert [each.id for each in data.ledger.snapshot().batches()] == [each.id for each in plain.ledger.snapshot().batches()]
    with started([*command, "--rule", "nonsense"], tmp_path / "log", PYSPARK_PYTHON=sys.executable) as begun:
        assert begun.end() == 2, begun.text[-3000:]


def test_a_thin_client_of_spark_connect(home: Path, two_days: dict[str, str], tmp_path: Path) -> None:
    if importlib.util.find_spec("zstandard") is None:
        pytest.skip("pip install 'greencloud[spark-connect]'")
    port = free_port()
    server: Command = [
        home / "bin" / "spark-submit",
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", MASTER),
        *options(CONF | {"spark.connect.grpc.binding.port": str(port), "spark.connect.grpc.binding.address": "127.0.0.1"}),
        *("--conf", "spark.log.level=INFO", "spark-internal"),
    ]
    data = world(tmp_path / "connect", 18)
    with started(server, tmp_path / "server", PYSPARK_PYTHON=sys.executable) as begun:
        begun.wait_for("Spark Connect server started")
        command: Command = [sys.executable, RUN, data.path, f"sc://127.0.0.1:{port}"]
        with started(command, tmp_path / "log") as client:
            assert client.end() == 0, client.text[-3000:]
            assert "posted 36" in client.text
        assert bits(data) == two_days
        done = driver(data.path, "--remote", f"sc://127.0.0.1:{port}")
        with started(done, tmp_path / "log") as client:
            assert client.end() == 0, client.text[-3000:]
            assert "36 unchanged" in client.text


@pytest.mark.stress
@pytest.mark.parametrize("seed", [1, 2])
def test_a_standalone_cluster_loses_an_executor_a_worker_and_its_driver(
    home: Path, two_days: dict[str, str], tmp_path: Path, seed: int
) -> None:
    """Needs some 4 GiB: a master, two workers, an executor on each, and the driver."""
    data = world(tmp_path / "standalone", 18)
    with standalone(home, tmp_path) as cluster:
        cluster.kill_by_turns([sys.executable, RUN, data.path, cluster.url], random.Random(seed))
        assert data.ledger.verify() == []
        assert set(bits(data).items()) < set(two_days.items())
        with cluster.started([sys.executable, RUN, data.path, cluster.url]) as again:
            assert again.end() == 0, again.text[-3000:]
    assert bits(data) == two_days
    _nothing_else_after_the_vacuum(data)
