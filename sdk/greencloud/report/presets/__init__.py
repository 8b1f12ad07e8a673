"""Footprints in the tables that providers publish, so that what already reads theirs reads ours: one module a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from greencloud.report.dataset import Dataset
from greencloud.report.presets import aws_carbon, focus, google_carbon
from greencloud.results import FootprintRow, Granularity

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A published table: the dimensions and periods that its rows need, and how rows become it. ``data`` takes rows of these
    dimensions and the id of who pays, "" where every account pays for itself."""

    group_by: tuple[str, ...]
    granularities: tuple[Granularity, ...]
    data: Callable[[Sequence[FootprintRow], str], Dataset]


PRESETS: Final = {
    "aws-carbon": Preset(aws_carbon.GROUP_BY, (Granularity.MONTH,), aws_carbon.aws_carbon_data),
    "google-carbon": Preset(google_carbon.GROUP_BY, (Granularity.MONTH,), google_carbon.google_carbon_data),
    "focus": Preset(focus.GROUP_BY, (Granularity.MONTH, Granularity.DAY, Granularity.HOUR), focus.focus_data),
}
