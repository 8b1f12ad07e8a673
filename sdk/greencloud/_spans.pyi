"""The span kernel: columns of spans to sums by row (see ``ext/greencloud/_spans.pyx``).

Use it through ``greencloud.telemetry.spans``. Buffers are contiguous; codes are int32, flags uint8. No other thread may write to a
buffer during a call. Results are the same whatever the order of spans.
"""

from array import array
from typing import Protocol

from typing_extensions import Buffer

class SpanColumns(Protocol):
    """What is read of ``greencloud._otlp.Traces``."""

    @property
    def name(self) -> Buffer: ...
    @property
    def caller(self) -> Buffer: ...
    @property
    def trace_id(self) -> Buffer: ...
    @property
    def span_id(self) -> Buffer: ...
    @property
    def parent_id(self) -> Buffer: ...
    @property
    def start_ns(self) -> Buffer: ...
    @property
    def end_ns(self) -> Buffer: ...
    @property
    def cpu_ns(self) -> Buffer: ...
    @property
    def memory_byte_s(self) -> Buffer: ...
    @property
    def io_bytes(self) -> Buffer: ...
    @property
    def gpu_ns(self) -> Buffer: ...
    @property
    def quality(self) -> Buffer: ...
    @property
    def marks(self) -> Buffer: ...
    @property
    def fault(self) -> Buffer: ...

def pairs_of(owner: Buffer, resource: Buffer) -> tuple[array[int], array[int], array[int]]:
    """The number of each span's pair of owner and resource; the owner, and the resource, of each pair, in order of first sight."""

class Weighing:
    """Weighs spans; what comes of it is in the attributes.

    Of each pair: account, process, place (-1 without a site), rank of the resource's identity, whether the account is internal,
    fault (0, 9 or 10). Of each name: rank of the text, operation, whether it was cut. Of each caller: rank of the text, account or
    -1. Of each place: rank of (site, host, account, service, sku), rank of the labels, number of (site, host, account) whose rows
    ``most_rows`` bounds in a window, and the place of what is beyond. Operations, accounts and ranks are in the order of texts.

    Only windows that begin in ``[first_ns, until_ns)`` are told of, and of them only spans that start in one are counted or noted.

    Raises:
        ValueError: columns that differ in length, an index out of range, times that are a fault and not marked as one, or windows
            that do not divide the hour.
    """

    window: array[int]
    """Of each row, in the order of their keys' texts, as are the next ones; sums beyond ``most_sum`` are one more."""
    place: array[int]
    operation: array[int]
    caller_of: array[int]
    """An account, or -1."""
    quality_of: array[int]
    """0 estimated, 1 exact, 2 measured."""
    measures: tuple[array[int], array[int], array[int], array[int]]
    """cpu_ns, memory_byte_s, disk_bytes, gpu_ns."""
    count: array[int]
    told_process: array[int]
    """Processes, and windows, for which spans account for CPU; in no order."""
    told_window: array[int]
    folded: array[int]
    """Places of which rows were moved to others, for there were more than ``most_rows``."""
    seen_pairs: array[int]
    """Bits: 1 a span of the pair was there, 2 one was counted."""
    notes: dict[int, tuple[int, int]]
    """What was found, how many distinct spans have it, and the first of them: 1 to 10 faults, 11 copies that contradict each
    other, 12 ids used again with another start, 13 to 16 an amount that cannot be (by measure), 17 a caller that is no account, 18
    a name cut."""
    span_count: int
    duplicate_count: int
    work: int
    """Steps of loops that could grow faster than their input: for tests that they do not."""
    def __init__(
        self,
        spans: SpanColumns,
        pair: Buffer,
        *,
        pair_account: Buffer,
        pair_process: Buffer,
        pair_place: Buffer,
        pair_identity: Buffer,
        pair_internal: Buffer,
        pair_fault: Buffer,
        name_order: Buffer,
        name_operation: Buffer,
        name_cut: Buffer,
        caller_order: Buffer,
        caller_account: Buffer,
        place_order: Buffer,
        place_labels: Buffer,
        place_bound: Buffer,
        place_other: Buffer,
        other_operation: int,
        most_rows: int,
        most_sum: int,
        window_ns: int,
        first_ns: int,
        until_ns: int,
    ) -> None: ...
