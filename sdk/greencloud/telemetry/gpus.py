"""Utilisation of GPUs to rows: GPU time of the account that the point or its resource names.

``hw.gpu.utilization`` is a share of one GPU (1 is all of it), held until the next point. A GPU is busy for at most a second
a second: larger shares are cut to 1, and where several accounts' shares of one GPU (``hw.id`` on a machine) make more than a
window is long, they are cut in proportion.

One GPU may be reported by task (``hw.gpu.task``), and the tasks share it, so they are not added up: at each time the general one
counts, else the one without a task, else the largest of the others. The same holds for several senders: one counts at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.place import Place
from greencloud.telemetry.senders import Reported, one_at_a_time
from greencloud.telemetry.series import Line
from greencloud.telemetry.tally import RowKey, Tally

__all__ = ["Gpu", "Gpus"]


class Gpu(NamedTuple):
    machine: str
    id: str


class _Use(NamedTuple):
    account: str
    place: Place


@dataclass(slots=True)
class Gpus:
    tally: Tally
    dead: DeadLetters
    _found: dict[Gpu, dict[str, dict[tuple[int, str], list[tuple[Line, Place]]]]] = field(default_factory=dict)

    def add(self, gpu: Gpu, account: str, sender: str, line: Line, place: Place, *, task: str) -> None:
        rank = 0 if task == "general" else 1 if not task else 2
        self._found.setdefault(gpu, {}).setdefault(account, {}).setdefault((rank, sender), []).append((line, place))

    def book(self) -> None:
        for gpu, accounts in sorted(self._found.items()):
            windows: dict[int, dict[_Use, int]] = {}
            for account, senders in sorted(accounts.items()):
                self._sum(gpu, account, senders, windows)
            for window, uses in windows.items():
                self._book(gpu, window, uses)

    def _sum(
        self,
        gpu: Gpu,
        account: str,
        senders: dict[tuple[int, str], list[tuple[Line, Place]]],
        windows: dict[int, dict[_Use, int]],
    ) -> None:
        places: dict[Line, Place] = {}
        found = []
        for (rank, sender), lines in senders.items():
            line, place = lines[0]
            if len(lines) > 1:
                line = replace(line, numbers=tuple(number for other, _ in lines for number in other.numbers), largest=True)
            places[line] = place
            found.append(Reported(line, f"{rank} {sender}", frozenset()))
        who = f"GPU {gpu.id} of {gpu.machine or '(no host.id)'}, account {account}"
        for reported, grown, beside, _ in one_at_a_time(found):
            for fault in grown.faults:
                self.dead.add(fault, who)
            if beside:
                self.dead.add("a GPU's use by task or of another sender, which counts already", who)
            use = _Use(account, places[reported.line])
            for window, amount in grown.windows:
                uses = windows.setdefault(window, {})
                uses[use] = uses.get(use, 0) + amount

    def _book(self, gpu: Gpu, window: int, uses: dict[_Use, int]) -> None:
        total, limit = sum(uses.values()), self.tally.window_ns
        if total > limit:
            self.dead.add(
                "accounts' shares of a GPU that are more than all of it: cut in proportion", f"GPU {gpu.id} of {gpu.machine}"
            )
        before = told = 0
        for use, amount in sorted(uses.items(), key=lambda item: (item[0].account, repr(item[0].place))):
            before += amount
            until = before * limit // total if total > limit else before
            row = RowKey.of(window, use.place, use.account, source="provider", quality="measured")
            self.tally.add(row, "gpu_ns", until - told)
            told = until
