"""What a worker of a run does: one partition, from its inputs to a segment that nobody sees yet.

The worker reads, allocates, checks that the batch balances, keeps the inputs, and writes one immutable segment under a name that is
never used twice. It commits nothing: the driver does, in one place (``greencloud.engine.distribution``). So a worker may die
anywhere, or do the same partition twice: what it leaves behind are files that no version of the ledger names.

``place`` is where the data lies: the path of a data directory, on a file system that all machines share, or the URI of a store in
object storage, of which each machine keeps a cache under ``GREENCLOUD_WORK`` (by default in the folder for temporary files).
"""

from __future__ import annotations

import hashlib
import logging
import os
import resource
import tempfile
import time
import traceback
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from greencloud.allocation import rule_named
from greencloud.engine.data import DataDirectory
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.lake import LakePartition, read_partition
from greencloud.engine.partition import Made, Partition, Result
from greencloud.engine.posting import FAULT, OF_THE_MACHINE, REFUSALS, fault_told
from greencloud.engine.window_batch import window_batch
from greencloud.engine.window_memory import check_memory
from greencloud.errors import GreencloudError, NotFoundError, StoreUnavailableError
from greencloud.facility import Facility
from greencloud.ledger import Batch
from greencloud.ledger.checks import check_batch
from greencloud.ledger.header import Header, canonical_json, summary_fields
from greencloud.ledger.segments import rows_of
from greencloud.usage import empty_usage

__all__ = ["WORK", "answer", "opened", "run_partition"]

WORK: Final = "GREENCLOUD_WORK"

_LOG: Final = logging.getLogger("greencloud.engine")
_LONGEST_TRACE: Final = 8_000


def run_partition(place: str, part: Partition) -> Made:
    """Do one partition. What is wrong with it, or with the store, is told in the answer, as is that greencloud failed at it. What
    the machine lacks is raised, and engines try that again elsewhere."""
    data = None
    try:
        data = opened(place)
        return _done(data, part)
    except REFUSALS as error:
        return _told(part, "refused", error)
    except GreencloudError as error:
        return _told(part, "failed", error)
    except OF_THE_MACHINE:
        raise
    except Exception as error:
        _LOG.exception("%s, window of %d s from %d us", part.site, part.seconds, part.start_us)
        trace = "".join(traceback.format_exception(error))[-_LONGEST_TRACE:]
        return replace(_told(part, "refused", error), trace=trace)


def answer(place: str, document: bytes) -> bytes:
    """The same for an engine that carries documents, and does again what raises.

    Raises:
        StoreUnavailableError: object storage does not answer; another try may find it back.
    """
    made = run_partition(place, Partition.decoded(document))
    if made.result == "failed" and made.reason == StoreUnavailableError.reason:
        raise StoreUnavailableError(f"{made.reason}: {made.site} {made.window}: {made.message}")
    return made.encoded()


@lru_cache(maxsize=4)
def opened(place: str) -> DataDirectory:
    """The data directory of a place; of a store in object storage, a cache of it on this machine."""
    if "://" not in place:
        return DataDirectory.open(place, create=False)
    root = Path(os.environ.get(WORK) or Path(tempfile.gettempdir()) / f"greencloud-work-{os.getuid()}")
    return DataDirectory.attach(place, root / hashlib.sha256(place.encode()).hexdigest()[:16])


@lru_cache(maxsize=2)
def _book(place: Path, revision: str) -> Facility:
    book = DataDirectory(place).facility_of(revision)
    if book is None:
        raise NotFoundError(
            f"the facility book {revision[:12]} is not kept in {place}",
            advice="run with the data directory that the run was begun with",
        )
    return book


def _done(data: DataDirectory, part: Partition) -> Made:
    began = time.perf_counter()
    facility = _book(data.path, part.facility)
    inputs = data.inputs.read(part.usage) if part.usage else _from_lake(part)
    revision = part.usage or inputs.revision
    read = time.perf_counter()
    if part.unchanged_if and revision == part.unchanged_if:
        if not data.inputs.holds(revision):
            data.inputs.write(inputs)
        return _answer(part, "unchanged", inputs, read_s=read - began)
    if part.memory:
        check_memory(part.site, part.window, inputs.usage.rows.num_rows, part.memory)
    batch = window_batch(
        facility,
        inputs,
        part.site,
        part.window,
        rule=part.rule,
        usage_revision=revision,
        provisional=part.provisional,
        created=part.created,
    )
    check_batch(batch)
    made = time.perf_counter()
    if not part.usage:
        data.inputs.write(inputs)
    return _written(data, part, inputs, batch, read_s=read - began, allocate_s=made - read, since=made)


def _written(
    data: DataDirectory, part: Partition, inputs: BatchInputs, batch: Batch, *, read_s: float, allocate_s: float, since: float
) -> Made:
    ledger = data.ledger
    summary = replace(batch.summary, supersedes=part.supersedes if part.supersedes != batch.summary.id else "")
    segment = ledger.write([Header(summary, batch.totals)], rows_of(summary, batch.postings))
    state = (ledger.store.root / segment.path).stat()
    ledger.store.put([segment])
    return _answer(
        part,
        "written",
        inputs,
        segment=segment.path,
        header=canonical_json({"summary": summary_fields(summary), "totals": batch.totals}),
        rows=segment.rows,
        size=state.st_size,
        modified_ms=state.st_mtime_ns // 1_000_000,
        read_s=read_s,
        allocate_s=allocate_s,
        write_s=time.perf_counter() - since,
    )


def _from_lake(part: Partition) -> BatchInputs:
    """The usage of a lake's files, which are of the window; a rule that looks into the window sees no finer."""
    usage = empty_usage()
    if part.files:
        usage = read_partition(part.lake, LakePartition(part.site, part.window.start, part.seconds, part.files, part.size))
    slices = None
    if rule_named(part.rule).needs_slices:
        slices = usage.rows.filter(pc.equal(usage.rows["source"], "provider"))
    return BatchInputs(usage, slices)


def _answer(part: Partition, result: Result, inputs: BatchInputs, **told: object) -> Made:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    known = {"usage_rows": inputs.usage.rows.num_rows, "peak_bytes": peak}
    return Made(part.site, part.start_us, part.seconds, result, **known, **told)  # type: ignore[arg-type]


def _told(part: Partition, result: Result, error: Exception) -> Made:
    told = (error.reason, str(error)) if isinstance(error, GreencloudError) else (FAULT, fault_told(error))
    return Made(part.site, part.start_us, part.seconds, result, reason=told[0], message=told[1])
