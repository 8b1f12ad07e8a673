from libc.stdint cimport int32_t, int64_t, uint32_t

cdef extern from *:
    """
    typedef unsigned __int128 greencloud_fleet_u128;
    """
    # Only a name that reaches C, as in _apportion.pxd.
    ctypedef unsigned long long u128 "greencloud_fleet_u128"

cdef extern from "_fleet.h" nogil:
    int greencloud_wide
    int greencloud_has_avx2()
    double GREENCLOUD_LEAST
    double GREENCLOUD_MOST
    double greencloud_power(double at_least)
    void fetch(const void* start, int64_t size)
    int weigh_float(
        const float* const* columns, const double* weights, int count, int more, int64_t n, double* out
    )
    int weigh_double(
        const double* const* columns, const double* weights, int count, int more, int64_t n, double* out
    )
    uint32_t highest(const int32_t* codes, int64_t n)
    int all_are(const int32_t* codes, int32_t code, int64_t n)
    int ascending(const int32_t* codes, int64_t n)
    int64_t parts_by_host(
        const double* use, const int64_t* offsets, int64_t hosts, const int64_t* dynamic, double grid, double* part
    )
    int scatter(
        const double* part, const double* reserved, const int32_t* group, int64_t n, double grid, double* pairs,
        double* totals
    )
    int flush(double* pairs, int64_t groups, const double* a, const double* b, int64_t* sums, int64_t* running)

cdef enum:
    OUTPUTS = 7
    LINE = 8  # int64 to a group: 64 bytes
    COLUMNS = 8  # use columns at most, and as many reserved ones
    BLOCK = 256  # rows whose weights stay in the first cache beside their groups
    STEP = 64  # rows between requests for memory
    PAST = 8  # items that a loop over vectors may touch past the end of scratch

cdef struct Totals:
    int64_t dynamic
    int64_t idle
    int64_t overhead
    int64_t location
    int64_t market
    int64_t embodied

# Apart, because each loop over a window's rows needs its own in the first cache.
cdef struct HostMost:
    double most
    double rows

cdef struct HostSum:
    double total
    double grid

cdef class Site:
    cdef readonly Py_ssize_t windows, hosts
    cdef readonly bint keep_unsold
    cdef const int64_t[::1] dynamic
    cdef const double[::1] capacity
    cdef Totals* of

cdef class Columns:
    cdef readonly Py_ssize_t rows, groups
    cdef const int32_t[::1] group
    cdef bint single
    cdef int uses, reserves
    cdef double use_weights[COLUMNS]
    cdef double reserved_weights[COLUMNS]
    cdef const void* use[COLUMNS]
    cdef const void* reserved[COLUMNS]
    cdef list held

    cdef const void* column(self, held, str name) except? NULL
    cdef int weigh(self, int64_t row, int64_t n, double* use, double* reserved) noexcept nogil
    cdef void ahead(self, int64_t row, int64_t n) noexcept nogil
    cdef bint sound(self, int64_t row, int64_t n) noexcept nogil

cdef class Worker:
    cdef readonly Site site
    cdef readonly Columns columns
    cdef int64_t* sums
    cdef double* pairs
    cdef HostMost* most
    cdef HostSum* total
    cdef double* each
    cdef int64_t* offsets
    cdef double* use
    cdef double* reserved
    cdef double* part
    cdef int64_t room
    cdef int64_t unattributed[LINE]
    cdef int64_t unsold[LINE]

    cdef int make_room(self, int64_t rows) noexcept nogil
    cdef int take(
        self, Py_ssize_t window, const int64_t* offsets, const int32_t* host, int64_t start, int64_t n
    ) noexcept nogil
    cdef int by_host(
        self, const int64_t* offsets, const int64_t* dynamic, double grid, double reserved_grid, double* totals, int64_t* attributed
    ) noexcept nogil
    cdef int in_any_order(
        self, const int32_t* host, int64_t start, int64_t n, const int64_t* dynamic, double grid, double reserved_grid,
        double* totals, int64_t* attributed
    ) noexcept nogil
    cdef int host_totals(self, const int32_t* host, int64_t n) noexcept nogil
    cdef double most_reserved(self, int64_t start, int64_t n) noexcept nogil
    cdef void close(self, const Totals* of, double capacity, int64_t attributed, double x, double y) noexcept nogil
