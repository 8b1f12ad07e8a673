"""The examination of what is visible: every segment is there, whole, balanced, what its id says, and alone on its window."""

from __future__ import annotations

from pathlib import Path

from greencloud.allocation import POSTINGS
from greencloud.errors import GreencloudError
from greencloud.ledger.batch import Batch, batch_id, canonical
from greencloud.ledger.checks import check_batch
from greencloud.ledger.segments import read_header, read_segment
from greencloud.ledger.store import Segment, Version

__all__ = ["examine"]


def examine(root: Path, version: Version) -> list[str]:
    """What is wrong, one sentence a finding, each beginning with the file. Empty: all is well."""
    findings = []
    last: dict[str, Segment] = {}
    for segment in version.segments():
        findings += [f"{segment.path}: {problem}" for problem in _problems(root, segment)]
        before = last.get(segment.site)
        if before and before.window.end > segment.window.start:
            findings.append(
                f"{segment.path}: {segment.site} at {segment.window} is counted twice: {before.path} holds {before.window}"
            )
        if not before or segment.window.end > before.window.end:
            last[segment.site] = segment
    return findings


def _problems(root: Path, segment: Segment) -> list[str]:
    path = root / segment.path
    if not path.is_file():
        return ["the file is missing; restore it from a backup"]
    try:
        header = read_header(path)
        rows = read_segment(path)
        batch = Batch(header.summary, canonical(rows.select(POSTINGS.names)), header.totals)
        check_batch(batch)
        problems = []
        if (header.summary.site, batch.window) != (segment.site, segment.window):
            problems.append(f"holds {header.summary.site} at {batch.window}, not {segment.site} at {segment.window}")
        if header.summary.id != batch_id(batch.summary, batch.postings, batch.totals):
            problems.append("the content is not what the batch id was made from")
    except GreencloudError as error:
        return [error.message]
    return problems
