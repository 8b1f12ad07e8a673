"""A run over a lake of usage: the driver lists what lies there, and workers read it.

What is due are the sites and windows of the lake, and those of which the facility book has readings. What the data directory holds
of usage itself is left out: telemetry and files of its own belong to a run without a lake. So nothing is withdrawn or made final
here of what the lake does not hold, and a batch that was made from usage stands where the lake has no file of its window any more,
whatever meters say. A window whose files were replaced by newer ones is allocated again, and supersedes.

The driver reads no usage. Whether a window has changed is found out by the worker, from the revision of what it has read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from greencloud.engine.data import DataDirectory
from greencloud.engine.distribution import Progress, distribute
from greencloud.engine.lake import LakePartition, partitions
from greencloud.engine.partition import Partition
from greencloud.engine.run_state import Options, RunState
from greencloud.engine.runner import Runner
from greencloud.errors import UsageDataError
from greencloud.ledger.lease import Held
from greencloud.results import RunSummary
from greencloud.units import Window, format_instant

__all__ = ["LakeRun"]


class LakeRun(RunState):
    """A run over the lake at ``uri`` (``greencloud.engine.lake``)."""

    def __init__(self, data: DataDirectory, uri: str, options: Options, held: Held) -> None:
        super().__init__(data, data.facility(), options, held)
        self.uri = uri
        self.due = self._due()

    def summary(self, runner: Runner, progress: Progress) -> RunSummary:
        """Run it. Raises as ``greencloud.engine.distribution.distribute``."""
        distribute(self, runner, self._partitions(), len(self.due), progress)
        return self.outcome.summary()

    def _due(self) -> dict[tuple[datetime, str], LakePartition]:
        """By start and site, in order of day.

        Raises:
            UsageDataError: the lake's windows are of another length than the book's; or there are none at all.
        """
        found = {}
        seconds = self.facility.window_seconds
        laid_out = partitions(self.uri, window_s=seconds)
        if not laid_out:
            raise UsageDataError(
                "no usage is laid out there by site and window",
                path=self.uri,
                advice="check the name: a lake is laid out as site=SITE/window_start=TIME (docs/scale.md)",
            )
        for part in laid_out:
            if not self.options.wanted(part.start):
                continue
            if part.window_s != seconds:
                at = f"{part.site} at {format_instant(part.start)}"
                raise UsageDataError(
                    f"the lake has windows of {part.window_s} s ({at}), the facility book of {seconds} s",
                    path=self.uri,
                    advice="lay the lake out in the windows of the facility book",
                )
            found[part.start, part.site] = part
        for reading in self.facility.readings:
            start, site = reading.window.start, reading.site
            if self.options.wanted(start) and not self.made_from_usage(site, reading.window):
                found.setdefault((start, site), LakePartition(site, start, seconds, (), 0))
        return dict(sorted(found.items(), key=lambda item: (item[0][0].date(), item[0][1], item[0][0])))

    def _partitions(self) -> Iterator[Partition]:
        for (start, site), part in self.due.items():
            yield self.partition(site, Window(start, part.window_s), lake=self.uri, files=part.files, size=part.bytes)
