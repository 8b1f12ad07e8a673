from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from greencloud._tables cimport Item, Table

cdef extern from *:
    """
    #include <stdint.h>
    typedef unsigned __int128 greencloud_spans_u128;
    #define greencloud_fetch(address) __builtin_prefetch(address)
    """
    # Only a name that reaches C, as in _apportion.pxd.
    ctypedef unsigned long long u128 "greencloud_spans_u128"
    void greencloud_fetch(const void* address) noexcept nogil

cdef enum:
    MEASURES = 4  # cpu_ns, memory_byte_s, disk_bytes, gpu_ns
    NOTES = 20

# A span with what is read of it, gathered once from the columns.
cdef struct Span:
    uint64_t trace_high
    uint64_t trace_low
    uint64_t id
    uint64_t parent
    uint64_t start
    uint64_t end
    int64_t given[MEASURES]
    int32_t pair
    int32_t name
    int32_t caller
    int32_t account
    uint32_t index
    uint16_t marks
    uint8_t quality
    uint8_t fault

cdef struct Sums:
    u128 of[MEASURES]
    uint64_t count

# Who has an id of a trace in an hour and the one before: of internal accounts, and of others.
cdef struct Claim:
    uint64_t parent  # of the internal account's span that starts first
    int32_t internal
    int32_t tenant
    int32_t internals  # accounts, counted to 2
    int32_t tenants
    int32_t answer  # -1 while it is open
    int32_t via  # the claim whose walk came here

cdef class Weighing:
    # columns of spans
    cdef Py_ssize_t n
    cdef const int32_t[::1] pair, name, caller
    cdef const uint8_t[::1] trace_id, quality, fault
    cdef const uint64_t[::1] span_id, parent_id, start, end
    cdef const int64_t[::1] cpu, memory, io, gpu
    cdef const uint16_t[::1] marks
    # columns of pairs, names, callers and places
    cdef const int32_t[::1] pair_account, pair_process, pair_place, pair_identity
    cdef const uint8_t[::1] pair_internal, pair_fault, name_cut
    cdef const int32_t[::1] name_order, name_operation, caller_order, caller_account
    cdef const int32_t[::1] place_order, place_labels, place_bound, place_other
    cdef int32_t other_operation
    cdef int64_t most_rows, most_sum
    # time
    cdef uint64_t window_ns, first_window, until_window
    cdef uint64_t first_ns, until_ns  # where these windows begin
    # scratch of a bucket and of a trace in it
    cdef int64_t room
    cdef Span* spans
    cdef Item* items
    cdef Item* kids
    cdef Item* spare
    cdef uint64_t* before  # covered by the kids of the same parent before this one
    cdef int32_t* trace_of
    cdef int64_t* bounds
    cdef uint8_t* used
    cdef int64_t kid_count
    cdef Table traces, claims, rows, told
    cdef Claim* claim
    cdef int64_t claim_room
    cdef Sums* sums
    cdef int64_t sums_room
    # results
    cdef uint8_t* seen
    cdef uint8_t* crowded
    cdef int64_t note_count[NOTES]
    cdef Span note_first[NOTES]
    cdef readonly int64_t span_count, duplicate_count
    cdef readonly uint64_t work
    cdef readonly object window, place, operation, caller_of, quality_of, measures, count
    cdef readonly object told_process, told_window, folded, seen_pairs, notes

    cdef void check(self) except *
    cdef int run(self) noexcept nogil
    cdef int make_room(self, int64_t spans) noexcept nogil
    cdef int bucket(self, const uint32_t* order, int64_t n) noexcept nogil
    cdef void ahead(self, uint32_t i) noexcept nogil
    cdef void gather(self, Span* span, uint32_t i) noexcept nogil
    cdef int trace(self, uint64_t number, Item* items, int64_t n) noexcept nogil
    cdef int64_t distinct(self, Item* items, int64_t n) noexcept nogil
    cdef bint starts_inside(self, const Span* span) noexcept nogil
    cdef void note(self, int what, const Span* span) noexcept nogil
    cdef int compare(self, const Span* one, const Span* other) noexcept nogil
    cdef uint8_t judge(self, const Span* span) noexcept nogil
    cdef void unite(self, const Item* items, int64_t n) noexcept nogil
    cdef int64_t kids_from(self, uint64_t parent, uint64_t process) noexcept nogil
    cdef uint64_t covered(self, int64_t low, int64_t high, uint64_t time) noexcept nogil
    cdef bint asks(self, const Span* span) noexcept nogil
    cdef int claim_hours(self, uint64_t number, const Item* items, int64_t n) noexcept nogil
    cdef int32_t ancestor(self, uint64_t number, uint64_t id, uint64_t hour) noexcept nogil
    cdef int weigh(self, uint64_t number, const Span* span, uint8_t usable) noexcept nogil
    cdef Sums* row(self, uint64_t window, int32_t place, int32_t operation, uint64_t rest) noexcept nogil
    cdef Item* sorted_rows(self, int64_t* count) noexcept nogil
    cdef int fold(self, bint again) noexcept nogil
    cdef void write(self) except *
