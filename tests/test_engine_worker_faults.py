"""What greencloud fails at is refused and told, and ends no run; what a machine lacks is no window's fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.partition import Made, Partition
from greencloud.engine.pool import ProcessPool
from greencloud.engine.runner import InProcess
from greencloud.engine.window_batch import window_batch
from greencloud.ledger import Batch
from test_engine_distribution import NOW, hours

__all__ = ["hours"]


class Faulty(ProcessPool):
    """The pool, of which a process meets what nobody thought of: a file whose name is a number."""

    def map(self, parts: Iterable[Partition], place: str) -> Iterator[Made]:
        spoilt: Any = {"usage": "", "files": (7,)}
        return super().map((part if number else replace(part, **spoilt) for number, part in enumerate(parts)), place)


def test_a_window_at_which_a_worker_fails_in_a_new_way_is_refused_and_logged(
    hours: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_allocation(hours, now=NOW, runner=Faulty(2))
    assert (len(run.posted), [each.reason for each in run.refused]) == (11, ["INTERNAL"])
    assert "AttributeError: 'int' object" in run.refused[0].message
    assert "Traceback (most recent call last)" in caplog.text
    assert caplog.text.count("a worker failed at") == 1
    assert len(run_allocation(hours, now=NOW, runner=InProcess()).posted) == 1


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("error", [ZeroDivisionError("nobody thought of it"), OSError(5, "the disk")])
def test_what_a_machine_lacks_ends_a_run_and_no_window_is_blamed(
    hours: DataDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, local: bool, error: Exception
) -> None:
    made = window_batch
    left = [error]

    def failing(*given: Any, **named: Any) -> Batch:
        if left:
            raise left.pop()
        return made(*given, **named)

    monkeypatch.setattr(f"greencloud.engine.{'run' if local else 'work'}.window_batch", failing)
    runner = None if local else InProcess()
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="the disk"):
            run_allocation(hours, now=NOW, runner=runner)
    else:
        run = run_allocation(hours, now=NOW, runner=runner)
        assert (len(run.posted), [each.reason for each in run.refused]) == (11, ["INTERNAL"])
        assert "in failing" in caplog.text
    again = run_allocation(hours, now=NOW, runner=runner)
    assert again.refused == ()
    assert len(hours.ledger.snapshot().batches()) == 12
