"""Ray as the engine of a run: tasks with retries, for clusters that run it already.

A few more partitions are handed out than workers are there, and what comes back is told at once. Ray does again a task whose worker
or machine died, and one that found object storage silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from greencloud.engine.engine_fault import fault_of
from greencloud.engine.partition import Made, Partition
from greencloud.engine.work import answer
from greencloud.engine.worker_archive import checked_archive
from greencloud.errors import MissingExtraError, StoreUnavailableError

__all__ = ["RayRunner", "ray_runner"]

_AHEAD: Final = 4  # partitions that wait for each worker
_RETRIES: Final = 3


class RayRunner:
    """``workers``: how many partitions are worked on at once; by default one for each CPU of the cluster."""

    name = "ray"

    def __init__(self, *, workers: int = 0) -> None:
        import ray

        self._task = ray.remote(max_retries=_RETRIES, retry_exceptions=[StoreUnavailableError])(answer)
        self._workers = workers or int(ray.cluster_resources().get("CPU", 1))

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        import ray

        left = iter(parts)
        running: list[Any] = []
        try:
            while True:
                room = self._workers * _AHEAD - len(running)
                running += [self._task.remote(place, part.encoded()) for part in islice(left, room)]
                if not running:
                    return
                (done, *_), running = ray.wait(running, num_returns=1)
                yield Made.decoded(ray.get(done))
        except (ray.exceptions.RayError, StoreUnavailableError) as error:
            raise fault_of("Ray gave up", error) from error
        finally:
            for task in running:
                ray.cancel(task)


@contextmanager
def ray_runner(address: str = "", *, workers: int = 0, archive: Path | None = None) -> Iterator[RayRunner]:
    """A runner on the cluster at ``address`` (``ray://HOST:PORT``, ``HOST:PORT`` or ``auto``), or on this machine where it is "".

    Raises MissingExtraError without Ray, ConfigError where the archive does not fit, StoreError where the cluster does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Ray", extra="ray") from error
    if archive:
        checked_archive(archive)
    environment = {"working_dir": str(archive.absolute())} if archive else {}
    local = {} if address else {"num_cpus": workers or None, "include_dashboard": False}
    try:
        ray.init(address=address or None, runtime_env=environment, log_to_driver=False, **local)
    except Exception as error:
        raise fault_of("Ray did not start", error, advice="check the address of the cluster") from error
    try:
        yield RayRunner(workers=workers)
    finally:
        ray.shutdown()
