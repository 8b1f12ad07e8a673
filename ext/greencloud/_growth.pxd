from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef extern from *:
    """
    typedef __int128 greencloud_i128;
    """
    # Cython knows no 128-bit type; the name is what reaches C, the size here is only a lower bound. Never made a Python object.
    ctypedef long long i128 "greencloud_i128"

cdef enum:
    # Faults, as bits
    CONTRADICTION = 1
    NEGATIVE = 2
    SILENCE = 4
    ABOVE = 8
    # An integer of a level; times an hour of nanoseconds, 42 bits, that is what fits
    LEVEL_BITS = 84

cdef struct Point:
    int64_t time_ns
    int64_t start_ns  # 0 where it is not known
    int64_t bits
    uint8_t kind  # 1 integer, 2 double

cdef struct Items:
    int64_t* at
    Py_ssize_t size
    Py_ssize_t room

cdef struct Growth:
    Items windows  # number, amount
    Items runs  # start, end
    Items apart  # start, end, amount, opening
    int64_t window_ns
    int64_t low_ns, high_ns  # the window that was added to last
    const int64_t* besides  # start, end
    Py_ssize_t besides_count, besides_at
    Py_ssize_t dropped
    int faults
    bint unfit  # not the common case
    bint full  # out of memory

cdef int prepare(
    Growth* growth, int64_t numerator, int64_t denominator, int64_t window_ns, int64_t longest_ns, const int64_t[::1] besides
) except -1
cdef void grow_cumulative(Growth* growth, const Point* points, Py_ssize_t n, int64_t scale, int64_t longest_ns) noexcept nogil
cdef void grow_delta(Growth* growth, const Point* points, Py_ssize_t n, int64_t scale, int64_t longest_ns) noexcept nogil
cdef void grow_level(
    Growth* growth, const Point* points, Py_ssize_t n, int64_t numerator, int64_t denominator, int64_t longest_ns, int64_t most
) noexcept nogil
cdef object grown(Growth* growth)
