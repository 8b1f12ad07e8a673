"""A ledger whose writers are killed at any step, hundreds of times, beside a dictionary that says what it must hold.

    python tests/ledger_chaos.py [--rounds 300] [--seed 1]

Each round starts a process that posts, compacts, removes, and closes, in an order drawn from the seed; it says what it is about to
do and when that is done. It is killed at a checkpoint drawn from the seed, or at a moment that nobody chose; its clock may be days
ahead or behind; its lease may have passed on; files that no version names are torn. After each round: what was acknowledged is
visible, what was under way is there whole or not at all, sums are exact, everything examines clean, stamps never go back, and the
next writer works.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from greencloud.engine.closes import Closes, period_named
from greencloud.errors import LeaseLostError
from greencloud.ledger import Batch, Ledger
from greencloud.ledger.compaction import compact
from greencloud.ledger.vacuum import vacuum
from greencloud.proof import verify
from ledger_builders import batch, energy_of, hour

HOURS = range(2, 50)  # two whole days, so that they can be compacted and closed
DAYS = ("2026-02-01", "2026-02-02")
AFTER = datetime(2026, 3, 1, tzinfo=UTC)

Cell = tuple[str, int]
Books = dict[Cell, dict[str, int]]


def batch_at(cell: Cell, energy: dict[str, int]) -> Batch:
    return batch(energy, cell[0], hour(cell[1]))


def work(root: Path, seed: int, lease: int, kill_at: int) -> None:
    """What a writer does until it is killed, or has done enough."""
    draw = random.Random(seed)
    passed = Counter[str]()

    def checkpoint(_: str) -> None:
        passed["steps"] += 1
        if passed["steps"] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    behind = timedelta(days=draw.choice((0, 0, 0, -400, 400)))
    ledger = Ledger(root / "ledger", clock=lambda: datetime.now(UTC) + behind, checkpoint=checkpoint)
    closes = Closes(root / "closes", root / "keys", checkpoint=checkpoint)
    for _ in range(30):
        kind = draw.choices(("post", "compact", "vacuum", "close"), (6, 2, 1, 1))[0]
        cells = draw.sample([(site, at) for site in "st" for at in HOURS], draw.choice((1, 1, 2, 24)))
        posted = {cell: {"a": draw.randrange(10**6), draw.choice("bc"): draw.randrange(2**62)} for cell in cells}
        say(kind, [[*cell, energy] for cell, energy in posted.items()] if kind == "post" else [])
        try:
            match kind:
                case "post":
                    ledger.post_all([batch_at(cell, energy) for cell, energy in posted.items()], lease=lease)
                case "compact":
                    compact(ledger, AFTER, lease=lease)
                case "vacuum":
                    vacuum(ledger, datetime.now(UTC), grace=timedelta())
                case "close":
                    day = draw.choice(DAYS)
                    period = period_named(day)
                    fresh = day not in closes.in_force() or day in closes.changed(ledger.snapshot())
                    if fresh and ledger.snapshot().batches(period.start, period.end):
                        closes.close(ledger, period, AFTER, allow_gaps=True)
        except LeaseLostError:
            say("lost", [])
            return
        say("done", [])


def say(kind: str, posted: list[Any]) -> None:
    print(json.dumps([kind, posted]), flush=True)


def sums(books: Books) -> dict[str, int]:
    found: Counter[str] = Counter()
    for energy in books.values():
        found.update(energy)
    return dict(found)


class Chaos:
    """The rounds, and what they have come to."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.draw = random.Random(seed)
        self.books: Books = {}
        self.lease = 1
        self.told = Counter[str]()

    def round(self, number: int) -> None:
        stale = self.lease > 1 and self.draw.random() < 0.1
        if not stale and self.draw.random() < 0.2:
            self.lease += 1
            # A lease means something once its holder has committed.
            cell, energy = ("u", 0), {"z": number}
            Ledger(self.root / "ledger").post_all([batch_at(cell, energy)], lease=self.lease)
            self.books[cell] = energy
        by_step = self.draw.random() < 0.6
        said = self._run(self.lease - stale, self.draw.randrange(1, 160) if by_step else 0, self.draw.random() * 1.2)
        before, under_way = dict(self.books), None
        for kind, posted in said:
            if kind == "lost":
                assert stale
                self.told["lost leases"] += 1
                under_way = None
            elif kind == "done":
                if under_way:
                    assert not (stale and under_way), "a writer whose lease had passed on has counted"
                    before |= under_way
                under_way = None
            else:
                self.told[kind] += 1
                under_way = {(site, at): energy for site, at, energy in posted}
        self._settle(before, under_way)
        self._examine()

    def _run(self, lease: int, kill_at: int, moment: float) -> list[Any]:
        arguments = ["--work", str(self.root), str(self.draw.randrange(2**32)), str(lease), str(kill_at)]
        with subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            lines: list[bytes] = []
            assert child.stdout
            assert child.stderr
            if not kill_at:
                lines.append(child.stdout.readline())  # it has begun
                try:
                    child.wait(moment)
                except subprocess.TimeoutExpired:
                    child.kill()
            lines += child.stdout.readlines()
            errors = child.stderr.read().decode()
            child.wait()
        assert child.returncode in {0, -9}, errors
        self.told["kills"] += child.returncode == -9
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def _settle(self, before: Books, under_way: Books | None) -> None:
        """What is visible is what was acknowledged, with all or nothing of what was under way."""
        found = energy_of(self.root / "ledger")
        if under_way and found == sums(before | under_way):
            before |= under_way
            self.told["made it"] += 1
        assert found == sums(before), (found, sums(before), under_way and sums(before | under_way))
        self.books = before

    def _examine(self) -> None:
        ledger = Ledger(self.root / "ledger")
        assert ledger.verify() == []
        snapshot = ledger.snapshot()
        assert {(each.site, each.start) for each in snapshot.batches()} == {(site, hour(at).start) for site, at in self.books}
        stamps = [ledger.store.committed(number) for number in range(max(0, snapshot.version - 30), snapshot.version + 1)]
        assert all(stamps)
        assert stamps == sorted(stamp for stamp in stamps if stamp)
        closes = Closes(self.root / "closes", self.root / "keys")
        assert list(closes.faults()) == []
        for name in closes.in_force():
            statement, root = closes.statement("a", name)
            assert not [finding for finding in verify(statement, root, closes.log()) if finding.status == "fault"]
            self.told["statements"] += 1
        strays = {path.name for path in ledger.store.folder.iterdir()} - {
            Path(segment.path).name for segment in snapshot.contents.segments()
        }
        if strays and self.draw.random() < 0.3:
            torn = ledger.store.folder / self.draw.choice(sorted(strays))
            os.truncate(torn, torn.stat().st_size // 2)
            self.told["torn"] += 1


def run(rounds: int, seed: int, tell: Callable[[str], None] = print) -> Counter[str]:
    """Raises AssertionError at the first round that breaks a promise."""
    with tempfile.TemporaryDirectory(prefix="greencloud-chaos-") as folder:
        chaos = Chaos(Path(folder), seed)
        for number in range(1, rounds + 1):
            try:
                chaos.round(number)
            except AssertionError:
                tell(f"seed {seed}, round {number}")
                raise
            if number % 25 == 0:
                tell(f"{number} rounds: {dict(chaos.told)}")
        chaos.told["version"] = Ledger(chaos.root / "ledger").snapshot().version
        return chaos.told


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills the writers of a ledger.")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        root, *numbers = options.work
        work(Path(root), *map(int, numbers))
        return
    print(dict(run(options.rounds, options.seed)))


if __name__ == "__main__":
    main()
