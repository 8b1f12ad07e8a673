"""OTLP export requests decoded into columns, straight from their bytes.

A request is read in one pass, as strictly as protobuf reads it, and its items are laid behind those that the columns hold. Items
that can never be counted are stored with their ``fault``. Times are nanoseconds since 1970-01-01 UTC. A column is a read-only
memoryview of what is there when it is asked for; while one is out, ``append`` and ``clear`` raise BufferError. The interpreter lock
is released while a request is read; whatever another thread asks of the same columns meanwhile raises BufferError. So give each
thread its own.
"""

class OtlpError(ValueError):
    """Bytes that are no export request. ``offset``: the byte that shows it. ``field``: dotted path, with indices, "" at the top."""

    offset: int
    field: str
    def __init__(self, what: str, offset: int, field: str) -> None: ...

class Columns:
    def __len__(self) -> int: ...
    def bounds(self) -> tuple[int, int]:
        """The earliest start and the latest end of items without a fault; (1, 0) where there are none."""

    @property
    def owner(self) -> memoryview[int]:
        """int32: as given to ``append``."""

    @property
    def resource(self) -> memoryview[int]:
        """int32: number in ``resources``."""

    @property
    def fault(self) -> memoryview[int]:
        """uint8: 0, or why the item cannot be counted (``greencloud.telemetry.admission``)."""

    @property
    def resources(self) -> list[bytes]:
        """Serialised ``Resource`` messages, distinct by bytes, in the order of first sight."""

class Traces(Columns):
    """Spans that overlap ``[first_ns, until_ns)``; one of no length overlaps where it starts."""

    def __init__(self, *, first_ns: int = 0, until_ns: int = ...) -> None: ...
    def append(self, payload: bytes | bytearray | memoryview, owner: int = 0, oldest_ns: int = 0, newest_ns: int = ...) -> int:
        """Decode an ``ExportTraceServiceRequest``; gives the number of its spans, stored or not.

        A span that starts before ``oldest_ns`` or ends after ``newest_ns`` has a fault.

        Raises:
            OtlpError: the bytes are none, or one of more groups or spans than are taken; nothing of it is stored.
            BufferError: a view of a column is out.
            MemoryError: nothing of it is stored.
        """

    def clear(self) -> None:
        """Forget all; keep the memory, unless it is far more than was lately in use."""

    @property
    def name(self) -> memoryview[int]:
        """int32: number in ``names``."""

    @property
    def names(self) -> list[str]: ...
    @property
    def caller(self) -> memoryview[int]:
        """int32: number in ``callers`` of the text of ``greencloud.caller.account``; -1 without."""

    @property
    def callers(self) -> list[str]: ...
    @property
    def trace_id(self) -> memoryview[int]:
        """uint8, 16 a span; zeros where it has another length."""

    @property
    def span_id(self) -> memoryview[int]:
        """uint64, big-endian; 0 where it is not 8 bytes."""

    @property
    def parent_id(self) -> memoryview[int]:
        """uint64, big-endian; 0 for none, and where it is not 8 bytes."""

    @property
    def start_ns(self) -> memoryview[int]: ...
    @property
    def end_ns(self) -> memoryview[int]: ...
    @property
    def cpu_ns(self) -> memoryview[int]:
        """int64: ``greencloud.cpu.time``; 0 where it is not given as an integer, which ``marks`` tells."""

    @property
    def memory_byte_s(self) -> memoryview[int]: ...
    @property
    def io_bytes(self) -> memoryview[int]: ...
    @property
    def gpu_ns(self) -> memoryview[int]: ...
    @property
    def quality(self) -> memoryview[int]:
        """uint8: ``greencloud.quality``: 0 not given, 1 exact, 2 thread, 3 none, 4 anything else."""

    @property
    def marks(self) -> memoryview[int]:
        """uint16: 1 the parent is remote; 2, 4, 8, 16 CPU, memory, I/O, GPU given; 32, 64, 128, 256 given, but no integer."""

class Metrics(Columns):
    """Number points of gauges and sums, of a time in ``[first_ns, until_ns)``; other kinds are checked and passed over."""

    def __init__(self, *, first_ns: int = 0, until_ns: int = ...) -> None: ...
    def append(self, payload: bytes | bytearray | memoryview, owner: int = 0, oldest_ns: int = 0, newest_ns: int = ...) -> int:
        """Decode an ``ExportMetricsServiceRequest``; gives the number of its number points that record a value, stored or not.

        Raises:
            OtlpError: the bytes are none, or one of more groups or points than are taken; nothing of it is stored.
            BufferError: a view of a column is out.
            MemoryError: nothing of it is stored.
        """

    def clear(self) -> None: ...
    @property
    def metric(self) -> memoryview[int]:
        """int32: number in ``metrics``."""

    @property
    def metrics(self) -> list[tuple[str, str, str, bool]]:
        """Name, unit, shape ("cumulative", "delta", "gauge", "unspecified"), monotonic."""

    @property
    def attributes(self) -> memoryview[int]:
        """int32: number in ``attribute_sets``."""

    @property
    def attribute_sets(self) -> list[bytes]:
        """The attributes of points, serialised as those of a ``Resource``, distinct by bytes."""

    @property
    def start_ns(self) -> memoryview[int]: ...
    @property
    def time_ns(self) -> memoryview[int]: ...
    @property
    def kind(self) -> memoryview[int]:
        """uint8: 0 no value, 1 an integer, 2 a double."""

    @property
    def bits(self) -> memoryview[int]:
        """int64: the integer, or the bits of the double."""

def attributes_of(message: bytes | bytearray | memoryview) -> dict[str, str | int | float | bool | bytes]:
    """The attributes of a serialised ``Resource``: the first 128 are read, of a repeated key the last scalar holds.

    Raises:
        OtlpError: the bytes are none.
    """

def schema() -> dict[str, dict[int, tuple[str, str, int]]]:
    """By message and field number: the name, the message that a value is ("" for others), and what the tables take it for (-1 where
    there is none), for the test that compares them with the descriptors."""
