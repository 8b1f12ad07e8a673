"""Which engine a verb's work is done on: the options, and the runner that they make."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from greencloud.cli._options import SIZE
from greencloud.engine.distribution import Progress
from greencloud.engine.runner import Runner
from greencloud.engine.shuffle import InMemory, Shuffler

__all__ = ["Engine", "counting", "engine_options"]

F = TypeVar("F", bound=Callable[..., Any])

_ENGINES: Final = ("local", "processes", "spark", "ray")
_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"  # spark-submit sets it for what it runs
_REMOTE: Final = "SPARK_REMOTE"  # Spark's own name for it
_TOLD_EVERY_S: Final = 30.0


class Setting(click.ParamType["tuple[str, str]"]):
    """KEY=VALUE."""

    name = "setting"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is no setting: write spark.executor.memory=4g", param, ctx)
        return key, text


@dataclass(frozen=True, slots=True)
class Engine:
    """What was asked for. ``workers``: 0 where nothing was said."""

    name: str
    workers: int
    master: str
    remote: str
    conf: tuple[tuple[str, str], ...]
    archive: Path | None
    memory: int = 0

    def check(self, *, dry_run: bool) -> None:
        """Raises click.UsageError where the options do not go together."""
        if self.name != "local" and dry_run:
            raise click.UsageError("--dry-run writes nothing, and what workers make are files: leave --engine out.")
        if self.name == "local" and self.workers:
            raise click.UsageError("--workers is for --engine processes, spark or ray: local is one process.")
        if self.name == "local" and self.memory:
            raise click.UsageError("--worker-memory is for --engine processes, spark or ray: local is one process.")
        if self.master and self.name not in {"spark", "ray"}:
            raise click.UsageError("--master is for --engine spark or ray.")
        if self.archive and self.name not in {"spark", "ray"}:
            raise click.UsageError("--archive is for --engine spark or ray, whose workers are on other machines.")
        if (self.remote or self.conf) and self.name != "spark":
            raise click.UsageError("--remote and --conf are for --engine spark.")
        if self.master and self.remote:
            raise click.UsageError("--master begins a driver here, --remote has one at the server: give one of them.")
        if self.name == "spark" and not (self.master or self.remote or {_SUBMITTED, _REMOTE} & set(os.environ)):
            raise click.UsageError("--engine spark needs --master URL (spark://…, yarn, k8s://…, local[2]) or --remote sc://….")

    @contextmanager
    def runner(self) -> Iterator[Runner | None]:
        """The runner while the block lasts; None: in this process.

        Raises:
            MissingExtraError, ConfigError, StoreError: the engine cannot be had.
        """
        if self.name == "processes":
            from greencloud.engine.pool import ProcessPool

            yield ProcessPool(self.workers)
        elif self.name == "spark":
            from greencloud.engine.spark import SparkRunner

            with self.session() as session:
                yield SparkRunner(session, cores=self.workers)
        elif self.name == "ray":
            from greencloud.engine.ray import ray_runner

            with ray_runner(self.master, workers=self.workers, archive=self.archive) as runner:
                yield runner
        else:
            yield None

    @contextmanager
    def session(self) -> Iterator[Any]:
        """The session with Spark while the block lasts. Raises as ``runner``."""
        from greencloud.engine.spark_session import connect, spark_session

        conf = dict(self.conf)
        remote = self.remote or (not self.master and os.environ.get(_REMOTE, ""))
        begun = connect(remote, conf=conf, archive=self.archive) if remote else None
        with begun or spark_session(self.master, conf=conf, archive=self.archive) as session:
            yield session

    @contextmanager
    def shuffler(self, folder: Path | None) -> Iterator[Shuffler]:
        """What lays a raw lake out; ``folder``: where processes keep what does not fit in memory. Raises as ``runner``."""
        if self.name == "spark":
            from greencloud.engine.spark_shuffle import SparkShuffle

            with self.session() as session:
                yield SparkShuffle(session)
        elif self.name == "processes":
            from greencloud.engine.spill import Processes

            yield Processes(self.workers, folder)
        else:
            yield InMemory()


def engine_options(command: F) -> F:
    """Add the options; their values come as one argument, ``engine``."""

    def gathered(
        *,
        engine: str,
        workers: int | None,
        master: str,
        remote: str,
        conf: tuple[tuple[str, str], ...],
        archive: Path | None,
        worker_memory: int | None,
        **others: Any,
    ) -> Any:
        return command(engine=Engine(engine, workers or 0, master, remote, conf, archive, worker_memory or 0), **others)

    gathered.__doc__ = command.__doc__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_OPTIONS):
        option(gathered)
    return gathered  # type: ignore[return-value]


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--engine", type=click.Choice(_ENGINES), default="local", help="Where windows are worked on; docs/spark.md."),
    click.option("--workers", type=click.IntRange(1), metavar="N", help="How many windows are worked on at once."),
    click.option("--worker-memory", type=SIZE, metavar="SIZE", help="What a worker has (4GB): refuse windows that need more."),
    click.option("--master", default="", metavar="URL", help="The cluster: spark://HOST:PORT, yarn, k8s://…; of Ray its address."),
    click.option("--remote", default="", metavar="URL", help="A server of Spark Connect: sc://HOST:PORT; or SPARK_REMOTE."),
    click.option("--conf", type=Setting(), multiple=True, metavar="KEY=VALUE", help="A setting of Spark; may be given again."),
    click.option(
        "--archive",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="What workers need of greencloud, from greencloud cluster archive, where it is not installed there.",
    ),
)


@contextmanager
def counting() -> Iterator[Progress]:
    """Progress on standard error: in place on a terminal, else a line each half minute."""
    terminal = sys.stderr.isatty()
    last = time.monotonic()
    told = False

    def tell(done: int, count: int) -> None:
        nonlocal last, told
        now = time.monotonic()
        if now - last < (0.2 if terminal else _TOLD_EVERY_S):
            return
        last, told = now, True
        click.echo(f"{done:,} of {count:,} windows", err=True, nl=not terminal)
        if terminal:
            click.echo("\r", err=True, nl=False)

    try:
        yield tell
    finally:
        if terminal and told:
            click.echo("\x1b[K", err=True, nl=False)
