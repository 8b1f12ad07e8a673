"""The examination of what is visible: every segment is there, whole, balanced, what its ids say, and alone on its windows; and
every roll-up of them says what they say.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import GreencloudError, StoreError, StoreUnavailableError
from greencloud.ledger.batch import Batch, batch_id, canonical, sum_of
from greencloud.ledger.checks import check_batch
from greencloud.ledger.columns import MEASURES, ROWS, SEGMENT
from greencloud.ledger.header import Header
from greencloud.ledger.restatement_chain import Chains
from greencloud.ledger.restatement_files import FOLDER, RestatementFiles
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.segments import cached_headers, content_in, content_of, read_headers, read_segment
from greencloud.ledger.table_log import damaged_entries
from greencloud.ledger.version import Segment, Version
from greencloud.objects.objects import LOCAL, Objects
from greencloud.units import Window

__all__ = ["examine"]


def examine(root: Path, version: Version, objects: Objects = LOCAL) -> list[str]:
    """What is wrong, one sentence a finding, each beginning with the file. Empty: all is well."""
    findings = [
        f"{entry.relative_to(root)}: the entry of the table's log is damaged; restore it from a backup"
        for entry in damaged_entries(root)
    ]
    last: dict[str, tuple[Segment, Window]] = {}
    held: list[tuple[Window, Segment]] = []
    segments = version.segments()
    lost = objects.missing([root / segment.path for segment in segments])
    for segment in segments:
        windows, problems = _problems(root, segment, objects, lost)
        findings += [f"{segment.path}: {problem}" for problem in problems]
        held += [(window, segment) for window in windows]
    for window, segment in sorted(held, key=lambda each: (each[0].start, each[1].site, each[1].path)):
        before = last.get(segment.site)
        if before and before[1].end > window.start:
            findings.append(f"{segment.path}: {segment.site} at {window} is counted twice: {before[0].path} holds {before[1]}")
        if not before or window.end > before[1].end:
            last[segment.site] = segment, window
    return findings + _of_restatements(root, version, objects) + Rollups(root, objects=objects).examine(version)


def _of_restatements(root: Path, version: Version, objects: Objects) -> list[str]:
    """What is wrong with the record of what was restated: a file that is missing, changed, or does not add up."""
    files = RestatementFiles(root, objects)
    chains = Chains.of(files)
    findings = []
    for segment in version.segments():
        with suppress(StoreError):  # told above
            for header in cached_headers(root / segment.path, objects):
                try:
                    for head in chains.heads(header.summary):
                        _, lines = files.read(head.name)
                        for measure in MEASURES:
                            own = lines.filter(pc.equal(lines["measure"], measure))
                            told = sum_of(own["new"]) - sum_of(own["old"])
                            if told != head.new.totals[measure] - head.old.totals[measure]:
                                findings.append(f"{FOLDER}/{head.name}: {measure} does not add up to the difference of the batches")
                except StoreError as error:
                    findings.append(error.message)
    return findings


def _problems(root: Path, segment: Segment, objects: Objects, lost: set[Path]) -> tuple[list[Window], list[str]]:
    """The windows that a segment holds, as far as it can be read, and what is wrong with it."""
    path = root / segment.path
    told = [Window(segment.first, segment.window_s)]
    if path in lost:
        return told, ["the file is missing; restore it from a backup"]
    try:
        headers = read_headers(path, objects)
        rows = read_segment(path, objects)
        problems = []
        batches = [Batch(header.summary, canonical(_of(rows, header)), header.totals) for header in headers]
        for header, batch in zip(headers, batches, strict=True):
            check_batch(batch)
            if header.summary.site != segment.site or not segment.first <= header.summary.start <= segment.last:
                where = f"{segment.site} from {segment.first:%Y-%m-%dT%H:%M}Z to {segment.last:%Y-%m-%dT%H:%M}Z"
                problems.append(f"holds {header.summary.site} at {batch.window}, not {where}")
            if header.summary.id != batch_id(batch.summary, batch.postings, batch.totals):
                problems.append("the content is not what the batch id was made from")
        if sum(batch.postings.num_rows for batch in batches) != rows.num_rows or rows.num_rows != segment.rows:
            problems.append("it holds postings of no batch")
        if content_in(segment.path) != content_of([header.summary.id for header in headers]):
            problems.append("its batches are not those that its name stands for")
    except StoreUnavailableError:
        raise
    except GreencloudError as error:
        return told, [error.message]
    return [batch.window for batch in batches], problems


def _of(rows: pa.Table, header: Header) -> pa.Table:
    """The postings of one batch; what they repeat of its header must be so."""
    own = rows.filter(pc.equal(rows["batch_id"], header.summary.id))
    told = {"provisional": header.summary.provisional, "methodology_version": header.summary.methodology_version}
    for name, value in told.items():
        if not pc.all(pc.equal(own[name], pa.scalar(value, SEGMENT.field(name).type))).as_py() and own.num_rows:
            raise StoreError(f"{name} of some postings is not that of the batch's header")
    return own.select(ROWS.names)
