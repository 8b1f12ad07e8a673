from libc.stdint cimport int32_t

# Demand in tiles of TILE slices; made once and read by any number of threads.
cdef class Tiles:
    cdef readonly Py_ssize_t n
    cdef Py_ssize_t tiles
    cdef int32_t* demand  # [tiles][n][TILE], padded with zero slices
    cdef int32_t* totals  # [tiles][TILE]
