# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""OTLP export requests decoded into columns, straight from their bytes.

The reading itself is C, so that a fuzzer can take it without an interpreter: ``_wire.h`` (the wire format, as strictly as protobuf
reads it), ``_otlp_schema.h`` (messages that are only checked), ``_otlp_values.h`` (attributes), ``_otlp_request.h`` (groups of a
resource), ``_otlp_spans.h`` and ``_otlp_points.h`` (items into columns), ``_otlp_columns.h`` (columns and dictionaries). Here are
the objects that own the memory, the views of it, and the errors. The interpreter lock is released while a request is read.

A column is seen through a memoryview of what it holds now. While one is out the object refuses to change, as a bytearray does;
while a thread decodes into it, it refuses everything.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer, PyBUF_SIMPLE
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

import os

cdef uint64_t ANY_TIME = 0xffffffffffffffff
cdef Py_ssize_t MAX_BYTES = 0x7fffffff  # of a message, by protobuf

# The names of fields, and of the messages that are their values, for messages of errors. The first ones are in the order of the
# tables in _otlp_schema.h.
cdef dict FIELDS = {
    "Resource": "1 attributes KeyValue, 2 dropped_attributes_count, 3 entity_refs EntityRef",
    "KeyValue": "1 key, 2 value AnyValue, 3 key_strindex",
    "AnyValue": (
        "1 string_value, 2 bool_value, 3 int_value, 4 double_value, 5 array_value ArrayValue, 6 kvlist_value KeyValueList, 7 "
        "bytes_value, 8 string_value_strindex"
    ),
    "ArrayValue": "1 values AnyValue",
    "KeyValueList": "1 values KeyValue",
    "EntityRef": "1 schema_url, 2 type, 3 id_keys, 4 description_keys",
    "InstrumentationScope": "1 name, 2 version, 3 attributes KeyValue, 4 dropped_attributes_count",
    "Span": (
        "1 trace_id, 2 span_id, 3 trace_state, 4 parent_span_id, 5 name, 6 kind, 7 start_time_unix_nano, 8 end_time_unix_nano, "
        "9 attributes KeyValue, 10 dropped_attributes_count, 11 events Event, 12 dropped_events_count, 13 links Link, 14 "
        "dropped_links_count, 15 status Status, 16 flags"
    ),
    "Event": "1 time_unix_nano, 2 name, 3 attributes KeyValue, 4 dropped_attributes_count",
    "Link": "1 trace_id, 2 span_id, 3 trace_state, 4 attributes KeyValue, 5 dropped_attributes_count, 6 flags",
    "Status": "2 message, 3 code",
    "Metric": (
        "1 name, 2 description, 3 unit, 5 gauge Gauge, 7 sum Sum, 9 histogram Histogram, 10 exponential_histogram "
        "ExponentialHistogram, 11 summary Summary, 12 metadata KeyValue"
    ),
    "Gauge": "1 data_points NumberDataPoint",
    "Sum": "1 data_points NumberDataPoint, 2 aggregation_temporality, 3 is_monotonic",
    "NumberDataPoint": (
        "2 start_time_unix_nano, 3 time_unix_nano, 4 as_double, 5 exemplars Exemplar, 6 as_int, 7 attributes KeyValue, 8 flags"
    ),
    "Exemplar": "2 time_unix_nano, 3 as_double, 4 span_id, 5 trace_id, 6 as_int, 7 filtered_attributes KeyValue",
    "Histogram": "1 data_points HistogramDataPoint, 2 aggregation_temporality",
    "HistogramDataPoint": (
        "2 start_time_unix_nano, 3 time_unix_nano, 4 count, 5 sum, 6 bucket_counts, 7 explicit_bounds, 8 exemplars Exemplar, 9 "
        "attributes KeyValue, 10 flags, 11 min, 12 max"
    ),
    "ExponentialHistogram": "1 data_points ExponentialHistogramDataPoint, 2 aggregation_temporality",
    "ExponentialHistogramDataPoint": (
        "1 attributes KeyValue, 2 start_time_unix_nano, 3 time_unix_nano, 4 count, 5 sum, 6 scale, 7 zero_count, 8 positive "
        "Buckets, 9 negative Buckets, 10 flags, 11 exemplars Exemplar, 12 min, 13 max, 14 zero_threshold"
    ),
    "Buckets": "1 offset, 2 bucket_counts",
    "Summary": "1 data_points SummaryDataPoint",
    "SummaryDataPoint": (
        "2 start_time_unix_nano, 3 time_unix_nano, 4 count, 5 sum, 6 quantile_values ValueAtQuantile, 7 attributes KeyValue, 8 "
        "flags"
    ),
    "ValueAtQuantile": "1 quantile, 2 value",
    "ExportTraceServiceRequest": "1 resource_spans ResourceSpans",
    "ResourceSpans": "1 resource Resource, 2 scope_spans ScopeSpans, 3 schema_url",
    "ScopeSpans": "1 scope InstrumentationScope, 2 spans Span, 3 schema_url",
    "ExportMetricsServiceRequest": "1 resource_metrics ResourceMetrics",
    "ResourceMetrics": "1 resource Resource, 2 scope_metrics ScopeMetrics, 3 schema_url",
    "ScopeMetrics": "1 scope InstrumentationScope, 2 metrics Metric, 3 schema_url",
}
cdef tuple SHAPES = ("unspecified", "delta", "cumulative", "gauge")


class OtlpError(ValueError):
    """Bytes that are no export request; ``offset`` is the byte that shows it, ``field`` the way to it."""

    def __init__(self, str what, Py_ssize_t offset, str field):
        super().__init__(what, offset, field)
        self.offset = offset
        self.field = field

    def __str__(self):
        place = f", in {self.field}" if self.field else ""
        return f"{self.args[0]} at byte {self.offset}{place}"


cdef dict _fields(str message):
    """By number: name, and the message that a value is, or ""."""
    found = {}
    for line in FIELDS[message].split(", "):
        number, name, *inner = line.split()
        found[int(number)] = (name, inner[0] if inner else "")
    return found


cdef object _error(State* s, str message):
    cdef int step
    if s.what == NO_MEMORY:
        return MemoryError("no memory to decode a request")
    parts = []
    for step in range(s.steps - 1, -1, -1):
        field, index = s.path[step].field, s.path[step].index
        name, message = (_fields(message) if message else {}).get(field, (str(field), ""))
        parts.append(name if index < 0 else f"{name}[{index}]")
    return OtlpError(s.what.decode(), s.where - s.start, ".".join(parts))


cdef class _Column:
    """A view's owner: the memory of one column as it was when the view was made, of no use once there was a change."""

    cdef Columns owner
    cdef Py_ssize_t changes
    cdef void* data
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]
    cdef bytes form

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("columns are read only")
        if self.changes != self.owner.changes:
            raise BufferError("the column has changed since")
        buffer.buf = self.data
        buffer.obj = self
        buffer.len = self.shape[0] * self.strides[0]
        buffer.readonly = 1
        buffer.itemsize = self.strides[0]
        buffer.format = <char*> self.form if flags & PyBUF_FORMAT else NULL
        buffer.ndim = 1
        buffer.shape = self.shape
        buffer.strides = self.strides
        buffer.suboffsets = NULL
        buffer.internal = NULL
        self.owner.exports += 1

    def __releasebuffer__(self, Py_buffer* buffer):
        self.owner.exports -= 1


cdef char EMPTY = 0


cdef class Columns:
    """What both signals have in common."""

    def __cinit__(self, *args, **kwargs):
        if not isinstance(self, (Traces, Metrics)):
            raise TypeError("columns are of Traces or of Metrics")

    cdef Common* common(self) noexcept:
        return NULL

    cdef object view(self, void* data, Py_ssize_t items, Py_ssize_t each, str form):
        self.still()
        cdef _Column column = _Column.__new__(_Column)
        column.owner = self
        column.changes = self.changes
        column.data = data if data != NULL else &EMPTY
        column.shape[0] = items
        column.strides[0] = each
        column.form = form.encode()
        return memoryview(column)

    cdef int still(self) except -1:
        """Before anything is looked at: while another thread decodes, columns move."""
        if self.busy:
            raise BufferError("another thread is decoding into these columns")
        return 0

    cdef int ready(self) except -1:
        """Before anything is changed."""
        self.still()
        if self.exports:
            raise BufferError("a view of a column is out: release it first")
        self.changes += 1
        return 0

    def __len__(self):
        self.still()
        return self.common().size

    def bounds(self):
        self.still()
        cdef Common* c = self.common()
        if c.low_ns > c.high_ns:
            return 1, 0
        return c.low_ns, c.high_ns

    @property
    def resources(self):
        return self.texts(&self.common().resources)

    cdef list texts(self, Texts* t):
        cdef size_t i, at = 0
        self.still()
        found = []
        for i in range(t.count):
            found.append(PyBytes_FromStringAndSize(<char*> t.bytes + at, t.ends[i] - at))
            at = t.ends[i]
        return found


cdef void _begin(Common* c, uint64_t first_ns, uint64_t until_ns, uint64_t seed) noexcept:
    c.first_ns = first_ns
    c.until_ns = until_ns
    c.low_ns = ANY_TIME
    c.high_ns = 0
    c.resources.seed = seed


cdef void _free_common(Common* c) noexcept:
    texts_free(&c.resources)
    free(c.scratch.p)
    free(c.merged.p)


cdef int _open(object payload, Py_buffer* buffer) except -1:
    PyObject_GetBuffer(payload, buffer, PyBUF_SIMPLE)
    if buffer.len > MAX_BYTES:
        PyBuffer_Release(buffer)
        raise OtlpError(f"more than {MAX_BYTES} bytes", 0, "")
    return 0


cdef uint64_t _seed() except? 0:
    return int.from_bytes(os.urandom(8), "little")


cdef class Traces(Columns):
    def __init__(self, *, uint64_t first_ns=0, uint64_t until_ns=ANY_TIME):
        cdef void** of[16]
        self.ready()
        free_columns(traces_columns(&self.t, of), 16, &self.t.c.room)
        _free_common(&self.t.c)
        texts_free(&self.t.names)
        texts_free(&self.t.callers)
        memset(&self.t, 0, sizeof(TracesColumns))
        _begin(&self.t.c, first_ns, until_ns, _seed())
        self.t.names.seed = _seed()
        self.t.callers.seed = _seed()

    def __dealloc__(self):
        cdef void** of[16]
        free_columns(traces_columns(&self.t, of), 16, &self.t.c.room)
        _free_common(&self.t.c)
        texts_free(&self.t.names)
        texts_free(&self.t.callers)

    cdef Common* common(self) noexcept:
        return &self.t.c

    def append(self, payload, int32_t owner=0, uint64_t oldest_ns=0, uint64_t newest_ns=ANY_TIME):
        cdef Py_buffer buffer
        cdef State s
        cdef bint done
        cdef TracesColumns* t = &self.t
        cdef size_t size = t.c.size
        cdef size_t resources = t.c.resources.count
        cdef size_t names = t.names.count
        cdef size_t callers = t.callers.count
        cdef uint64_t low_ns = t.c.low_ns
        cdef uint64_t high_ns = t.c.high_ns
        self.ready()
        t.c.owner = owner
        t.c.oldest_ns = oldest_ns
        t.c.newest_ns = newest_ns
        _open(payload, &buffer)
        self.busy = True
        try:
            with nogil:
                done = decode_traces(&s, <const uint8_t*> buffer.buf, <const uint8_t*> buffer.buf + buffer.len, t)
                if not done:
                    t.c.size = size
                    t.c.low_ns = low_ns
                    t.c.high_ns = high_ns
                    texts_cut(&t.c.resources, resources)
                    texts_cut(&t.names, names)
                    texts_cut(&t.callers, callers)
            if not done:
                raise _error(&s, "ExportTraceServiceRequest")
        finally:
            self.busy = False
            PyBuffer_Release(&buffer)
        return t.c.count

    def clear(self):
        cdef void** of[16]
        self.ready()
        clear_common(&self.t.c, traces_columns(&self.t, of), 16)
        texts_clear(&self.t.names)
        texts_clear(&self.t.callers)

    @property
    def names(self):
        return [text.decode() for text in self.texts(&self.t.names)]

    @property
    def callers(self):
        return [text.decode() for text in self.texts(&self.t.callers)]

    @property
    def owner(self):
        return self.view(self.t.owner, self.t.c.size, 4, "i")

    @property
    def resource(self):
        return self.view(self.t.resource, self.t.c.size, 4, "i")

    @property
    def name(self):
        return self.view(self.t.name, self.t.c.size, 4, "i")

    @property
    def caller(self):
        return self.view(self.t.caller, self.t.c.size, 4, "i")

    @property
    def trace_id(self):
        return self.view(self.t.trace_id, 16 * self.t.c.size, 1, "B")

    @property
    def span_id(self):
        return self.view(self.t.span_id, self.t.c.size, 8, "Q")

    @property
    def parent_id(self):
        return self.view(self.t.parent_id, self.t.c.size, 8, "Q")

    @property
    def start_ns(self):
        return self.view(self.t.start_ns, self.t.c.size, 8, "Q")

    @property
    def end_ns(self):
        return self.view(self.t.end_ns, self.t.c.size, 8, "Q")

    @property
    def cpu_ns(self):
        return self.view(self.t.amount[0], self.t.c.size, 8, "q")

    @property
    def memory_byte_s(self):
        return self.view(self.t.amount[1], self.t.c.size, 8, "q")

    @property
    def io_bytes(self):
        return self.view(self.t.amount[2], self.t.c.size, 8, "q")

    @property
    def gpu_ns(self):
        return self.view(self.t.amount[3], self.t.c.size, 8, "q")

    @property
    def quality(self):
        return self.view(self.t.quality, self.t.c.size, 1, "B")

    @property
    def marks(self):
        return self.view(self.t.marks, self.t.c.size, 2, "H")

    @property
    def fault(self):
        return self.view(self.t.fault, self.t.c.size, 1, "B")


cdef class Metrics(Columns):
    def __init__(self, *, uint64_t first_ns=0, uint64_t until_ns=ANY_TIME):
        cdef void** of[9]
        self.ready()
        free_columns(metrics_columns(&self.m, of), 9, &self.m.c.room)
        _free_common(&self.m.c)
        texts_free(&self.m.metrics)
        texts_free(&self.m.attribute_sets)
        memset(&self.m, 0, sizeof(MetricsColumns))
        _begin(&self.m.c, first_ns, until_ns, _seed())
        self.m.metrics.seed = _seed()
        self.m.attribute_sets.seed = _seed()

    def __dealloc__(self):
        cdef void** of[9]
        free_columns(metrics_columns(&self.m, of), 9, &self.m.c.room)
        _free_common(&self.m.c)
        texts_free(&self.m.metrics)
        texts_free(&self.m.attribute_sets)

    cdef Common* common(self) noexcept:
        return &self.m.c

    def append(self, payload, int32_t owner=0, uint64_t oldest_ns=0, uint64_t newest_ns=ANY_TIME):
        cdef Py_buffer buffer
        cdef State s
        cdef bint done
        cdef MetricsColumns* m = &self.m
        cdef size_t size = m.c.size
        cdef size_t resources = m.c.resources.count
        cdef size_t metrics = m.metrics.count
        cdef size_t sets = m.attribute_sets.count
        cdef uint64_t low_ns = m.c.low_ns
        cdef uint64_t high_ns = m.c.high_ns
        self.ready()
        m.c.owner = owner
        m.c.oldest_ns = oldest_ns
        m.c.newest_ns = newest_ns
        _open(payload, &buffer)
        self.busy = True
        try:
            with nogil:
                done = decode_metrics(&s, <const uint8_t*> buffer.buf, <const uint8_t*> buffer.buf + buffer.len, m)
                if not done:
                    m.c.size = size
                    m.c.low_ns = low_ns
                    m.c.high_ns = high_ns
                    texts_cut(&m.c.resources, resources)
                    texts_cut(&m.metrics, metrics)
                    texts_cut(&m.attribute_sets, sets)
            if not done:
                raise _error(&s, "ExportMetricsServiceRequest")
        finally:
            self.busy = False
            PyBuffer_Release(&buffer)
        return m.c.count

    def clear(self):
        cdef void** of[9]
        self.ready()
        clear_common(&self.m.c, metrics_columns(&self.m, of), 9)
        texts_clear(&self.m.metrics)
        texts_clear(&self.m.attribute_sets)

    @property
    def metrics(self):
        found = []
        for text in self.texts(&self.m.metrics):
            length = int.from_bytes(text[:8], "little")
            end = len(text) - 2
            name, unit = text[8 : 8 + length].decode(), text[8 + length : end].decode()
            found.append((name, unit, SHAPES[text[end]], bool(text[end + 1])))
        return found

    @property
    def attribute_sets(self):
        return self.texts(&self.m.attribute_sets)

    @property
    def owner(self):
        return self.view(self.m.owner, self.m.c.size, 4, "i")

    @property
    def resource(self):
        return self.view(self.m.resource, self.m.c.size, 4, "i")

    @property
    def metric(self):
        return self.view(self.m.metric, self.m.c.size, 4, "i")

    @property
    def attributes(self):
        return self.view(self.m.attributes, self.m.c.size, 4, "i")

    @property
    def start_ns(self):
        return self.view(self.m.start_ns, self.m.c.size, 8, "Q")

    @property
    def time_ns(self):
        return self.view(self.m.time_ns, self.m.c.size, 8, "Q")

    @property
    def bits(self):
        return self.view(self.m.bits, self.m.c.size, 8, "q")

    @property
    def kind(self):
        return self.view(self.m.kind, self.m.c.size, 1, "B")

    @property
    def fault(self):
        return self.view(self.m.fault, self.m.c.size, 1, "B")


def attributes_of(message):
    cdef Py_buffer buffer
    cdef State s
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef uint32_t tag = 0
    cdef size_t length = 0
    cdef Piece key
    cdef Value value
    cdef int count = 0
    found = {}
    _open(message, &buffer)
    try:
        at = <const uint8_t*> buffer.buf
        end = at + buffer.len
        begin_state(&s, at)
        if not check_message(&s, at, end, RESOURCE):
            raise _error(&s, "Resource")
        while at < end and count < MAX_ATTRIBUTES:  # all is sound, so that nothing here fails
            tag_of(&s, &at, end, &tag)
            if tag != (1 << 3 | 2):
                skip(&s, &at, end, tag)
                continue
            length_of(&s, &at, end, &length)
            key_value(&s, at, at + length, &key, &value)
            at += length
            count += 1
            if value.kind:
                found[key.p[: key.n].decode()] = _scalar(&value)
    finally:
        PyBuffer_Release(&buffer)
    return found


cdef object _scalar(Value* value):
    cdef double number
    if value.kind == 1:
        return value.text.p[: value.text.n].decode()
    if value.kind == 2:
        return value.number != 0
    if value.kind == 3:
        return <int64_t> value.number
    if value.kind == 4:
        memcpy(&number, &value.number, 8)
        return number
    return PyBytes_FromStringAndSize(<const char*> value.text.p, value.text.n)


def schema():
    cdef int message, number, kind
    found = {}
    for message, name in enumerate(FIELDS):
        kinds = {}
        for number, (field, inner) in _fields(name).items():
            kind = SCHEMA[message][number] if message < MESSAGES else -1
            kinds[number] = (field, inner, kind)
        if message < MESSAGES:
            extra = [number for number in range(FIELD_NUMBERS) if SCHEMA[message][number] and number not in kinds]
            assert not extra, (name, extra)
        found[name] = kinds
    return found
