"""Sessions with a Spark cluster, with the settings that a run needs and no more: all else is the operator's, by ``conf``.

A classic session has its driver in this process and needs Java; Spark Connect (``sc://``) needs neither here, and has its driver at
the server. What a worker lacks of greencloud comes by ``archive`` (``worker_archive``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greencloud.engine.engine_fault import fault_of
from greencloud.engine.worker_archive import NAME, checked_archive
from greencloud.errors import MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["connect", "spark_session"]

_PYTHON: Final = "PYSPARK_PYTHON"
_QUIET: Final = {"spark.ui.showConsoleProgress": "false"}  # the run tells its own


@contextmanager
def spark_session(
    master: str = "", *, conf: Mapping[str, str] | None = None, archive: Path | None = None, name: str = "greencloud allocate"
) -> Iterator[SparkSession]:
    """A classic session, stopped in the end. ``master``: as Spark names it; "" where spark-submit says.

    Workers of a ``local`` master run this Python; on others ``PYSPARK_PYTHON`` names one of the same minor version.

    Raises:
        MissingExtraError: pyspark is not installed.
        ConfigError: the archive does not fit.
        StoreError: Spark did not start, as without Java.
    """
    settings = _QUIET | _shipped(archive) | dict(conf or {})
    session_class = _session_class()
    if master.startswith("local"):
        os.environ.setdefault(_PYTHON, sys.executable)
    builder = session_class.builder.appName(name)
    if master:
        builder = builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise fault_of("Spark did not start", error, advice="see what Spark has written above") from error
    try:
        yield session
    finally:
        with suppress(Exception):  # a driver that is gone is stopped
            session.stop()


@contextmanager
def connect(remote: str, *, conf: Mapping[str, str] | None = None, archive: Path | None = None) -> Iterator[SparkSession]:
    """A session of Spark Connect. ``remote``: ``sc://HOST:PORT/;token=…``; ``conf``: what a session may set by itself.

    The archive is sent to the server, once a session; what reads Arrow (pyarrow) must be on the workers already.

    Raises:
        MissingExtraError, ConfigError: as ``spark_session``.
        StoreError: the server does not answer, or does not take the session.
    """
    if archive:
        checked_archive(archive)
    session_class = _session_class()
    try:
        session = session_class.builder.remote(remote).getOrCreate()
        for key, value in (conf or {}).items():
            session.conf.set(key, value)
        if archive:
            session.addArtifact(f"{archive}#{NAME}", archive=True)
    except ImportError as error:
        raise MissingExtraError("Spark Connect", extra="spark-connect") from error
    except Exception as error:
        raise fault_of(
            "Spark Connect took no session", error, advice="check the address, and that the server runs Spark 4"
        ) from error
    try:
        yield session
    finally:
        with suppress(Exception):
            session.stop()


def _shipped(archive: Path | None) -> dict[str, str]:
    if not archive:
        return {}
    checked_archive(archive)
    return {"spark.archives": f"{archive.absolute()}#{NAME}", "spark.executorEnv.PYTHONPATH": NAME}


def _session_class() -> Any:  # typed where pyspark is installed only
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtraError("Spark", extra="spark") from error
    return SparkSession
