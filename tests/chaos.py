"""What goes wrong with machines, done to a real ``greencloud serve``: kill -9, a full disk, a clock that steps.

Each is the real thing or says why it is not: the disk is a file system of its own (ext4 on a loop device, else tmpfs; none
without root), and the clock is stepped for the server alone by libfaketime, which leaves the monotonic clock, by which
timeouts run, as it is.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

__all__ = ["Clock", "Disk", "Server", "a_disk", "free_port", "serves_workers", "serving_status"]

_START_S: Final = 60
_LIBRARIES: Final = tuple(
    Path(place) / "faketime" / "libfaketimeMT.so.1"
    for place in (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serves_workers() -> bool:
    """Whether this server can be several processes."""
    command = [sys.executable, "-m", "greencloud", "serve", "--help"]
    return "--workers" in subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def serving_status(target: str) -> str:
    """What health says of the whole server: SERVING if all is well."""
    with grpc.insecure_channel(target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, health_pb2.HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check", response_deserializer=health_pb2.HealthCheckResponse.FromString
        )
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(check(b"", timeout=20, wait_for_ready=True).status))


@dataclass
class Clock:
    """The wall clock of processes that start with ``environment()``. ``reason`` says why it cannot be stepped, if so."""

    file: Path
    offset_s: int = 0
    reason: str = ""
    _library: Path | None = None

    @classmethod
    def at(cls, file: Path) -> Clock:
        library = next((path for path in _LIBRARIES if path.exists()), None)
        clock = cls(file, reason="" if library else "libfaketime is not installed (Debian: faketime)", _library=library)
        clock.step(0)
        return clock

    def step(self, offset_s: int) -> None:
        """Set the clock so far from the true time, at once for processes that run."""
        self.offset_s = offset_s
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}s\n")
        new.replace(self.file)

    def environment(self, offset_s: int | None = None) -> dict[str, str]:
        """For processes that follow the steps, or that keep one offset."""
        if not self._library:
            return {}
        follow = {"FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_CACHE_DURATION": "1"}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
            **(follow if offset_s is None else {"FAKETIME": f"{offset_s:+d}s"}),
        }


@dataclass
class Disk:
    """A place for data. ``reason`` says why it is no disk of its own, and so must not be filled."""

    path: Path
    kind: str
    reason: str = ""

    def free_bytes(self) -> int:
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def fill(self, leave_bytes: int) -> None:
        assert not self.reason, "only a disk of its own is filled"
        with (self.path / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, self.free_bytes() - leave_bytes))

    def empty(self) -> None:
        (self.path / "ballast").unlink()


@contextmanager
def a_disk(folder: Path, size: int) -> Iterator[Disk]:
    """A file system of so many bytes below ``folder``: ext4, tmpfs, or the folder itself with the reason."""
    place = folder / "disk"
    place.mkdir(parents=True)
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(size)
    told = ""
    for kind, commands in {
        "ext4": (["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(place)]),
        "tmpfs": (["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],),
    }.items():
        told = _run_all(commands)
        if not told:
            try:
                yield Disk(place, kind)
            finally:
                subprocess.run(["umount", "-l", str(place)], check=True)
            return
    yield Disk(place, "folder", reason=f"mounting a file system is not permitted here: {told}")


def _run_all(commands: tuple[list[str], ...]) -> str:
    """What the first that failed said; "" when none did."""
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except FileNotFoundError as error:
            return str(error)
        if done.returncode:
            return done.stderr.strip() or f"{command[0]} failed"
    return ""


@dataclass
class Server:
    """A server process on a fixed port that can be killed and started again, with all processes that it has started."""

    data: Path
    log: Path
    port: int
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, "-m", "greencloud", "serve", "--data", str(self.data), "--listen", self.target, *self.options]
        with self.log.open("a") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | dict(self.environment),
                start_new_session=True,
            )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(_START_S) else ""
        if not line.startswith("listening on "):
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.log_end()}")

    def kill(self) -> None:
        """kill -9 to every process of the server, and wait until it is gone."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self._gone()

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        finally:
            self.close()

    def close(self) -> None:
        """Nothing of it is left, however it ended."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self._gone()

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(timeout=60)
        if self.process.stdout:
            self.process.stdout.close()
        for left in (f"faketime_shm_{self.process.pid}", f"sem.faketime_sem_{self.process.pid}"):
            Path("/dev/shm", left).unlink(missing_ok=True)  # libfaketime's, where it was killed

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""
