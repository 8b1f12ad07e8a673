# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Points by series, in order of time and start: a counting sort by series, and a sort within a series only where its points did not
come in order. Then each series is one pass (``_growth``).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcpy

from greencloud._growth cimport Growth, Point, grow_cumulative, grow_delta, grow_level, grown, prepare

cdef int64_t TIME_LIMIT = (<int64_t> 7) << 60  # beyond the year 2200; a window's end past it still fits 64 bits


cdef int _order(const void* a, const void* b) noexcept nogil:
    cdef const Point* left = <const Point*> a
    cdef const Point* right = <const Point*> b
    if left.time_ns != right.time_ns:
        return -1 if left.time_ns < right.time_ns else 1
    return (left.start_ns > right.start_ns) - (left.start_ns < right.start_ns)


cdef class Series:
    def __cinit__(self):
        self._points = NULL
        self._begins = NULL

    def __dealloc__(self):
        free(self._points)
        free(self._begins)

    def __init__(
        self,
        Py_ssize_t count,
        const int32_t[::1] of_place,
        const int32_t[::1] places,
        const uint8_t[::1] fault,
        const uint64_t[::1] start_ns,
        const uint64_t[::1] time_ns,
        const uint8_t[::1] kind,
        const int64_t[::1] bits,
    ):
        cdef Py_ssize_t n = places.shape[0]
        cdef Py_ssize_t i, kept = 0
        if self._begins != NULL:
            raise RuntimeError("points are sorted once")
        if not fault.shape[0] == start_ns.shape[0] == time_ns.shape[0] == kind.shape[0] == bits.shape[0] == n:
            raise ValueError("columns are not of one length")
        if count < 0:
            raise ValueError("a negative count")
        for i in range(of_place.shape[0]):
            if of_place[i] < -1 or of_place[i] >= count:
                raise ValueError(f"series {of_place[i]} is not among {count}")
        for i in range(n):
            if places[i] < 0 or places[i] >= of_place.shape[0]:
                raise ValueError(f"combination {places[i]} of point {i} is not among {of_place.shape[0]}")
            if fault[i] or of_place[places[i]] < 0:
                continue
            kept += 1
            if time_ns[i] == 0 or time_ns[i] >= <uint64_t> TIME_LIMIT:
                raise ValueError(f"time of point {i}")
            if not (kind[i] == 1 or (kind[i] == 2 and (<uint64_t> bits[i] >> 52) & 0x7FF != 0x7FF)):
                raise ValueError(f"point {i} has no finite value")
        self._begins = <Py_ssize_t*> calloc(<size_t> count + 2, sizeof(Py_ssize_t))
        self._points = <Point*> malloc(<size_t> max(kept, 1) * sizeof(Point))
        if self._begins == NULL or self._points == NULL:
            raise MemoryError
        self.count = count
        if kept:
            with nogil:
                self._fill(
                    <const int*> &of_place[0], <const int*> &places[0], &fault[0], &start_ns[0], &time_ns[0], &kind[0], &bits[0], n
                )

    cdef int _fill(
        self, const int* of_place, const int* places, const uint8_t* fault,
        const uint64_t* start_ns, const uint64_t* time_ns, const uint8_t* kind, const int64_t* bits, Py_ssize_t n,
    ) noexcept nogil:
        cdef Py_ssize_t i, series, begin, end
        cdef Point* point
        # Sizes go two places on, so that after the points are placed ``begins`` is where each series begins.
        cdef Py_ssize_t* next_at = self._begins + 1
        for i in range(n):
            if fault[i] == 0 and of_place[places[i]] >= 0:
                next_at[of_place[places[i]] + 1] += 1
        for series in range(self.count):
            next_at[series + 1] += next_at[series]
        for i in range(n):
            if fault[i] == 0 and of_place[places[i]] >= 0:
                series = of_place[places[i]]
                point = &self._points[next_at[series]]
                next_at[series] += 1
                point.time_ns = <int64_t> time_ns[i]
                point.start_ns = <int64_t> start_ns[i] if start_ns[i] <= time_ns[i] else 0
                point.bits = bits[i]
                point.kind = kind[i]
        for series in range(self.count):
            begin = self._begins[series]
            end = self._begins[series + 1]
            for i in range(begin + 1, end):
                if _order(&self._points[i - 1], &self._points[i]) > 0:
                    qsort(&self._points[begin], <size_t> (end - begin), sizeof(Point), _order)
                    break
        return 0

    cdef Py_ssize_t _checked(self, Py_ssize_t series) except -1:
        """How many points a series has."""
        if self._begins == NULL or series < 0 or series >= self.count:
            raise IndexError(f"series {series} is not among {self.count}")
        return self._begins[series + 1] - self._begins[series]

    def size(self, Py_ssize_t series):
        return self._checked(series)

    def bounds(self, Py_ssize_t series):
        cdef Py_ssize_t i, n = self._checked(series)
        cdef const Point* points = self._points + self._begins[series]
        cdef int64_t first = points[0].time_ns if n else 0
        for i in range(n):
            if 0 < points[i].start_ns < first:
                first = points[i].start_ns
        return first, points[0].time_ns if n else 0, points[n - 1].time_ns if n else 0

    def points(self, Py_ssize_t series):
        cdef Py_ssize_t i, n = self._checked(series)
        cdef const Point* points = self._points + self._begins[series]
        cdef double value
        cdef list found = []
        for i in range(n):
            if points[i].kind == 1:
                found.append((points[i].time_ns, points[i].start_ns, points[i].bits))
            else:
                memcpy(&value, &points[i].bits, sizeof(double))
                found.append((points[i].time_ns, points[i].start_ns, value))
        return found

    def cumulative(self, Py_ssize_t series, int64_t scale, int64_t window_ns, int64_t longest_ns, const int64_t[::1] besides):
        cdef Py_ssize_t n = self._checked(series)
        cdef Growth growth
        prepare(&growth, scale, 1, window_ns, longest_ns, besides)
        with nogil:
            grow_cumulative(&growth, self._points + self._begins[series], n, scale, longest_ns)
        return grown(&growth)

    def delta(self, Py_ssize_t series, int64_t scale, int64_t window_ns, int64_t longest_ns, const int64_t[::1] besides):
        cdef Py_ssize_t n = self._checked(series)
        cdef Growth growth
        prepare(&growth, scale, 1, window_ns, longest_ns, besides)
        with nogil:
            grow_delta(&growth, self._points + self._begins[series], n, scale, longest_ns)
        return grown(&growth)

    def level(
        self,
        Py_ssize_t series,
        int64_t numerator,
        int64_t denominator,
        int64_t window_ns,
        int64_t longest_ns,
        int64_t most,
        const int64_t[::1] besides,
    ):
        cdef Py_ssize_t n = self._checked(series)
        cdef Growth growth
        if most < 0:
            raise ValueError("a negative limit")
        prepare(&growth, numerator, denominator, window_ns, longest_ns, besides)
        with nogil:
            grow_level(&growth, self._points + self._begins[series], n, numerator, denominator, longest_ns, most)
        return grown(&growth)
