"""A real PostgreSQL on this machine, in a folder of its own, which can be killed and started again."""

from __future__ import annotations

import importlib.util
import os
import secrets
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

BIN = Path("/usr/lib/postgresql/15/bin")
USER = "greencloud"


class Postgres:
    """A cluster in ``folder``, reached by a socket there. It refuses to run as root, so then it runs as the user postgres."""

    def __init__(self, folder: Path) -> None:
        if not (BIN / "initdb").exists():
            pytest.skip("PostgreSQL 15 is not installed: apt install postgresql-15")
        if importlib.util.find_spec("psycopg") is None:
            pytest.skip("psycopg is not installed: pip install 'greencloud[postgres]'")
        self._as: list[str] = []
        if os.geteuid() == 0:
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.folder = folder
        self._run("initdb", "-D", str(folder), "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self, *settings: str) -> None:
        for left in ("postmaster.pid", ".s.PGSQL.5432.lock"):  # by one that was killed
            (self.folder / left).unlink(missing_ok=True)
        chosen = ["listen_addresses=", "fsync=off", "autovacuum=off", "shared_buffers=32MB", *settings]
        options = " ".join([f"-k {self.folder}", *(f"-c {each}" for each in chosen)])
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-s", "-l", str(self.folder / "log"), "-o", options, "start")

    def kill(self) -> None:
        """kill -9 of all of it."""
        pid, children = self.pid, self.backends()
        handles = [os.pidfd_open(each) for each in (pid, *children)]
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            select.select([handle], [], [], 30)
            os.close(handle)

    def backends(self) -> list[int]:
        """The processes of the cluster but the first."""
        return [int(line) for line in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def pid(self) -> int:
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        if (self.folder / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.folder), "-s", "-m", "immediate", "stop", check=False)

    def clean(self) -> str:
        """A database without a copy, as a connection string: the same one every time, since another one is 300 files."""
        with self.connection() as connection:
            connection.execute("DROP SCHEMA IF EXISTS greencloud CASCADE")
        return self.named("postgres")

    def database(self) -> str:
        """A new empty database, as a connection string."""
        name = f"copy_{secrets.token_hex(6)}"
        with self.connection() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.named(name)

    def named(self, name: str, user: str = USER) -> str:
        return f"host={self.folder} user={user} dbname={name}"

    @contextmanager
    def connection(self, database: str = "") -> Iterator[Any]:
        import psycopg

        with psycopg.connect(database or self.named("postgres"), autocommit=True) as connection:
            yield connection

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        with (self.folder.parent / "postgres.log").open("a") as log:
            subprocess.run([*self._as, str(BIN / program), *arguments], check=check, stdout=log, stderr=log, cwd="/")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A cluster that runs. Its folder is short, as names of sockets are, and not pytest's, which only its own user may enter."""
    with TemporaryDirectory(prefix="greencloud-pg-") as place:
        folder = Path(place) / "c"
        folder.mkdir()
        if os.geteuid() == 0:
            Path(place).chmod(0o711)
            shutil.chown(folder, "postgres", "postgres")
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
