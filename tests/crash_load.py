"""A load on a server that is killed (-9) and restarted again and again: every acknowledged span is counted exactly once.

    python tests/crash_load.py --minutes 30 --kill-every 60

Several sender processes (``load_senders``) of two tenants and the provider load ``greencloud serve`` at a bounded rate with
spans and cumulative metrics, and keep each batch until it is acknowledged. Meanwhile the server is killed again and again, each
time in the middle of a write of megabytes, so that tails are torn; its disk is filled, so that it must refuse with UNAVAILABLE
and RetryInfo before harm, also when it is killed and started while the disk is full; its clock is stepped forward by three
hours, back by five, and forward again; and the allocation runs beside it.

In the end the senders are drained, so that all that was sent is acknowledged. Then these must hold, by the command line alone:

* ``greencloud doctor`` finds no fault, ``allocate`` refuses no window;
* for every service and operation, ``operation_count`` is the number of distinct acknowledged spans;
* the metered energy is what the host's counter grew by;
* the report is equal, to the last digit, to that of a second server to which the same telemetry was sent once, in another
  order, and which nothing was done to. That holds for the tenants' CPU counters, too.

On the way, a run of the allocation counts no less than was acknowledged before it and no more than was sent after it.
What cannot be done on a machine (mounting a disk, stepping a clock) is left out, and the summary says so. The summary is JSON on
standard output; progress goes to standard error. Exit code 0: all of it holds.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import grpc

from chaos import Clock, Disk, Server, a_disk, free_port, serves_workers, serving_status
from facility_books import one_host
from load import HOURS, Load, replay
from load_senders import Crew
from otlp import SECOND
from serving import greencloud_process

__all__ = ["Plan", "crash_load"]

_LARGE_BYTES: Final = 256 << 10
WATTS: Final = 150
PUE: Final = Fraction(5, 4)
_ACCOUNTS: Final = (("acme", False), ("globex", False), ("initech", True), ("acme", False))


@dataclass(frozen=True)
class Plan:
    """How long, how often and how much. Things happen at the stated parts of the duration."""

    seconds: float
    kill_every_s: float
    rate: float = 1000.0
    workers: int = 1
    disk_bytes: int = 1 << 30
    seed: int = 1
    steps: tuple[tuple[float, int], ...] = ((0.15, 3 * 3600), (0.40, -2 * 3600), (0.85, 0))
    fill_at: float = 0.55
    allocate_at: tuple[float, ...] = (0.30, 0.75)


@dataclass
class _Run:
    plan: Plan
    server: Server
    clock: Clock
    disk: Disk
    crew: Crew
    canary: str
    started: float = field(default_factory=time.monotonic)
    random: random.Random = field(default_factory=lambda: random.Random(1))
    done: Counter[str] = field(default_factory=Counter)

    def kill(self) -> None:
        """In the middle of work: mostly in a large write to the log, so that its tail is torn, sometimes at any moment."""
        self.crew.order("bulk")
        if self.done["kills"] % 3:
            self.crew.look_on(self.random.random() / 4)
        else:
            self.done["kills_in_a_write"] += _large_write_begins(self.server.data / "wal", within_s=3.0)
        self.server.kill()
        self.done["kills"] += 1
        self.server.start()

    def kill_in_work(self) -> None:
        self.kill()
        self.crew.wait_for("requests", more=1, each=True, timeout=60)

    def step(self, offset_s: int) -> None:
        """Step the clock; a token of one hour that holds and no longer holds shows that the server's own clock did."""
        if self.clock.reason:
            return
        self.clock.step(offset_s)
        deadline = time.monotonic() + 60
        while _takes(self.server.target, self.canary) is not (offset_s < 3600):
            assert time.monotonic() < deadline, f"the server's clock did not step to {offset_s:+d} s"
            self.crew.look_on(0.2)
        self.done["clock_steps"] += 1
        self.crew.wait_for("requests", more=1, each=True, timeout=60)

    def fill(self) -> None:
        """Until every sender is refused with RetryInfo, before a restart and after it; then there is room again."""
        if self.disk.reason:
            return
        self.disk.fill(leave_bytes=16 << 20)
        self.crew.wait_for("refused", more=1, each=True, timeout=60)
        assert serving_status(self.server.target) == "SERVING"
        self.kill()
        self.crew.wait_for("refused", more=1, each=True, timeout=60)
        self.disk.empty()
        self.done["disk_fills"] += 1
        self.crew.wait_for("requests", more=1, each=True, timeout=60)

    def allocate(self) -> None:
        least = self.crew.total("acknowledged")
        greencloud_in_time("allocate", "--data", self.server.data)
        counted = sum(_counts(_report(self.server.data)).values())
        most = self.crew.total("sent")
        assert least <= counted <= most, f"counted {counted}, acknowledged before {least}, sent after {most}"
        self.done["allocations_on_the_way"] += 1

    def say(self) -> None:
        crew, passed = self.crew, int(time.monotonic() - self.started)
        told = ", ".join(f"{crew.total(what):,} {what}" for what in ("acknowledged", "retries", "refused", "duplicates"))
        print(f"[{passed // 60}:{passed % 60:02}] {self.done['kills']} kills, {told}", file=sys.stderr, flush=True)

    def go(self) -> None:
        plan, length = self.plan, self.plan.seconds
        todo: list[tuple[float, Callable[[], None]]] = [(plan.fill_at * length, self.fill)]
        todo += [(at * length, self.allocate) for at in plan.allocate_at]
        todo += [(at * length, lambda offset=offset: self.step(offset)) for at, offset in plan.steps]  # type: ignore[misc]
        todo += [((i + 1) * plan.kill_every_s, self.kill_in_work) for i in range(int(length / plan.kill_every_s))]
        todo += [((i + 1) * 60.0, self.say) for i in range(int(length / 60))]
        for at, action in sorted(todo, key=lambda each: each[0]):
            self.crew.look_on(max(0.0, at - (time.monotonic() - self.started)))
            action()
        self.say()


def crash_load(folder: Path, plan: Plan) -> dict[str, Any]:
    """Run the plan; gives the summary. Raises AssertionError where something does not hold."""
    if plan.workers > 1 and not serves_workers():
        raise SystemExit("this server has no --workers")
    book = folder / "facility.toml"
    book.write_text(one_host(("acme", "globex", "initech"), pue=str(PUE)))
    clock = Clock.at(folder / "clock")
    base_ns = (time.time_ns() // SECOND // 3600 - HOURS) * 3600 * SECOND  # the hours that have ended
    points = int(plan.seconds * 1.5) + 60
    step_ns = max(1, HOURS * 3600 // points) * SECOND
    loads = [
        Load(number, account, provider, base_ns, step_ns, watts=WATTS if provider else 0)
        for number, (account, provider) in enumerate(_ACCOUNTS)
    ]
    options = ("--facility", str(book), *(("--workers", str(plan.workers)) if plan.workers > 1 else ()))
    with a_disk(folder, plan.disk_bytes) as disk:
        data = disk.path / "data"
        server = Server(data, folder / "server.log", free_port(), options, clock.environment())
        tokens = {account: _token(data, account, clock.environment(-86_400)) for account in ("acme", "globex", "")}
        canary = _token(data, "acme", clock.environment(-86_400), "--ttl", "25h")  # it holds for an hour yet
        server.start()
        try:
            crew = Crew(loads, server.target, tokens, rate=plan.rate, seed=plan.seed)
            try:
                crew.wait_for("requests", more=1, each=True, timeout=60)
                run = _Run(plan, server, clock, disk, crew, canary, random=random.Random(plan.seed))
                run.go()
                crew.drain(timeout=120)
            finally:
                crew.close()
            assert server.stop() == 0, server.log_end()
        except BaseException:
            print(server.log_end(), file=sys.stderr)
            raise
        finally:
            server.close()
        return _summary(run) | _verdict(run, loads, folder, options)


def _summary(run: _Run) -> dict[str, Any]:
    crew, (doctor, torn) = run.crew, _doctor(run.server.data)
    left_out = {"disk_fills": run.disk.reason, "clock_steps": run.clock.reason}
    return {
        "seconds": round(time.monotonic() - run.started, 1),
        "workers": run.plan.workers,
        **{what: run.done[what] for what in ("kills", "kills_in_a_write", "disk_fills", "clock_steps", "allocations_on_the_way")},
        "disk": run.disk.kind,
        "left_out": {what: reason for what, reason in left_out.items() if reason},
        "requests": crew.total("requests"),
        "refusals_with_retry_info": crew.total("refused"),
        "calls_unanswered": crew.total("unanswered"),
        "retries": crew.total("retries"),
        "duplicates_sent": crew.total("duplicates"),
        "torn_tails": torn,
        "doctor": doctor,
        "sent": crew.total("sent"),
        "acknowledged": crew.total("acknowledged"),
    }


def _verdict(run: _Run, loads: list[Load], folder: Path, options: tuple[str, ...]) -> dict[str, Any]:
    """What was counted, compared with what was acknowledged, and with a server that had a quiet life."""
    data, crew = run.server.data, run.crew
    greencloud_in_time("allocate", "--data", data)
    found = _report(data)
    counts = _counts(found)
    expected: Counter[tuple[str, str]] = Counter()
    for member in crew.members:
        assert member.sent
        assert member.counts["acknowledged"] == member.counts["sent"] == member.sent.spans()
        for operation, count in member.sent.by_operation(member.load).items():
            expected[member.load.service, operation] = count
    assert counts == expected, f"acknowledged and counted differ: {_difference(expected, counts)}"
    joules = HOURS * 3600 * WATTS
    metered = found["balance"]["metered"]["millijoules"]
    assert metered == joules * 1000 * PUE, f"the host's counter grew by {joules} J, and {metered} mJ are metered at PUE {PUE}"

    twin = Server(folder / "twin", folder / "twin.log", free_port(), options)
    _token(twin.data, "", {})
    shutil.copytree(data / "keys", twin.data / "keys", dirs_exist_ok=True)  # so that the same tokens hold
    twin.start()
    try:
        for member in reversed(crew.members):
            assert member.sent
            replay(member.load, member.sent, twin.target, member.token)
        assert twin.stop() == 0
    finally:
        twin.close()
    greencloud_in_time("allocate", "--data", twin.data)
    assert _report(twin.data) == found, "a server without faults reports another footprint of the same telemetry"
    return {"counted": sum(counts.values()), "metered_joules": metered // 1000, "equal_to_quiet_server": True}


def greencloud_in_time(*arguments: str | Path) -> str:
    """The command line, with the time that a long log takes."""
    return greencloud_process(*arguments, timeout=1800).stdout


def _large_write_begins(log: Path, within_s: float) -> bool:
    """Returns when a file of the log grows by more than any small batch. A write lasts milliseconds, so it is looked for hard."""
    deadline = time.monotonic() + within_s
    sizes = {path: path.stat().st_size for path in log.iterdir()}
    while time.monotonic() < deadline:
        for path in log.iterdir():
            size = path.stat().st_size
            if size - sizes.get(path, 0) > _LARGE_BYTES:
                return True
            sizes[path] = size
    return False


def _report(data: Path) -> dict[str, Any]:
    """What is charged; when it was posted is another matter."""
    arguments = ("--group-by", "account,service,operation", "--granularity", "window", "-o", "json")
    found: dict[str, Any] = json.loads(greencloud_in_time("report", "--data", data, *arguments))
    for row in (*found["rows"], found["total"]):
        del row["updated"]
    return found


def _counts(report: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for row in report["rows"]:
        where = row["dimensions"]
        counts[where.get("service", ""), where.get("operation", "")] += row["operation_count"]
    return +counts


def _difference(expected: Counter[tuple[str, str]], counts: Counter[tuple[str, str]]) -> str:
    keys = sorted(key for key in expected | counts if expected[key] != counts[key])
    return ", ".join(f"{'/'.join(key)}: {expected[key]} and {counts[key]}" for key in keys[:8])


def _doctor(data: Path) -> tuple[str, int]:
    """Its worst status, and how many segments end in an unfinished write."""
    findings = json.loads(greencloud_in_time("doctor", "--data", data, "-o", "json"))
    torn = [word for each in findings for word in each["text"].split("; ") if "torn" in word]
    return "sound", sum(int(text.split()[0]) for text in torn if text.split()[0].isdigit())


def _token(data: Path, account: str, environment: Mapping[str, str], *options: str) -> str:
    role = ["--role", "tenant", "--account", account] if account else ["--role", "provider"]
    return greencloud_process("token", "--data", data, *role, *options, environment=environment).stdout.strip()


def _takes(target: str, token: str) -> bool:
    """Whether the server takes that token, once it answers."""
    with grpc.insecure_channel(target) as channel:
        call: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        error = call.future(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=20, wait_for_ready=True).exception()
        return error is None or error.code() is not grpc.StatusCode.UNAUTHENTICATED


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kill-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=1000.0, metavar="SPANS", help="spans a second of all senders")
    parser.add_argument("--workers", type=int, default=1, help="greencloud serve --workers N, where it has that")
    parser.add_argument("--disk-mib", type=int, default=4096, help="size of the disk that is filled")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%H:%M:%S} UTC: {given.minutes} minutes of load", file=sys.stderr, flush=True)
    plan = Plan(given.minutes * 60, given.kill_every, given.rate, given.workers, given.disk_mib << 20, given.seed)
    with tempfile.TemporaryDirectory(prefix="crash-load-") as folder:
        try:
            summary = crash_load(Path(folder), plan)
        except AssertionError as error:
            print(f"does not hold: {error}", file=sys.stderr)
            sys.exit(1)
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
