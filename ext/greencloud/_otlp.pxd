from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "_otlp_points.h" nogil:
    pass

cdef extern from "_otlp_spans.h" nogil:
    const char* NO_MEMORY "GC_NO_MEMORY"
    enum:
        MAX_ATTRIBUTES "GC_MAX_ATTRIBUTES"
        MESSAGES "GC_MESSAGES"
        FIELD_NUMBERS "GC_FIELDS"
        RESOURCE "GC_RESOURCE"
    const uint8_t SCHEMA "GC_SCHEMA"[24][17]
    const uint8_t TRACES_WIDTHS "GC_TRACES_WIDTHS"[16]
    const uint8_t METRICS_WIDTHS "GC_METRICS_WIDTHS"[9]

    ctypedef struct Step "gc_step":
        uint32_t field
        int64_t index
    ctypedef struct State "gc_state":
        const uint8_t* start
        const uint8_t* where
        const char* what
        int depth
        int steps
        Step path[128]
    ctypedef struct Buffer "gc_buffer":
        uint8_t* p
        size_t room
    ctypedef struct Texts "gc_texts":
        uint8_t* bytes
        size_t* ends
        size_t count
        size_t room
        uint64_t seed
    ctypedef struct Common "gc_common":
        uint64_t first_ns
        uint64_t until_ns
        uint64_t oldest_ns
        uint64_t newest_ns
        uint64_t low_ns
        uint64_t high_ns
        int32_t owner
        size_t count
        size_t size
        size_t room
        Texts resources
        Buffer scratch
        Buffer merged
    ctypedef struct TracesColumns "gc_traces":
        Common c
        int32_t* owner
        int32_t* resource
        int32_t* name
        int32_t* caller
        uint8_t* trace_id
        uint64_t* span_id
        uint64_t* parent_id
        uint64_t* start_ns
        uint64_t* end_ns
        int64_t* amount[4]
        uint8_t* quality
        uint8_t* fault
        uint16_t* marks
        Texts names
        Texts callers
    ctypedef struct MetricsColumns "gc_metrics":
        Common c
        int32_t* owner
        int32_t* resource
        int32_t* metric
        int32_t* attributes
        uint64_t* start_ns
        uint64_t* time_ns
        int64_t* bits
        uint8_t* kind
        uint8_t* fault
        Texts metrics
        Texts attribute_sets
    ctypedef struct Piece "gc_piece":
        const uint8_t* p
        size_t n
    ctypedef struct Value "gc_value":
        int kind
        Piece text
        uint64_t number

    bint decode_traces "gc_decode_traces"(State* s, const uint8_t* at, const uint8_t* end, TracesColumns* t) noexcept
    bint decode_metrics "gc_decode_metrics"(State* s, const uint8_t* at, const uint8_t* end, MetricsColumns* m) noexcept
    void*** traces_columns "gc_traces_columns"(TracesColumns* t, void*** of) noexcept
    void*** metrics_columns "gc_metrics_columns"(MetricsColumns* m, void*** of) noexcept
    void free_columns "gc_free_columns"(void*** of, int columns, size_t* room) noexcept
    void clear_common "gc_clear"(Common* c, void*** of, int columns) noexcept
    void texts_free "gc_texts_free"(Texts* t) noexcept
    void texts_clear "gc_texts_clear"(Texts* t) noexcept
    void texts_cut "gc_texts_cut"(Texts* t, size_t count) noexcept
    bint tag_of "gc_tag"(State* s, const uint8_t** at, const uint8_t* end, uint32_t* tag) noexcept
    bint length_of "gc_length"(State* s, const uint8_t** at, const uint8_t* end, size_t* length) noexcept
    bint skip "gc_skip"(State* s, const uint8_t** at, const uint8_t* end, uint32_t tag) noexcept
    void begin_state "gc_begin"(State* s, const uint8_t* start) noexcept
    bint check_message "gc_check"(State* s, const uint8_t* at, const uint8_t* end, int message) noexcept
    bint key_value "gc_key_value"(State* s, const uint8_t* at, const uint8_t* end, Piece* key, Value* value) noexcept


cdef class Columns:
    cdef Py_ssize_t exports, changes
    cdef bint busy
    cdef Common* common(self) noexcept
    cdef int still(self) except -1
    cdef int ready(self) except -1
    cdef object view(self, void* data, Py_ssize_t items, Py_ssize_t each, str form)
    cdef list texts(self, Texts* t)


cdef class Traces(Columns):
    cdef TracesColumns t


cdef class Metrics(Columns):
    cdef MetricsColumns m
