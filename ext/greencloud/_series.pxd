from libc.stdint cimport int64_t, uint8_t, uint64_t

from greencloud._growth cimport Point

cdef class Series:
    cdef:
        readonly Py_ssize_t count
        Point* _points
        Py_ssize_t* _begins

    cdef int _fill(
        self, const int* of_place, const int* places, const uint8_t* fault,
        const uint64_t* start_ns, const uint64_t* time_ns, const uint8_t* kind, const int64_t* bits, Py_ssize_t n,
    ) noexcept nogil
    cdef Py_ssize_t _checked(self, Py_ssize_t series) except -1
