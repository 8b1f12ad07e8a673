from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from greencloud._tables cimport Table

cdef extern from *:
    """
    typedef __int128 greencloud_i128;
    """
    # Cython knows no 128-bit type; the name is what reaches C, the size here is only a lower bound.
    ctypedef long long i128 "greencloud_i128"

cdef enum:
    MOST = 16  # columns of a kind
    DENSE = 1 << 20  # groups that are found by their number alone; of more, those that occur are hashed

cdef struct Group:
    uint64_t number
    int64_t posted
    uint8_t flags

cdef struct Job:
    Py_ssize_t grouped
    const int32_t* codes[MOST]
    uint64_t sizes[MOST]
    Py_ssize_t masked
    const int32_t* mask_codes[MOST]
    uint64_t mask_sizes[MOST]
    const uint8_t* masks[MOST]
    const int64_t* bounds
    Py_ssize_t ranges
    Py_ssize_t measured
    const int64_t* measures[MOST]
    const uint8_t* flags
    const int64_t* posted
    uint32_t* dense  # group + 1 by number, 0 where it did not occur yet; NULL where they are hashed
    Table table
    Group* groups
    i128* sums  # measures of a group lie together
    int64_t size
    int64_t room
    int64_t most  # groups that there may be
    int64_t bad  # the row of a code that is out of range

cdef class Columns:
    cdef readonly int64_t rows
    cdef Py_ssize_t dimensions
    cdef Py_ssize_t measured
    cdef const int32_t* codes[MOST]
    cdef uint64_t sizes[MOST]
    cdef const int64_t* measures[MOST]
    cdef const uint8_t* flags
    cdef const int64_t* posted
    cdef list _held
